import type { Link } from './channels.js'
import type { Connection } from './connection.js'
import { cancelled, type Failure, failureOf } from './failures.js'
import type { EncodedCall } from './method.js'

/** An attempt at a stream that was cut or refused; internal to this library, the caller sees its `failure.error`. */
export class StreamFailure extends Error {
  readonly failure: Failure

  constructor(failure: Failure) {
    super(failure.error.message, { cause: failure.error })
    this.failure = failure
  }
}

export interface StreamAttempt {
  readonly deadline: number
  readonly signal: AbortSignal
  /** Called when the server has taken the call, before its first message. */
  readonly accepted?: () => void
}

const pauseAt = 64
const resumeAt = 16

/** One attempt at a server-streaming call. Everything that arrived before a failure is delivered before the failure, which the
 *  async iterator of a grpc-js stream does not promise. Leaving the loop cancels the call.
 *  @throws StreamFailure; CANCELLED when the signal aborts */
export async function* readStream<Response>(
  connection: Connection,
  link: Link,
  request: EncodedCall<Response>,
  attempt: StreamAttempt,
): AsyncGenerator<Response, void, undefined> {
  const { deadline, signal } = attempt
  const { name } = request
  if (signal.aborted) throw cancelled(name, signal.reason)
  const call = link.client.makeServerStreamRequest(
    request.path,
    (bytes: Buffer) => bytes,
    request.decode,
    request.bytes,
    connection.metadata(),
    { deadline },
  )
  const arrived: Response[] = []
  let failure: Failure | undefined
  let ended = false
  let wake: (() => void) | undefined
  const abort = () => call.cancel()
  signal.addEventListener('abort', abort, { once: true })
  call.on('metadata', () => attempt.accepted?.())
  call.on('data', (response: Response) => {
    arrived.push(response)
    if (arrived.length >= pauseAt) call.pause()
    wake?.()
  })
  call.on('end', () => {
    ended = true
    wake?.()
  })
  call.on('error', (error) => {
    for (let rest: unknown = call.read(); rest !== null; rest = call.read()) arrived.push(rest as Response)
    failure = failureOf(error as Parameters<typeof failureOf>[0], name, link.address)
    ended = true
    wake?.()
  })
  try {
    for (;;) {
      const next = arrived.shift()
      if (next !== undefined) {
        if (arrived.length <= resumeAt && call.isPaused()) call.resume()
        yield next
      } else if (ended) {
        break
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
    if (signal.aborted) throw cancelled(name, signal.reason)
    if (failure !== undefined) throw new StreamFailure(failure)
  } finally {
    signal.removeEventListener('abort', abort)
    call.cancel()
  }
}
