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
import type { CallAudit } from './audit/call-audit.js'
import { admit, recentAdmission } from './auth/admission.js'
import type { Authenticator, Identity } from './auth/authenticator.js'
import type { MethodRoles } from './auth/method-roles.js'
import type { Role } from './caller.js'
import { type CallContext, RunningCall, type RunningCalls, type WireCall, deadlineExceeded } from './call-context.js'
import type { CallLimiter } from './limits/call-limiter.js'
import type { Logger } from './logs.js'
import type { CallRecorder } from './metrics.js'
import type { LoadGate } from './overload/load-gate.js'
import { requestsOf } from './request-stream.js'
import { decoded } from './undecodable.js'

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
  /** How long a reader of a stream may take nothing, in milliseconds. */
  readonly slowConsumerMs: number
  /** `undefined`: nothing is audited. */
  readonly audit: CallAudit | undefined
  /** Refuses callers that call too often; `undefined`: nobody is limited. */
  readonly limiter: CallLimiter | undefined
  /** Refuses calls while that is still cheap. */
  readonly load: LoadGate
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
      const send = (): void => (error ? respond(statusOf(error, call)) : respond(null, response))
      const written = audit(call, error, method, state)
      // Who was told that something is gone finds it in the audit log.
      if (written === undefined) send()
      else void written.then(send)
    }
    // An upload takes as long as it takes; keepalive finds out callers that are gone.
    const hasDefaultDeadline = call.deadline === Infinity && !method.requestStream
    const timer = hasDefaultDeadline ? setTimeout(expire, state.defaultDeadlineMs) : undefined
    function expire(): void {
      const error = deadlineExceeded(method.name)
      call.abort(error)
      answer(error)
    }
    const serve = (): Promise<void> => {
      const leave = (): void => state.load.leave()
      try {
        const admitted = enter(method, wire, call, state)
        const response =
          admitted === undefined
            ? handle(requestOf(wire, call), call)
            : admitted.then(() => handle(requestOf(wire, call), call))
        // The place is free when the work has ended, which may be after the answer that the deadline gave.
        return response.then(
          (done) => (leave(), answer(undefined, done)),
          (error: unknown) => (leave(), answer(error)),
        )
      } catch (error) {
        leave()
        answer(error)
        return Promise.resolve()
      }
    }
    call.span.within(() => {
      try {
        const turn = state.load.enter()
        if (turn === undefined) void serve()
        else turn.then(serve, answer)
      } catch (error) {
        answer(error)
      }
    })
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
      const send = (): void => {
        // grpc-js takes the status of a stream from this event, and sends it after what was written.
        if (error) wire.emit('error', Object.assign(new Error(error.message), statusOf(error, call)))
        else wire.end()
      }
      const written = audit(call, error, method, state)
      if (written === undefined) send()
      else void written.then(send)
    }
    call.span.within(() => void sendAll(method, wire, call, handle, state).then(() => settle(), settle))
  }
}

/** Ends a call that is not let in, as one that was served: counted, logged and audited. */
export function refuse(
  method: MethodTrace,
  wire: WireCall,
  failure: unknown,
  state: ServerState,
  send: (status: Partial<StatusObject>) => void,
): void {
  const call = begin(method, wire, state)
  const error = failureToTell(failure, call)
  end(call, error, method, state)
  const written = audit(call, error, method, state)
  if (written === undefined) send(statusOf(error, call))
  else void written.then(() => send(statusOf(error, call)))
}

async function sendAll(
  method: MethodTrace,
  wire: StreamWire,
  call: RunningCall,
  handle: (request: unknown, context: CallContext) => AsyncIterable<unknown>,
  state: ServerState,
): Promise<void> {
  state.load.enterStream()
  try {
    const admitted = enter(method, wire, call, state)
    if (admitted !== undefined) await admitted
    const request = requestOf(wire, call)
    const { signal } = call
    for await (const response of handle(request, call)) {
      if (!signal.aborted && !wire.write(response)) await drained(wire, call, state)
      // Leaving the loop closes the handler's generator.
      signal.throwIfAborted()
    }
    signal.throwIfAborted()
  } finally {
    state.load.leaveStream()
  }
}

/** Resolves when the peer has read enough for more to be written, or the call is over. A peer that reads nothing for too long keeps what
 *  it does not read in our memory: it is cut off, and goes on behind what it has read. */
function drained(wire: StreamWire, call: RunningCall, { slowConsumerMs }: ServerState): Promise<void> {
  const { signal } = call
  return new Promise((resolve) => {
    const timer = setTimeout(() => call.abort(tooSlow(call.method, slowConsumerMs)), slowConsumerMs)
    const done = (): void => {
      clearTimeout(timer)
      wire.off('drain', done)
      signal.removeEventListener('abort', done)
      resolve()
    }
    wire.once('drain', done)
    signal.addEventListener('abort', done)
  })
}

function tooSlow(method: string, slowConsumerMs: number): HoldfastError {
  return new HoldfastError(
    'RESOURCE_EXHAUSTED',
    `${method} was ended, because its reader took nothing for ${slowConsumerMs} ms: go on behind the last cursor that it has`,
    { reason: 'SLOW_CONSUMER', retryAfterMs: 100 },
  )
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
  // It may have waited for its turn.
  if (call.isCancelled) throw call.cancellation()
  const begin = (one: Identity | undefined): Promise<void> | undefined => {
    call.admit(one)
    return state.limiter?.take(call.caller)
  }
  if (state.authenticator === undefined) return begin(undefined)
  const identity = recentAdmission(wire.metadata) ?? admit(state.authenticator, method, wire.metadata)
  return identity instanceof Promise ? identity.then(begin) : begin(identity)
}

/** What the handler is called with. */
function requestOf(wire: UnaryWire | StreamWire, call: RunningCall): unknown {
  return 'request' in wire ? decoded(wire.request, call.method) : requestsOf(wire, call)
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
  call.span.end(error)
  state.running.remove(call)
  const durationMs = performance.now() - call.startedAt
  const code = error?.code ?? 'OK'
  method.record?.(code, durationMs)
  const level = isQuiet(error) ? 'debug' : serverFaults.has(code) ? 'warn' : 'info'
  if (!state.logger.isLevelEnabled(level)) return
  const facts = {
    code,
    durationMs: Math.round(durationMs * 1000) / 1000,
    ...(error === undefined ? {} : { requestId: call.requestId }),
  }
  if (error === undefined) call.logger[level](facts, 'call')
  else if (level === 'warn') call.logger.warn({ ...facts, reason: error.reason, err: error }, error.message)
  else call.logger[level]({ ...facts, reason: error.reason }, error.message)
}

function audit(
  call: RunningCall,
  error: HoldfastError | undefined,
  { name, role }: MethodTrace,
  state: ServerState,
): Promise<void> | undefined {
  return state.audit?.ended({ method: name, role, caller: call.knownCaller, error })
}

/** A line for each call that is shed would cost more than shedding it; `watchOverload` tells of them all together. */
function isQuiet(error: HoldfastError | undefined): boolean {
  return error === undefined || error.code === 'CANCELLED' || error.reason === 'SERVER_OVERLOADED'
}

function statusOf(error: HoldfastError, call: RunningCall): Partial<StatusObject> {
  try {
    return grpcStatusObject(error, call.requestId)
  } catch {
    // An error built from values that are no strings: its code is better than a call that never ends.
    return { code: status[error.code], details: error.code }
  }
}
