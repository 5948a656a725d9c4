import { HoldfastError } from '@holdfast/errors'
import type { ConnectionStatistics } from '../telemetry/statistics.js'
import { type ConnectionSettings, PostgresConnection } from './connection.js'

export interface PoolSettings extends ConnectionSettings {
  readonly maxConnections: number
  readonly idleTimeoutMs: number
}

interface Waiting {
  readonly resolve: (connection: PostgresConnection) => void
  readonly reject: (error: unknown) => void
  /** From here on it does not give up. */
  readonly isNext: () => void
}

/** Up to `maxConnections` connections, made when needed; callers beyond that wait in order. Broken connections go when they
 *  are given back, so the pool heals as soon as the server is there. */
export class ConnectionPool {
  readonly #settings: PoolSettings
  readonly #idle: PostgresConnection[] = []
  readonly #waiting: Waiting[] = []
  /** Those in use and those being made; with the idle ones they make up the pool. */
  #busy = 0
  #sweep: NodeJS.Timeout | undefined
  #closing: Promise<void> | undefined
  #finish: () => void = () => {}

  constructor(settings: PoolSettings) {
    this.#settings = settings
  }

  get statistics(): ConnectionStatistics {
    const { maxConnections: max } = this.#settings
    return { max, used: this.#busy, idle: this.#idle.length, waiting: this.#waiting.length }
  }

  /** @param signal gives up waiting, with its reason */
  acquire(signal?: AbortSignal): Promise<PostgresConnection> {
    if (this.#closing !== undefined) {
      return Promise.reject(
        new HoldfastError('FAILED_PRECONDITION', 'The store is closed: open another one', { reason: 'STORE_CLOSED' }),
      )
    }
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (!idle.usable) continue
      this.#busy++
      idle.setBusy(true)
      return Promise.resolve(idle)
    }
    if (this.#busy < this.#settings.maxConnections) {
      this.#busy++
      return this.#open()
    }
    return new Promise((resolve, reject) => {
      const leave = (reason: unknown): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        waiting.isNext()
        reject(reason)
      }
      const giveUp = (): void => leave(signal?.reason)
      const timer = setTimeout(() => leave(this.#tooBusy()), this.#settings.statementTimeoutMs)
      const isNext = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', giveUp)
      }
      const waiting: Waiting = { resolve, reject, isNext }
      this.#waiting.push(waiting)
      signal?.addEventListener('abort', giveUp)
    })
  }

  release(connection: PostgresConnection): void {
    const next = this.#waiting.shift()
    if (next !== undefined) {
      next.isNext()
      if (connection.usable) next.resolve(connection)
      else this.#open().then(next.resolve, next.reject)
      return
    }
    this.#busy--
    if (connection.usable) {
      connection.idleSince = Date.now()
      connection.setBusy(false)
      this.#idle.push(connection)
      this.#sweep ??= setInterval(() => this.#endIdle(), this.#settings.idleTimeoutMs / 2).unref()
    }
    this.#finishClosing()
  }

  /** Waits for the connections in use and those who wait for one. */
  close(): Promise<void> {
    if (this.#closing === undefined) {
      clearInterval(this.#sweep)
      const done = new Promise<void>((resolve) => {
        this.#finish = resolve
      })
      this.#closing = done
      this.#finishClosing()
    }
    return this.#closing
  }

  /** A connection besides those of the pool, for a statement that would keep one of them for hours. The caller ends it. */
  openAside(statementTimeoutMs: number): Promise<PostgresConnection> {
    return PostgresConnection.open({ ...this.#settings, statementTimeoutMs })
  }

  /** `busy` counts it already. */
  async #open(): Promise<PostgresConnection> {
    try {
      return await PostgresConnection.open(this.#settings)
    } catch (error) {
      this.#busy--
      this.#openForNext()
      this.#finishClosing()
      throw error
    }
  }

  /** Whoever waits gets a connection of its own attempt, so that nobody is left waiting when attempts fail. */
  #openForNext(): void {
    const next = this.#waiting.shift()
    if (next === undefined) return
    next.isNext()
    this.#busy++
    this.#open().then(next.resolve, next.reject)
  }

  #endIdle(): void {
    const oldest = Date.now() - this.#settings.idleTimeoutMs
    // The most used ones are at the end.
    while (this.#idle[0] !== undefined && this.#idle[0].idleSince < oldest) void this.#idle.shift()?.end()
    if (this.#idle.length > 0) return
    clearInterval(this.#sweep)
    this.#sweep = undefined
  }

  #finishClosing(): void {
    if (this.#closing === undefined || this.#busy > 0) return
    void Promise.all(this.#idle.splice(0).map((connection) => connection.end())).then(this.#finish)
  }

  #tooBusy(): HoldfastError {
    const { maxConnections, statementTimeoutMs } = this.#settings
    return new HoldfastError(
      'UNAVAILABLE',
      `All ${maxConnections} connections to PostgreSQL were in use for ${statementTimeoutMs} ms: try again later or raise maxConnections`,
      { reason: 'CONNECTIONS_BUSY', retryAfterMs: 1_000 },
    )
  }
}
