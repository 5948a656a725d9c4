import { once } from 'node:events'
import type { ClientDuplexStream, ClientWritableStream } from '@grpc/grpc-js'
import { CallSpan } from './call-span.js'
import type { Link } from './channels.js'
import type { Connection } from './connection.js'
import { cancelled, type Failure, failureOf } from './failures.js'
import type { Method } from './method.js'
import { isServiceError, type StreamAttempt, StreamFailure } from './server-stream.js'

/** One attempt at a call whose requests are a stream and whose response is one. What the requests throw ends the call and is thrown.
 *  @throws CANCELLED when the signal aborts */
export async function sendStream<Request, Response>(
  connection: Connection,
  link: Link,
  method: Method<Request, Response>,
  requests: AsyncIterable<Request>,
  { deadline, signal }: StreamAttempt,
): Promise<{ readonly response: Response } | Failure> {
  const name = nameOf(method)
  if (signal.aborted) throw cancelled(name, signal.reason)
  let settle: (outcome: { readonly response: Response } | Failure) => void = () => {}
  const outcome = new Promise<{ readonly response: Response } | Failure>((resolve) => (settle = resolve))
  const span = new CallSpan(method.path, link.address)
  const call = link.client.makeClientStreamRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    span.tell(connection.metadata()),
    { deadline },
    (error, response) => {
      if (error !== null) settle(failureOf(error, name, link.address))
      else if (response !== undefined) settle({ response })
    },
  )
  span.follow(call)
  using sending = send(call, requests, signal)
  const result = await outcome
  if (signal.aborted) throw cancelled(name, signal.reason)
  const { failure } = sending
  if (failure !== undefined && !('response' in result)) throw failure.thrown
  return result
}

/** One attempt at a call that streams both ways, read as fast as the caller takes it. Leaving the loop cancels the call.
 *  @throws StreamFailure; CANCELLED when the signal aborts; what the requests throw */
export async function* converse<Request, Response>(
  connection: Connection,
  link: Link,
  method: Method<Request, Response>,
  requests: AsyncIterable<Request>,
  { deadline, signal }: StreamAttempt,
): AsyncGenerator<Response, void, undefined> {
  const name = nameOf(method)
  if (signal.aborted) throw cancelled(name, signal.reason)
  const span = new CallSpan(method.path, link.address)
  const call: ClientDuplexStream<Request, Response> = link.client.makeBidiStreamRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    span.tell(connection.metadata()),
    { deadline },
  )
  span.follow(call)
  using sending = send(call, requests, signal)
  // Not its own iterator, which would throw what the writing side is told when the server has answered early.
  try {
    for await (const response of call) yield response as Response
  } catch (error) {
    if (signal.aborted) throw cancelled(name, signal.reason)
    if (sending.failure !== undefined) throw sending.failure.thrown
    throw isServiceError(error) ? new StreamFailure(failureOf(error, name, link.address)) : error
  }
}

interface Sending extends Disposable {
  /** What the requests threw. */
  readonly failure: { readonly thrown: unknown } | undefined
}

/** Writes the requests as fast as they are taken, then ends the caller's side. Disposing it ends the call and the requests. */
function send<Request>(
  call: ClientWritableStream<Request> | ClientDuplexStream<Request, unknown>,
  requests: AsyncIterable<Request>,
  signal: AbortSignal,
): Sending {
  let failure: Sending['failure']
  const over = new AbortController()
  const abort = (): void => call.cancel()
  signal.addEventListener('abort', abort, { once: true })
  // What is written after the server has answered goes nowhere; unheard, that would end the process.
  call.on('error', () => over.abort())
  call.once('status', () => over.abort())
  const iterator = requests[Symbol.asyncIterator]()
  const writeAll = async (): Promise<void> => {
    for (;;) {
      const step = await iterator.next()
      if (over.signal.aborted) return
      if (step.done === true) break
      if (!call.write(step.value)) await once(call, 'drain', { signal: over.signal }).catch(() => {})
      if (over.signal.aborted) return
    }
    call.end()
  }
  writeAll().catch((thrown: unknown) => {
    failure = { thrown }
    call.cancel()
  })
  return {
    get failure() {
      return failure
    },
    [Symbol.dispose]() {
      signal.removeEventListener('abort', abort)
      over.abort()
      call.cancel()
      // A source that waits for more (a microphone) may never come to this; nobody waits for it.
      iterator.return?.().catch(() => {})
    },
  }
}

function nameOf({ path }: { readonly path: string }): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
