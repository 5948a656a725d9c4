import { HoldfastError, invalidField } from '@holdfast/errors'
import type { SqlConnection, SqlDriver } from '../sql/driver.js'

/** How far the primary had written its log at a moment of this process's clock. What was answered before that moment is in the
 *  log up to there. */
interface Mark {
  readonly position: bigint
  readonly takenAt: number
}

/** Marks kept to judge replicas by; taken at most every few milliseconds, so they reach back some seconds. */
const maxMarks = 64
const retryAfterMs = 1_000
/** Replicas are watched in the background as long as somebody read from one this long ago. */
const watchedMs = 10_000

/** Streaming replicas of one PostgreSQL, and how stale each is at most. Nobody's clocks are compared: the primary's log position,
 *  asked for at a moment of this process's own monotonic clock, is a mark; a replica that has replayed it holds all that had been
 *  answered before that moment. https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-RECOVERY-CONTROL */
export class ReplicaSet {
  readonly #primary: SqlConnection
  readonly #replicas: readonly Replica[]
  #marks: readonly Mark[] = []
  #marking: Promise<void> | undefined
  #next = 0
  #timer: NodeJS.Timeout | undefined
  #lastUse = 0
  #closed = false

  constructor(primary: SqlConnection, replicas: readonly (() => Promise<SqlDriver>)[]) {
    this.#primary = primary
    this.#replicas = replicas.map((open) => new Replica(open))
  }

  /** @throws FAILED_PRECONDITION if the primary is not a PostgreSQL that tells its log position */
  async checkPrimary(): Promise<void> {
    try {
      await this.#mark()
    } catch (error) {
      throw new HoldfastError(
        'FAILED_PRECONDITION',
        'replicaUrls need a primary that tells its log position (pg_current_wal_flush_lsn): leave them out, or name the primary as url',
        { cause: error, reason: 'REPLICAS_UNSUPPORTED' },
      )
    }
  }

  /** A replica that lacks nothing older than that; `undefined`: none does now, ask the primary. */
  async freshest(maxStalenessMs: number): Promise<Replica | undefined> {
    this.#lastUse = performance.now()
    const known = this.#pick(maxStalenessMs)
    if (known !== undefined) {
      this.#watch(maxStalenessMs)
      return known
    }
    await this.#refresh().catch(() => undefined)
    this.#watch(maxStalenessMs)
    return this.#pick(maxStalenessMs)
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#marking?.catch(() => undefined)
    await Promise.all(this.#replicas.map((replica) => replica.close()))
  }

  /** In turn among those that are fresh enough. */
  #pick(maxStalenessMs: number): Replica | undefined {
    const oldest = performance.now() - maxStalenessMs
    for (let step = 0; step < this.#replicas.length; step += 1) {
      const replica = this.#replicas[(this.#next + step) % this.#replicas.length]
      if (replica === undefined || replica.freshAt < oldest) continue
      this.#next = (this.#next + step + 1) % this.#replicas.length
      return replica
    }
    return undefined
  }

  /** Looks again before what is known has grown too old, so that reads do not have to wait for it. */
  #watch(maxStalenessMs: number): void {
    if (this.#timer !== undefined || this.#closed) return
    this.#timer = setTimeout(
      () => {
        void this.#refresh()
          .catch(() => undefined)
          .finally(() => {
            this.#timer = undefined
            if (performance.now() - this.#lastUse < watchedMs) this.#watch(maxStalenessMs)
          })
      },
      Math.max(20, maxStalenessMs / 3),
    )
    this.#timer.unref()
  }

  async #refresh(): Promise<void> {
    if (this.#closed) return
    this.#marking ??= this.#mark().finally(() => {
      this.#marking = undefined
    })
    await this.#marking
    await Promise.all(this.#replicas.map((replica) => replica.look(this.#marks)))
  }

  async #mark(): Promise<void> {
    const takenAt = performance.now()
    const [row] = await this.#primary.query({
      name: 'wal-position',
      text: `select (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::text`,
      values: [],
      readOnly: true,
    })
    this.#marks = [...this.#marks.slice(1 - maxMarks), { position: BigInt(String(row?.[0])), takenAt }]
  }
}

export class Replica {
  /** What was answered before this moment (of `performance.now()`) is on the replica. */
  freshAt: number = -Infinity
  readonly #open: () => Promise<SqlDriver>
  #driver: Promise<SqlDriver> | undefined
  #downUntil = 0
  #looking: Promise<void> | undefined

  constructor(open: () => Promise<SqlDriver>) {
    this.#open = open
  }

  connection(): Promise<SqlDriver> {
    this.#driver ??= this.#open().catch((error: unknown) => {
      this.#driver = undefined
      throw error
    })
    return this.#driver
  }

  /** After a read failed on it: nothing is read from it until it was looked at again. */
  distrust(): void {
    this.freshAt = -Infinity
    this.#downUntil = performance.now() + retryAfterMs
  }

  look(marks: readonly Mark[]): Promise<void> {
    if (performance.now() < this.#downUntil) return Promise.resolve()
    this.#looking ??= this.#look(marks)
      .catch(() => this.distrust())
      .finally(() => {
        this.#looking = undefined
      })
    return this.#looking
  }

  async close(): Promise<void> {
    await this.#looking
    const driver = await this.#driver?.catch(() => undefined)
    await driver?.close()
  }

  async #look(marks: readonly Mark[]): Promise<void> {
    const driver = await this.connection()
    // A replica that was promoted goes its own way, where positions say nothing about the primary.
    const [row] = await driver.query({
      name: 'replayed-position',
      text: `select case when pg_is_in_recovery() then (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::text end`,
      values: [],
      readOnly: true,
    })
    const text = row?.[0]
    if (typeof text !== 'string') {
      this.distrust()
      return
    }
    const replayed = BigInt(text)
    const newest = marks.findLast(({ position }) => position <= replayed)
    if (newest !== undefined && newest.takenAt > this.freshAt) this.freshAt = newest.takenAt
  }
}

export function checkMaxStaleness(value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value
  throw invalidField('maxStalenessMs', 'must be a positive number of milliseconds')
}
