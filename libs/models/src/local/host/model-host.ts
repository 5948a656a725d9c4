import { HoldfastError } from '@holdfast/errors'
import { ModelWatch } from '../../model-span.js'
import { ModelProcess } from './model-process.js'
import { type FromProcess, receivedError, type SentError } from './process-messages.js'

export interface ModelHostOptions {
  /** The compiled script of the process; it calls `serveModel`. */
  readonly script: URL
  /** In errors and reports: `moonshine-base`. */
  readonly name: string
  /** Given to the script's `load`; copied. */
  readonly settings?: unknown
  /** Without calls for so long, the model is unloaded: its process ends; default 300,000. */
  readonly idleMs?: number
  /** Calls that wait beside the running one; default 64. */
  readonly maxQueued?: number
  /** How long a cancelled call may take to stop by itself before its process is killed; the next call then loads the model anew.
   *  Default 50: within 150 ms a job has to have stopped, and a process takes its time to end. */
  readonly stopWithinMs?: number
}

/** `failed`: loading failed or the process died; the next call tries again. */
export type ModelHostStatus = 'unloaded' | 'loading' | 'ready' | 'failed'

export interface ModelHostState {
  readonly status: ModelHostStatus
  /** Calls that wait, the running one not counted. */
  readonly queued: number
  readonly running: boolean
  /** Why it failed. */
  readonly error?: HoldfastError
}

export interface HostCallOptions<Event> {
  /** A waiting call leaves the queue; a running one is stopped, if need be with its process. CANCELLED comes when nothing of it computes
   *  any more. */
  readonly signal?: AbortSignal | undefined
  readonly onEvent?: ((event: Event) => void) | undefined
}

/** A model in a process of its own: loaded by the first call, one call at a time in the order in which they came, the event loop of
 *  the caller free meanwhile, and a crash of native code is a failed call. A host without calls keeps no program alive. Requests, results
 *  and events are copied as structured cloning does; typed arrays are fast. */
export interface ModelHost<Request, Result, Event = never> extends AsyncDisposable {
  readonly name: string
  /** @throws RESOURCE_EXHAUSTED with MODEL_BUSY when the queue is full; CANCELLED; UNAVAILABLE with MODEL_CRASHED when the process died under
   *  this call; FAILED_PRECONDITION with MODEL_NOT_INSTALLED; what the model throws; INTERNAL for what is not an error of the project */
  call(request: Request, options?: HostCallOptions<Event>): Promise<Result>
  state(): ModelHostState
  /** Ends the process now; a later call loads the model again. What runs fails with UNAVAILABLE. */
  unload(): Promise<void>
  /** Calls that wait or run fail with CANCELLED, later ones with FAILED_PRECONDITION. Idempotent. */
  close(): Promise<void>
}

export function openModelHost<Request, Result, Event = never>(
  options: ModelHostOptions,
): ModelHost<Request, Result, Event> {
  return new ProcessHost<Request, Result, Event>(options)
}

interface Call {
  readonly id: number
  readonly request: unknown
  readonly onEvent: ((event: never) => void) | undefined
  readonly resolve: (result: never) => void
  readonly reject: (error: Error) => void
  cancelled: boolean
}

class ProcessHost<Request, Result, Event> implements ModelHost<Request, Result, Event> {
  readonly name: string
  readonly #options: Required<Omit<ModelHostOptions, 'name' | 'settings'>>
  readonly #settings: unknown
  readonly #watch: ModelWatch
  readonly #queue: Call[] = []
  #running: Call | undefined
  #process: ModelProcess | undefined
  /** Processes on their way out: a new one waits for them, so that the memory never holds the model twice. */
  #leaving: Promise<void> | undefined
  #idle: NodeJS.Timeout | undefined
  #error: HoldfastError | undefined
  #calls = 0
  #closed = false

  constructor({ name, settings, ...options }: ModelHostOptions) {
    this.name = name
    this.#watch = new ModelWatch('generate_content', name, 'local')
    this.#settings = settings
    this.#options = { idleMs: 300_000, maxQueued: 64, stopWithinMs: 50, ...options }
  }

