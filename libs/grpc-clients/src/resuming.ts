import { HoldfastError } from '@holdfast/errors'
import { backoffMs, pause } from './backoff.js'
import type { Link } from './channels.js'
import type { Connection } from './connection.js'
import type { CallOptions } from './options.js'
import { type StreamAttempt, StreamFailure } from './server-stream.js'

export interface ResumingStream<Event> {
  readonly name: string
  /** One attempt, from where the former one was cut. */
  open(link: Link, attempt: StreamAttempt): AsyncIterable<Event>
  /** Whether nothing comes after this event. A stream that ends without such an event was cut as well. */
  isLast(event: Event): boolean
}

/** One uncut stream out of as many attempts as it takes. As long as nothing has come, it ends as any call ends, after `maxAttempts`; once
 *  something has, every outage may last `reconnectMs`.
 *  @throws UNAVAILABLE when that is over; CANCELLED; DEADLINE_EXCEEDED; what the server answers */
export async function* resuming<Event>(
  connection: Connection,
  stream: ResumingStream<Event>,
  deadlineMs: number,
  options: CallOptions,
): AsyncGenerator<Event, void, undefined> {
  const deadline = Date.now() + (options.deadlineMs ?? deadlineMs)
  using call = connection.begin(options.signal)
  let failedOn: Link | undefined
  let failures = 0
  let hasBegun = false
  let cutAt: number | undefined
  const stands = () => {
    hasBegun = true
    failures = 0
    cutAt = undefined
  }
  for (;;) {
    const link = await connection.channels.next(deadline, failedOn)
    const openedAt = Date.now()
    let error: HoldfastError
    try {
      for await (const event of stream.open(link, { deadline, signal: call.signal })) {
        stands()
        yield event
        if (stream.isLast(event)) return
      }
      error = new HoldfastError('UNAVAILABLE', `${stream.name} was ended by ${link.address} before its last event`)
    } catch (thrown) {
      if (!(thrown instanceof StreamFailure)) throw thrown
      const { effect } = thrown.failure
      error = thrown.failure.error
      if (effect === 'answered') throw error
      // A subscription may have nothing to say for hours.
      if (effect === 'unknown' && Date.now() - openedAt >= silenceThatStands(connection.reconnectMs)) stands()
    }
    failedOn = link
    failures += 1
    cutAt ??= Date.now()
    const waitMs = backoffMs(failures, error.retryAfterMs)
    const nextAt = Date.now() + waitMs
    const outOfTime = hasBegun ? nextAt > cutAt + connection.reconnectMs : failures >= connection.maxAttempts
    if (outOfTime || nextAt >= deadline) throw error
    await pause(waitMs, call.signal, stream.name)
  }
}

/** A connection that was lost after this time without a word had been a good one. */
function silenceThatStands(reconnectMs: number): number {
  return Math.min(5_000, reconnectMs / 4)
}
