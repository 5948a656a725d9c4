import type { HoldfastError } from '@holdfast/errors'
import { setTimeout as sleep } from 'node:timers/promises'
import { cancelled, timedOut } from './failures.js'

/** What may end a reply from outside: the caller's signal and the time limits. The first of them aborts `signal`, and its
 *  reason is the error to throw. */
export class ReplyLimits implements Disposable {
  readonly #controller = new AbortController()
  readonly #caller: AbortSignal | undefined
  readonly #total: NodeJS.Timeout
  #step: NodeJS.Timeout | undefined

  constructor(caller: AbortSignal | undefined, totalTimeoutMs: number) {
    this.#caller = caller
    this.#total = setTimeout(() => this.#end(timedOut('finish its answer', totalTimeoutMs)), totalTimeoutMs)
    if (caller?.aborted === true) this.#onAbort()
    else caller?.addEventListener('abort', this.#onAbort, { once: true })
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Why the reply was ended; `undefined`: it was not. */
  get failure(): HoldfastError | undefined {
    return this.signal.aborted ? (this.signal.reason as HoldfastError) : undefined
  }

  throwIfEnded(): void {
    if (this.failure !== undefined) throw this.failure
  }

  /** Waits for one step, at most this long; the clock stands while the caller takes its time between steps. */
  async within<T>(ms: number, failure: () => HoldfastError, step: () => Promise<T>): Promise<T> {
    this.#step = setTimeout(() => this.#end(failure()), Math.max(0, ms))
    try {
      return await step()
    } finally {
      clearTimeout(this.#step)
    }
  }

  /** Resolves after the time or when the reply is ended, whichever is first. */
  pause(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.signal }).catch(() => undefined)
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#total)
    clearTimeout(this.#step)
    this.#caller?.removeEventListener('abort', this.#onAbort)
  }

  readonly #onAbort = (): void => this.#end(cancelled(this.#caller?.reason))

  #end(failure: HoldfastError): void {
    this.#controller.abort(failure)
  }
}
