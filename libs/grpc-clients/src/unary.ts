import { backoffMs, pause } from './backoff.js'
import { CallSpan } from './call-span.js'
import type { Link } from './channels.js'
import type { Connection } from './connection.js'
import { cancelled, type Failure, failureOf, outcomeUnknown } from './failures.js'
import type { EncodedCall } from './method.js'
import type { CallOptions } from './options.js'

/** Calls until there is an answer, an error that a repetition would not change, or no time left.
 *  @throws UNKNOWN when the connection was lost and the call must not be repeated */
export async function callUnary<Response>(
  connection: Connection,
  request: EncodedCall<Response>,
  repeatable: boolean,
  options: CallOptions = {},
): Promise<Response> {
  const deadline = Date.now() + (options.deadlineMs ?? connection.deadlineMs)
  using call = connection.begin(options.signal)
  let failedOn: Link | undefined
  for (let attempt = 1; ; attempt++) {
    const link = await connection.channels.next(deadline, failedOn)
    const outcome = await attemptUnary(connection, link, request, deadline, call.signal)
    if ('response' in outcome) return outcome.response
    failedOn = link
    const { error, effect } = outcome
    if (effect === 'answered') throw error
    if (effect === 'unknown' && !repeatable) throw outcomeUnknown(request.name, outcome)
    const waitMs = backoffMs(attempt, error.retryAfterMs)
    if (attempt >= connection.maxAttempts || Date.now() + waitMs >= deadline) throw error
    await pause(waitMs, call.signal, request.name)
  }
}

/** One attempt at one address. */
export async function callOn<Response>(
  connection: Connection,
  link: Link,
  request: EncodedCall<Response>,
  options: CallOptions,
): Promise<Response> {
  const deadline = Date.now() + (options.deadlineMs ?? connection.deadlineMs)
  using call = connection.begin(options.signal)
  const outcome = await attemptUnary(connection, link, request, deadline, call.signal)
  if ('response' in outcome) return outcome.response
  throw outcome.error
}

function attemptUnary<Response>(
  connection: Connection,
  link: Link,
  request: EncodedCall<Response>,
  deadline: number,
  signal: AbortSignal,
): Promise<{ readonly response: Response } | Failure> {
  const { name, path, bytes, decode } = request
  const refusal = link.throttle.refusal(link.address)
  if (refusal !== undefined) return Promise.resolve({ error: refusal, effect: 'none' })
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(cancelled(name, signal.reason))
      return
    }
    const span = new CallSpan(path, link.address)
    const call = link.client.makeUnaryRequest(
      path,
      asItIs,
      decode,
      bytes,
      span.tell(connection.metadata()),
      { deadline },
      (error, response) => {
        signal.removeEventListener('abort', abort)
        const failure = error === null ? undefined : failureOf(error, name, link.address)
        link.throttle.answered(failure?.error)
        if (error === null && response !== undefined) resolve({ response })
        else if (signal.aborted) reject(cancelled(name, signal.reason))
        else if (failure !== undefined) resolve(failure)
      },
    )
    span.follow(call)
    const abort = () => call.cancel()
    signal.addEventListener('abort', abort, { once: true })
  })
}

function asItIs(bytes: Buffer): Buffer {
  return bytes
}
