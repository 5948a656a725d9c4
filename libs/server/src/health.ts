import type { Server } from '@grpc/grpc-js'
import { HealthImplementation, type ServingStatus } from 'grpc-health-check'
import type { Logger } from './logs.js'

export interface HealthOptions {
  /** Names of the services; the server as a whole is the empty name. */
  readonly services: readonly string[]
  /** Resolves when all is well, rejects when not; the signal aborts after the time that it has. */
  readonly check: (signal: AbortSignal) => Promise<void>
  readonly logger: Logger
  /** From the end of one check to the next; default 5,000 ms. */
  readonly intervalMs?: number
  /** For one check; default 3,000 ms. Taking longer counts as not serving. */
  readonly timeoutMs?: number
}

/** grpc.health.v1, told by a check that is run again and again. */
export class HealthWatch {
  readonly #options: HealthOptions
  readonly #service: HealthImplementation
  readonly #stopped = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #status: ServingStatus = 'NOT_SERVING'

  constructor(options: HealthOptions) {
    this.#options = options
    const names = ['', ...options.services]
    this.#service = new HealthImplementation(Object.fromEntries(names.map((name) => [name, this.#status])))
  }

  addTo(server: Server): void {
    this.#service.addToServer(server)
  }

  get status(): ServingStatus {
    return this.#status
  }

  /** Resolves after the first check. */
  async start(): Promise<void> {
    await this.#check()
    if (this.#stopped.signal.aborted) return
    this.#timer = setTimeout(() => void this.start(), this.#options.intervalMs ?? 5000)
    this.#timer.unref()
  }

  /** NOT_SERVING from now on. */
  stop(): void {
    this.#stopped.abort()
    clearTimeout(this.#timer)
    this.#set('NOT_SERVING')
  }

  async #check(): Promise<void> {
    const timeoutMs = this.#options.timeoutMs ?? 3000
    const timeout = new AbortController()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        timeout.abort()
        reject(new Error(`The health check took more than ${timeoutMs} ms`))
      }, timeoutMs)
    })
    try {
      await Promise.race([this.#options.check(AbortSignal.any([timeout.signal, this.#stopped.signal])), late])
      if (!this.#stopped.signal.aborted) this.#set('SERVING')
    } catch (err) {
      if (this.#status === 'SERVING') this.#options.logger.warn({ err }, 'Not healthy any more')
      if (!this.#stopped.signal.aborted) this.#set('NOT_SERVING')
    } finally {
      clearTimeout(timer)
    }
  }

  #set(status: ServingStatus): void {
    if (status === this.#status) return
    this.#status = status
    for (const name of ['', ...this.#options.services]) this.#service.setStatus(name, status)
  }
}
