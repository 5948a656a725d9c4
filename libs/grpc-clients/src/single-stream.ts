import { backoffMs, pause } from './backoff.js'
import type { Link } from './channels.js'
import type { Connection } from './connection.js'
import type { CallOptions } from './options.js'
import { type StreamAttempt, StreamFailure } from './server-stream.js'

/** A stream that cannot be resumed: it is tried again only while the server is known not to have begun it and `mayRepeat` says yes.
 *  @throws UNAVAILABLE when it was cut; CANCELLED; DEADLINE_EXCEEDED; what the server answers */
export async function* singleStream<Event>(
  connection: Connection,
  name: string,
  open: (link: Link, attempt: StreamAttempt) => AsyncIterable<Event>,
  mayRepeat: () => boolean,
  options: CallOptions,
): AsyncGenerator<Event, void, undefined> {
  const deadline = Date.now() + (options.deadlineMs ?? connection.streamDeadlineMs)
  using call = connection.begin(options.signal)
  let failedOn: Link | undefined
  for (let attempt = 1; ; attempt++) {
    const link = await connection.channels.next(deadline, failedOn)
    try {
      yield* open(link, { deadline, signal: call.signal })
      return
    } catch (thrown) {
      if (!(thrown instanceof StreamFailure)) throw thrown
      const { error, effect } = thrown.failure
      failedOn = link
      const waitMs = backoffMs(attempt, error.retryAfterMs)
      const isOver = attempt >= connection.maxAttempts || Date.now() + waitMs >= deadline
      if (effect !== 'none' || isOver || !mayRepeat()) throw error
      await pause(waitMs, call.signal, name)
    }
  }
}
