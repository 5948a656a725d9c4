import { randomUUID } from 'node:crypto'
import {
  type ServerUnaryCall,
  type ServerWritableStream,
  type StatusObject,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
import { HoldfastError, invalidField } from '@holdfast/errors'
import { grpcStatusObject } from '@holdfast/protocol'
import { type CallContext, RunningCall, type RunningCalls, type WireCall, deadlineExceeded } from './call-context.js'
import type { Logger } from './logs.js'
import type { CallRecorder } from './metrics.js'

/** What the handlers of one server have in common. */
export interface ServerState {
  readonly logger: Logger
  readonly running: RunningCalls
  /** Aborts when the server begins to stop. */
  readonly stopping: AbortSignal
  /** For unary calls without a deadline, in milliseconds. */
  readonly defaultDeadlineMs: number
}

/** One method: how it is called in logs and metrics, and where its calls are counted. */
export interface MethodTrace {
  /** `holdfast.chat.v1.ChatService/SendMessage`. */
  readonly name: string
  readonly isStream: boolean
  readonly record: CallRecorder | undefined
}

/** Stands in for a request whose bytes are not what the contract says. */
export class UndecodableRequest {
  readonly cause: unknown
  constructor(cause: unknown) {
    this.cause = cause
  }
}

export function serveUnary(
  method: MethodTrace,
  handle: (request: unknown, context: CallContext) => Promise<unknown>,
  state: ServerState,
): (wire: ServerUnaryCall<unknown, unknown>, respond: sendUnaryData<unknown>) => void {
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
    const timer = call.deadline === Infinity ? setTimeout(expire, state.defaultDeadlineMs) : undefined
    function expire(): void {
      const error = deadlineExceeded(method.name)
      call.abort(error)
      answer(error)
    }
    try {
      refuseUnlessServable(wire.request, call, state)
      handle(wire.request, call).then((response) => answer(undefined, response), answer)
    } catch (error) {
      answer(error)
    }
  }
}

export function serveStream(
  method: MethodTrace,
  handle: (request: unknown, context: CallContext) => AsyncIterable<unknown>,
  state: ServerState,
): (wire: ServerWritableStream<unknown, unknown>) => void {
  return (wire) => {
    const call = begin(method, wire, state)
    const settle = (failure?: unknown): void => {
      const error = failure === undefined ? undefined : failureToTell(failure, call)
      end(call, error, method, state)
      // grpc-js takes the status of a stream from this event, and sends it after what was written.
      if (error) wire.emit('error', Object.assign(new Error(error.message), statusOf(error)))
      else wire.end()
    }
    sendAll(wire, call, handle, state).then(() => settle(), settle)
  }
}

async function sendAll(
  wire: ServerWritableStream<unknown, unknown>,
  call: RunningCall,
  handle: (request: unknown, context: CallContext) => AsyncIterable<unknown>,
  state: ServerState,
): Promise<void> {
  refuseUnlessServable(wire.request, call, state)
  const { signal } = call
  for await (const response of handle(wire.request, call)) {
    if (!signal.aborted && !wire.write(response)) await drained(wire, signal)
    // Leaving the loop closes the handler's generator.
    signal.throwIfAborted()
  }
  signal.throwIfAborted()
}

/** Resolves when the peer has read enough for more to be written, or the call is over. */
function drained(wire: ServerWritableStream<unknown, unknown>, signal: AbortSignal): Promise<void> {
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

function refuseUnlessServable(request: unknown, call: RunningCall, state: ServerState): void {
  if (state.stopping.aborted) throw stoppingRefusal(call.method)
  if (call.isExpired) throw deadlineExceeded(call.method)
  if (!(request instanceof UndecodableRequest)) return
  const text = request.cause instanceof Error ? request.cause.message : String(request.cause)
  throw invalidField('request', `of ${call.method} cannot be decoded: ${text}`, {
    cause: request.cause,
    reason: 'REQUEST_UNDECODABLE',
  })
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
