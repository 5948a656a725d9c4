import { randomUUID } from 'node:crypto'
import {
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type StatusObject,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
import { HoldfastError } from '@holdfast/errors'
import { grpcStatusObject } from '@holdfast/protocol'
import { admit } from './auth/admission.js'
import type { Authenticator } from './auth/authenticator.js'
import type { MethodRoles } from './auth/method-roles.js'
import type { Role } from './caller.js'
import { type CallContext, RunningCall, type RunningCalls, type WireCall, deadlineExceeded } from './call-context.js'
import type { Logger } from './logs.js'
import type { CallRecorder } from './metrics.js'
import { requestsOf } from './request-stream.js'
import { refuseUndecodable } from './undecodable.js'

/** What the handlers of one server have in common. */
export interface ServerState {
  readonly logger: Logger
  readonly running: RunningCalls
  /** Aborts when the server begins to stop. */
  readonly stopping: AbortSignal
  /** The least role for each method; default: that of all of proto/. */
  readonly roles: MethodRoles | undefined
  /** `undefined`: everybody is the local caller. */
  readonly authenticator: Authenticator | undefined
  /** For unary calls without a deadline, in milliseconds. */
  readonly defaultDeadlineMs: number
}

/** One method: how it is called in logs and metrics, and where its calls are counted. */
export interface MethodTrace {
  /** `holdfast.chat.v1.ChatService/SendMessage`. */
  readonly name: string
  /** The least role for it; `undefined`: nobody may call it where there is authentication. */
  readonly role: Role | undefined
  /** Whether the caller sends requests as a stream, and whether it gets responses as one. */
  readonly requestStream: boolean
  readonly responseStream: boolean
  readonly record: CallRecorder | undefined
}

type UnaryWire = ServerUnaryCall<unknown, unknown> | ServerReadableStream<unknown, unknown>
type StreamWire = ServerWritableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>

/** Serves methods with one response: to one request, or to a stream of them, which the handler gets as an async iterable. */
export function serveUnary(
  method: MethodTrace,
  handle: (request: unknown, context: CallContext) => Promise<unknown>,
  state: ServerState,
): (wire: UnaryWire, respond: sendUnaryData<unknown>) => void {
  return (wire, respond) => {
    const call = begin(method, wire, state)
    let isAnswered = false
    const answer = (failure: unknown, response?: unknown): void => {
      if (isAnswered) return
      isAnswered = true
      clearTimeout(timer)
      const error = failure === undefined ? undefined : failureToTell(failure, call)
      end(call, error, method, state)
      if (error) respond(statusOf(error))
      else respond(null, response)
    }
    // An upload takes as long as it takes; keepalive finds out callers that are gone.
    const hasDefaultDeadline = call.deadline === Infinity && !method.requestStream
    const timer = hasDefaultDeadline ? setTimeout(expire, state.defaultDeadlineMs) : undefined
    function expire(): void {
      const error = deadlineExceeded(method.name)
      call.abort(error)
      answer(error)
    }
    try {
      const admitted = enter(method, wire, call, state)
      const response =
        admitted === undefined
          ? handle(requestOf(wire, call), call)
          : admitted.then(() => handle(requestOf(wire, call), call))
      response.then((value) => answer(undefined, value), answer)
    } catch (error) {
      answer(error)
    }
  }
}

/** Serves methods with a stream of responses, in the same way. */
export function serveStream(
  method: MethodTrace,
  handle: (request: unknown, context: CallContext) => AsyncIterable<unknown>,
  state: ServerState,
): (wire: StreamWire) => void {
  return (wire) => {
    const call = begin(method, wire, state)
    const settle = (failure?: unknown): void => {
      const error = failure === undefined ? undefined : failureToTell(failure, call)
      end(call, error, method, state)
      // grpc-js takes the status of a stream from this event, and sends it after what was written.
      if (error) wire.emit('error', Object.assign(new Error(error.message), statusOf(error)))
      else wire.end()
    }
    sendAll(method, wire, call, handle, state).then(() => settle(), settle)
  }
}

async function sendAll(
  method: MethodTrace,
  wire: StreamWire,
  call: RunningCall,
  handle: (request: unknown, context: CallContext) => AsyncIterable<unknown>,
  state: ServerState,
): Promise<void> {
  const admitted = enter(method, wire, call, state)
  if (admitted !== undefined) await admitted
  const request = requestOf(wire, call)
  const { signal } = call
  for await (const response of handle(request, call)) {
    if (!signal.aborted && !wire.write(response)) await drained(wire, signal)
    // Leaving the loop closes the handler's generator.
    signal.throwIfAborted()
  }
  signal.throwIfAborted()
}

/** Resolves when the peer has read enough for more to be written, or the call is over. */
function drained(wire: StreamWire, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      wire.off('drain', done)
      signal.removeEventListener('abort', done)
      resolve()
    }
    wire.once('drain', done)
    signal.addEventListener('abort', done)
  })
}

