import { randomUUID } from 'node:crypto'
import type { Metadata, ServerUnaryCall } from '@grpc/grpc-js'
import { HoldfastError } from '@holdfast/errors'
import type { Identity } from './auth/authenticator.js'
import { type Caller, localCaller } from './caller.js'
import type { Logger } from './logs.js'
import { ServedSpan } from './traces/served-span.js'

/** What a handler is told of the call that it serves. */
export interface CallContext {
  /** `holdfast.chat.v1.ChatService/SendMessage`. */
  readonly method: string
  /** Who calls, and whose data the call may touch. */
  readonly caller: Caller
  /** Aborts when the caller cancels or is gone, when the deadline passes, and when a stop runs out of patience. The reason
   *  is the HoldfastError to end the call with. */
  readonly signal: AbortSignal
  /** Milliseconds since 1970; `Infinity`: none. */
  readonly deadline: number
  /** Headers from the caller. */
  readonly metadata: Metadata
  /** Writes lines that name the method. */
  readonly logger: Logger
  /** Aborts when the server begins to stop: subscriptions, which have no end of their own, should end now; what can be
   *  finished within the drain time should be. */
  readonly stopping: AbortSignal
  /** Adds facts (a conversation's id) to all lines of this call. */
  annotate(facts: Readonly<Record<string, string | number>>): void
}

/** What all four kinds of calls of grpc-js have. */
export interface WireCall extends Pick<ServerUnaryCall<unknown, unknown>, 'metadata' | 'cancelled' | 'getDeadline'> {
  once(event: 'cancelled', listener: () => void): unknown
}

// A timer may fire a little before its time.
const timerSlackMs = 2

/** A call that is being served. What few handlers ask for (signal, logger) is made when asked for. */
export class RunningCall implements CallContext {
  readonly method: string
  /** It only reads: whoever was cut off can go on where it was. */
  readonly canGoOn: boolean
  readonly stopping: AbortSignal
  readonly startedAt: number = performance.now()
  readonly span: ServedSpan
  readonly deadline: number
  readonly #wire: WireCall
  #caller: Caller | undefined
  #identity: Identity | undefined
  #requestId: string | undefined
  readonly #serverLogger: Logger
  #facts: Readonly<Record<string, string | number>> | undefined
  #logger: Logger | undefined
  #abort: AbortController | undefined
  #failure: HoldfastError | undefined
  #isOver = false

  constructor(
    method: { readonly name: string; readonly requestStream: boolean; readonly responseStream: boolean },
    wire: WireCall,
    logger: Logger,
    stopping: AbortSignal,
  ) {
    this.method = method.name
    this.canGoOn = method.responseStream && !method.requestStream
    this.stopping = stopping
    this.#wire = wire
    this.span = new ServedSpan(method.name, wire.metadata)
    this.#serverLogger = logger
    this.deadline = Number(wire.getDeadline())
  }

  /** @throws Error before `admit`: nobody must be served as somebody by default */
  get caller(): Caller {
    if (this.#caller === undefined) throw new Error(`${this.method} asked for its caller before it was admitted`)
    return this.#caller
  }

  /** `undefined`: not admitted. */
  get knownCaller(): Caller | undefined {
    return this.#caller
  }

  /** @param identity `undefined`: the server has no authentication */
  admit(identity: Identity | undefined): void {
    this.#identity = identity
    this.#caller = identity?.caller ?? localCaller
    if (identity === undefined) return
    const { tenant, credential } = identity.caller
    this.annotate({ tenant, credential })
  }

  /** Whose credential the call was begun with. */
  get identity(): Identity | undefined {
    return this.#identity
  }

  /** By what whoever was told of a failure finds it in the logs, and in the traces if there are any. */
  get requestId(): string {
    this.#requestId ??= this.span.traceId ?? randomUUID().replaceAll('-', '')
    return this.#requestId
  }

  get metadata(): Metadata {
    return this.#wire.metadata
  }

  get logger(): Logger {
    this.#logger ??= this.#serverLogger.child({ method: this.method, ...this.#facts })
    return this.#logger
  }

  get signal(): AbortSignal {
    if (this.#abort) return this.#abort.signal
    this.#abort = new AbortController()
    if (this.isCancelled) this.abort(this.cancellation())
    else this.#wire.once('cancelled', () => this.abort(this.cancellation()))
    if (this.#failure) this.#abort.abort(this.#failure)
    return this.#abort.signal
  }

  annotate(facts: Readonly<Record<string, string | number>>): void {
    this.#facts = { ...this.#facts, ...facts }
    this.#logger = undefined
  }

  /** The peer gave up or its deadline passed: nobody hears an answer any more. */
  get isCancelled(): boolean {
    return this.#wire.cancelled && !this.#isOver
  }

  get isExpired(): boolean {
    return Date.now() >= this.deadline - timerSlackMs
  }

  cancellation(): HoldfastError {
    return this.isExpired
      ? deadlineExceeded(this.method)
      : new HoldfastError('CANCELLED', `${this.method} was cancelled by its caller`)
  }

  /** Aborts the handler's signal, once, with what the call is to fail with. */
  abort(failure: HoldfastError): void {
    if (this.#isOver) return
    this.#failure ??= failure
    this.#abort?.abort(this.#failure)
  }

  /** What the signal was aborted with. */
  get failure(): HoldfastError | undefined {
    return this.#failure
  }

  /** grpc-js says `cancelled` after an ordinary end too: from here on that means nothing. */
  over(): void {
    this.#isOver = true
  }
}

/** The calls that a server has begun and not ended. */
export class RunningCalls {
  readonly #calls = new Set<RunningCall>()
  readonly #waiting: (() => void)[] = []

  get size(): number {
    return this.#calls.size
  }

  add(call: RunningCall): void {
    this.#calls.add(call)
  }

  remove(call: RunningCall): void {
    this.#calls.delete(call)
    if (this.#calls.size > 0) return
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  list(): RunningCall[] {
    return [...this.#calls]
  }

  /** Resolves as soon as there is none. */
  none(): Promise<void> {
    if (this.#calls.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}

export function deadlineExceeded(method: string): HoldfastError {
  return new HoldfastError(
    'DEADLINE_EXCEEDED',
    `${method} did not finish within its deadline: allow it more time, or ask for less`,
  )
}
