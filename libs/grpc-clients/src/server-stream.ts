import type { ServiceError } from '@grpc/grpc-js'
import { CallSpan } from './call-span.js'
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
}

/** One attempt at a server-streaming call, read as fast as the caller takes it. Leaving the loop cancels the call. When the call fails,
 *  grpc-js drops what the caller has not taken yet: resume behind what was delivered, not behind what arrived.
 *  @throws StreamFailure; CANCELLED when the signal aborts */
export async function* readStream<Response>(
  connection: Connection,
  link: Link,
  request: EncodedCall<Response>,
  { deadline, signal }: StreamAttempt,
): AsyncGenerator<Response, void, undefined> {
  if (signal.aborted) throw cancelled(request.name, signal.reason)
  const span = new CallSpan(request.path, link.address)
  const call = link.client.makeServerStreamRequest(
    request.path,
    (bytes: Buffer) => bytes,
    request.decode,
    request.bytes,
    span.tell(connection.metadata()),
    { deadline },
  )
  span.follow(call)
  const abort = () => call.cancel()
  signal.addEventListener('abort', abort, { once: true })
  // What cancelling reports after the loop was left is of no interest, and unheard it would end the process.
  call.on('error', () => {})
  try {
    for await (const response of call) yield response as Response
  } catch (error) {
    if (signal.aborted) throw cancelled(request.name, signal.reason)
    throw isServiceError(error) ? new StreamFailure(failureOf(error, request.name, link.address)) : error
  } finally {
    signal.removeEventListener('abort', abort)
    call.cancel()
  }
}

export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error && 'metadata' in error
}