function begin(method: MethodTrace, wire: WireCall, state: ServerState): RunningCall {
  const call = new RunningCall(method, wire, state.logger, state.stopping)
  state.running.add(call)
  return call
}

/** Lets the call in, at once if its credential is remembered. @throws as admission does; UNAVAILABLE when the server stops */
function enter(method: MethodTrace, wire: WireCall, call: RunningCall, state: ServerState): Promise<void> | undefined {
  if (state.stopping.aborted) throw stoppingRefusal(call.method)
  if (call.isExpired) throw deadlineExceeded(call.method)
  if (state.authenticator === undefined) {
    call.admit(undefined)
    return undefined
  }
  const identity = admit(state.authenticator, method, wire.metadata)
  if (identity instanceof Promise) return identity.then((one) => call.admit(one))
  call.admit(identity)
  return undefined
}

/** What the handler is called with. */
function requestOf(wire: UnaryWire | StreamWire, call: RunningCall): unknown {
  if (!('request' in wire)) return requestsOf(wire, call)
  refuseUndecodable(wire.request, call.method)
  return wire.request
}

function stoppingRefusal(method: string): HoldfastError {
  return new HoldfastError(
    'UNAVAILABLE',
    `${method} was not begun, because the server is stopping: try again elsewhere or later`,
    {
      reason: 'SERVER_STOPPING',
      retryAfterMs: 1000,
    },
  )
}

/** The failure as the caller may know it: what is not ours becomes INTERNAL with an id that the log has too. */
function failureToTell(failure: unknown, call: RunningCall): HoldfastError {
  const given = call.isCancelled ? call.cancellation() : call.failure
  if (failure instanceof HoldfastError) return call.isCancelled ? call.cancellation() : failure
  if (given && failure instanceof Error && failure.name === 'AbortError') return given
  const errorId = randomUUID()
  call.logger.error({ err: failure, errorId }, 'A call failed for a reason that nobody foresaw')
  return new HoldfastError(
    'INTERNAL',
    `${call.method} failed inside the server: tell its operator the error id ${errorId}`,
    {
      cause: failure,
      metadata: { errorId },
    },
  )
}

const serverFaults = new Set(['UNKNOWN', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS', 'DEADLINE_EXCEEDED'])

function end(call: RunningCall, error: HoldfastError | undefined, method: MethodTrace, state: ServerState): void {
  call.over()
  state.running.remove(call)
  const durationMs = performance.now() - call.startedAt
  const code = error?.code ?? 'OK'
  method.record?.(code, durationMs)
  const level = error === undefined || error.code === 'CANCELLED' ? 'debug' : serverFaults.has(code) ? 'warn' : 'info'
  if (!state.logger.isLevelEnabled(level)) return
  const facts = { code, durationMs: Math.round(durationMs * 1000) / 1000 }
  if (error === undefined) call.logger[level](facts, 'call')
  else if (level === 'warn') call.logger.warn({ ...facts, reason: error.reason, err: error }, error.message)
  else call.logger[level]({ ...facts, reason: error.reason }, error.message)
}

function statusOf(error: HoldfastError): Partial<StatusObject> {
  try {
    return grpcStatusObject(error)
  } catch {
    // An error built from values that are no strings: its code is better than a call that never ends.
    return { code: status[error.code], details: error.code }
  }
}