  state(): ModelHostState {
    return {
      status: this.#status(),
      queued: this.#queue.length,
      running: this.#running !== undefined,
      ...(this.#error === undefined ? {} : { error: this.#error }),
    }
  }

  #status(): ModelHostStatus {
    if (this.#process !== undefined) return this.#process.ready ? 'ready' : 'loading'
    if (this.#queue.length > 0) return 'loading'
    return this.#error === undefined ? 'unloaded' : 'failed'
  }

  call(request: Request, options: HostCallOptions<Event> = {}): Promise<Result> {
    return this.#watch.call(() => this.#call(request, options))
  }

  async #call(request: Request, { signal, onEvent }: HostCallOptions<Event>): Promise<Result> {
    if (this.#closed) throw new HoldfastError('FAILED_PRECONDITION', `The model ${this.name} is closed`)
    if (signal?.aborted === true) throw this.#cancelled()
    if (this.#queue.length >= this.#options.maxQueued) {
      throw new HoldfastError(
        'RESOURCE_EXHAUSTED',
        `${this.#queue.length} calls wait for the model ${this.name} already: try again later`,
        { reason: 'MODEL_BUSY', retryAfterMs: 1_000 },
      )
    }
    this.#calls += 1
    const id = this.#calls
    let onAbort: (() => void) | undefined
    try {
      return await new Promise<Result>((resolve, reject) => {
        const call: Call = { id, request, onEvent, resolve, reject, cancelled: false }
        onAbort = () => this.#cancel(call)
        signal?.addEventListener('abort', onAbort)
        this.#queue.push(call)
        this.#next()
      })
    } finally {
      if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort)
    }
  }

  #cancel(call: Call): void {
    const waiting = this.#queue.indexOf(call)
    if (waiting !== -1) {
      this.#queue.splice(waiting, 1)
      call.reject(this.#cancelled())
      return
    }
    const running = this.#process
    call.cancelled = true
    running?.send({ type: 'stop', id: call.id })
    setTimeout(() => {
      if (this.#running !== call || running === undefined) return
      this.#running = undefined
      // A killed process computes nothing more; that its memory is given back takes longer, and only the next model waits for that.
      void this.#end(running)
      call.reject(this.#cancelled())
    }, this.#options.stopWithinMs)
  }

  #cancelled(): HoldfastError {
    return new HoldfastError('CANCELLED', `The call of the model ${this.name} was cancelled`)
  }

  #next(): void {
    if (this.#running !== undefined) return
    clearTimeout(this.#idle)
    if (this.#queue.length === 0) {
      this.#rest()
      return
    }
    if (this.#process === undefined) {
      if (this.#leaving === undefined) this.#start()
      return
    }
    this.#process.hold(true)
    if (!this.#process.ready) return
    const call = this.#queue.shift()
    if (call === undefined) return
    this.#running = call
    try {
      this.#process.send({ type: 'call', id: call.id, request: call.request })
    } catch (cause) {
      this.#running = undefined
      call.reject(
        new HoldfastError('INTERNAL', `A call of the model ${this.name} cannot be copied to its process`, { cause }),
      )
      this.#next()
    }
  }

  /** No call is left: the program may end, and the model is unloaded after a while. */
  #rest(): void {
    if (this.#process === undefined) return
    this.#process.hold(false)
    this.#idle = setTimeout(() => void this.unload(), this.#options.idleMs)
    this.#idle.unref()
  }

  #start(): void {
    const started = new ModelProcess(this.#options.script, this.#settings, (message) => {
      if (this.#process === started) this.#receive(started, message)
    })
    this.#process = started
    void started.exited.then(() => {
      if (this.#process === started) this.#died(started)
    })
  }

  #receive(from: ModelProcess, message: FromProcess): void {
    if (message.type === 'ready') {
      from.ready = true
      this.#error = undefined
      this.#next()
      return
    }
    if (message.type === 'not-loaded') {
      void this.#end(from)
      this.#fail(this.#queue, this.#received(message.error, 'Loading'))
      return
    }
    const call = this.#running
    if (call?.id !== message.id) return
    if (message.type === 'event') {
      call.onEvent?.(message.event as never)
      return
    }
    this.#running = undefined
    if (call.cancelled) call.reject(this.#cancelled())
    else if (message.type === 'result') call.resolve(message.result as never)
    else call.reject(this.#received(message.error, 'A call'))
    this.#next()
  }

  #received(error: SentError, doing: string): HoldfastError {
    return receivedError(error, `${doing} of the model ${this.name}`)
  }

  #died(dead: ModelProcess): void {
    this.#process = undefined
    const error = new HoldfastError('UNAVAILABLE', `The process of the model ${this.name} died`, {
      reason: 'MODEL_CRASHED',
      cause: dead.lastWords(),
    })
    const call = this.#running
    this.#running = undefined
    if (call?.cancelled === true) call.reject(this.#cancelled())
    // What cannot even be loaded is not tried again for each call that waits.
    else this.#fail(call === undefined ? this.#queue : [call], error)
    this.#next()
  }

  #fail(calls: Call[], error: HoldfastError): void {
    this.#error = error
    for (const call of calls.splice(0)) call.reject(error)
  }

  async #end(ended: ModelProcess): Promise<void> {
    if (this.#process === ended) this.#process = undefined
    clearTimeout(this.#idle)
    const leaving = ended.kill().then(() => {
      if (this.#leaving === leaving) this.#leaving = undefined
      this.#next()
    })
    this.#leaving = leaving
    await leaving
  }

  async unload(): Promise<void> {
    const call = this.#running
    this.#running = undefined
    if (this.#process === undefined) await this.#leaving
    else await this.#end(this.#process)
    call?.reject(
      new HoldfastError('UNAVAILABLE', `The model ${this.name} was unloaded under a call`, {
        reason: 'MODEL_UNLOADED',
      }),
    )
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const call of this.#queue.splice(0)) call.reject(this.#cancelled())
    const call = this.#running
    this.#running = undefined
    await this.unload()
    call?.reject(this.#cancelled())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
