import type { Server } from '@grpc/grpc-js'
import { asHoldfastError } from '@holdfast/errors'
import { HealthImplementation, type ServingStatus } from 'grpc-health-check'
import { linkedSignal } from './linked-signal.js'
import type { Logger } from './logs.js'

export interface HealthOptions {
  /** Names of the services; the server as a whole is the empty name. */
  readonly services: readonly string[]
  /** Resolves when all is well, rejects when not; the signal aborts after the time that it has. */
  readonly check: (signal: AbortSignal) => Promise<void>
  /** The same of single services, by their names: one that is not well is told to be NOT_SERVING, and the server to be degraded. */
  readonly own?: Readonly<Record<string, (signal: AbortSignal) => Promise<void>>>
  readonly logger: Logger
  /** What works less well than it should while calls are served, a line for each. Default: nothing. */
  readonly degraded?: () => readonly string[]
  /** The models that calls work with; asked with each check. Default: none. */
  readonly models?: () => Promise<readonly ModelHealth[]>
  /** From the end of one check to the next; default 5,000 ms. */
  readonly intervalMs?: number
  /** For one check; default 3,000 ms. Taking longer counts as not serving. */
  readonly timeoutMs?: number
}

/** A model that this process works with. */
export interface ModelHealth {
  /** `speech-to-text`, `chat`. */
  readonly service: string
  readonly name: string
  /** `remote`: behind an endpoint, which is not asked; `unloaded`: installed, and loads with its first call; `failed`: the next call tries again. */
  readonly state: 'remote' | 'not-installed' | 'unloaded' | 'loaded' | 'failed'
}

/** What an orchestrator asks: whether to restart the process, whether to send calls to it, whether somebody should look at it. */
export interface ServerHealth {
  /** The process answers, and is not stopping. */
  readonly isAlive: boolean
  /** What it needs (the database) answers as well. */
  readonly isReady: boolean
  /** What does not work, or not as well as it should, while calls are served all the same. */
  readonly degraded: readonly string[]
  readonly models?: readonly ModelHealth[]
}

/** Health/Check about this name says whether the process is to be restarted … */
const alive = 'alive'
/** … and about this one, as about the empty name and the services' own, whether calls are to be sent to it. */
const ready = 'ready'

/** grpc.health.v1, told by a check that is run again and again. */
export class HealthWatch {
  readonly #options: HealthOptions
  readonly #service: HealthImplementation
  readonly #names: readonly string[]
  readonly #stopped = new AbortController()
  /** Services that do not work by themselves, and why. */
  readonly #unwell = new Map<string, string>()
  readonly #told = new Map<string, ServingStatus>()
  #models: readonly ModelHealth[] = []
  #timer: NodeJS.Timeout | undefined
  #status: ServingStatus = 'NOT_SERVING'

  constructor(options: HealthOptions) {
    this.#options = options
    this.#names = ['', ready, ...options.services]
    const statuses = Object.fromEntries(this.#names.map((name) => [name, this.#status]))
    this.#service = new HealthImplementation({ ...statuses, [alive]: 'SERVING' })
  }

  addTo(server: Server): void {
    this.#service.addToServer(server)
  }

  get status(): ServingStatus {
    return this.#status
  }

  get health(): ServerHealth {
    const isReady = this.#status === 'SERVING'
    const unwell = [...this.#unwell].map(([name, why]) => `${name}: ${why}`)
    return {
      isAlive: !this.#stopped.signal.aborted,
      isReady,
      degraded: [...unwell, ...(this.#options.degraded?.() ?? [])],
      models: this.#models,
    }
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
    this.#service.setStatus(alive, 'NOT_SERVING')
    this.#set('NOT_SERVING')
  }

  async #check(): Promise<void> {
    const { check, own = {}, models } = this.#options
    await Promise.all([
      // What could not be asked in time is told as it was.
      models === undefined ? undefined : this.#inTime(async () => void (this.#models = await models())).catch(() => {}),
      ...Object.entries(own).map(async ([name, checkOwn]) => {
        try {
          await this.#inTime(checkOwn)
          this.#unwell.delete(name)
        } catch (err) {
          if (!this.#unwell.has(name)) this.#options.logger.warn({ err, service: name }, 'A service is not healthy')
          this.#unwell.set(name, asHoldfastError(err, 'Its health check').message)
        }
      }),
    ])
    try {
      await this.#inTime(check)
      if (!this.#stopped.signal.aborted) this.#set('SERVING')
    } catch (err) {
      if (this.#status === 'SERVING') this.#options.logger.warn({ err }, 'Not healthy any more')
      if (!this.#stopped.signal.aborted) this.#set('NOT_SERVING')
    }
  }

  async #inTime(check: HealthOptions['check']): Promise<void> {
    const timeoutMs = this.#options.timeoutMs ?? 3000
    const timeout = new AbortController()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        timeout.abort()
        reject(new Error(`The health check took more than ${timeoutMs} ms`))
      }, timeoutMs)
    })
    using link = linkedSignal([timeout.signal, this.#stopped.signal])
    try {
      await Promise.race([check(link.signal), late])
    } finally {
      clearTimeout(timer)
    }
  }

  #set(status: ServingStatus): void {
    this.#status = status
    for (const name of this.#names) {
      const told = this.#unwell.has(name) ? 'NOT_SERVING' : status
      if (this.#told.get(name) === told) continue
      this.#told.set(name, told)
      this.#service.setStatus(name, told)
    }
  }
}
