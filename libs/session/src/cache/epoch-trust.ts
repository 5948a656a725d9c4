import { type Collection, type DocumentStore } from '@holdfast/persistence'
import { HoldfastError } from '@holdfast/errors'
import type { SessionCache } from './session-cache.js'

/** What is asked of the cache itself. */
export type TrustedCache = Pick<SessionCache, 'serverId' | 'onReturn'>

/** The row of the fleet: its version is the epoch, so that every write of it begins a new one. */
interface FleetState {
  /** Which server the entries of the epoch are on; empty: the process that began it could not reach any. */
  readonly server: string
}

export interface EpochTrustOptions {
  /** How long a process uses an epoch without having read the row again, in milliseconds; default 500. */
  readonly trustMs?: number
}

const rowId = 'fleet'
/** Clocks of processes run alike within this. */
const slack = 1.1
/** How long the row is read in the background after the last use. */
const idleMs = 5_000
/** How often the database is asked for its time. */
const clockMs = 30_000

/** Which epoch this process may use the cache under, and what it does when a change of the cache was not confirmed.
 *  See docs/decisions/0017-cache-protocol.md.
 *
 *  Nobody's clocks are compared. A process trusts an epoch for `trustMs` after it began to read the row, and at the earliest `trustMs` after it
 *  saw that epoch for the first time: by then nobody can trust an older one. So to begin new epochs more often than that keeps the
 *  cache out of use for everybody. */
export class EpochTrust {
  readonly #rows: Collection<FleetState>
  readonly #cache: TrustedCache
  readonly #store: DocumentStore
  readonly #trustMs: number
  #epoch = 0
  #server = ''
  #firstSeen = Infinity
  #readAt = -Infinity
  /** The cache was away, and no epoch has begun since. */
  #distrusts = false
  #reading: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #lastUse = 0
  #closing: Closing | undefined
  #closed = false
  /** Adds to this process's monotonic clock to get the database's, and when that was found out. */
  #clockOffset: number | undefined
  #clockAt = -Infinity
  /** When another process was last seen to have lost the cache. */
  #othersAwayAt = -Infinity

  constructor(store: DocumentStore, cache: TrustedCache, name: string, options: EpochTrustOptions = {}) {
    this.#rows = store.collection<FleetState>(name)
    this.#cache = cache
    this.#trustMs = options.trustMs ?? 500
    this.#store = store
    cache.onReturn(() => {
      // What it holds may be older than what was read from the database meanwhile.
      this.distrust()
    })
  }

  /** The database's time, as far as this process can know it: never late by more than a round trip. */
  now(): number {
    return this.#clockOffset === undefined ? Date.now() : performance.now() + this.#clockOffset
  }

  /** The epoch to use now; `undefined`: the database has to answer. */
  current(): number | undefined {
    this.#use()
    const now = performance.now()
    if (now >= this.#readAt + this.#trustMs || now < this.#firstSeen + this.#trustMs * slack) return undefined
    if (this.#distrusts || this.#closing !== undefined) return undefined
    return this.#cache.serverId() === this.#server ? this.#epoch : undefined
  }

  /** The same, after a look at the row if trust has only run out. */
  async fresh(): Promise<number | undefined> {
    const known = this.current()
    if (known !== undefined) return known
    if (this.#cache.serverId() === undefined || performance.now() < this.#readAt + this.#trustMs / 3) return undefined
    await this.#read().catch(() => undefined)
    return this.current()
  }

  /** The same, waiting for a new epoch to be old enough; not while another process keeps beginning new ones. */
  async soon(): Promise<number | undefined> {
    for (let waitedMs = 0; ; waitedMs += this.#trustMs / 10) {
      const epoch = await this.fresh()
      if (epoch !== undefined || this.#cache.serverId() === undefined) return epoch
      const isClosing = this.#closing !== undefined || performance.now() < this.#othersAwayAt + 2 * this.#trustMs
      if (isClosing || waitedMs > 2 * this.#trustMs || this.#closed) return undefined
      await new Promise((resolve) => setTimeout(resolve, this.#trustMs / 10))
    }
  }

  /** Nothing of what the cache holds now will be used by this process: it begins a new epoch before it uses the cache again. */
  distrust(): void {
    this.#distrusts = true
    this.#use()
  }

  /** Returns when nobody can see any more what the cache held before a commit that had returned at `committedAt` (of `performance.now()`).
   *  @throws UNKNOWN if the database cannot be told within ten seconds */
  async invalidateAll(committedAt: number): Promise<void> {
    this.#distrusts = true
    const deadline = performance.now() + 10_000
    for (;;) {
      this.#closing ??= new Closing(
        () => this.#begin(),
        this.#trustMs,
        () => {
          // Once everybody reaches the server again the row is left alone, and trust comes by itself.
          const othersAreBack = performance.now() > this.#othersAwayAt + 2 * this.#trustMs
          const over = this.#cache.serverId() !== undefined && othersAreBack
          if (over) this.#closing = undefined
          return over
        },
      )
      const outcome = await this.#closing.covers(committedAt)
      if (outcome) return
      if (performance.now() > deadline || this.#closed) {
        throw new HoldfastError(
          'UNKNOWN',
          'The value was stored, but older ones could not be invalidated: write it again',
          {
            reason: 'CACHE_NOT_INVALIDATED',
          },
        )
      }
    }
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#closing?.stop()
  }

  #use(): void {
    this.#lastUse = performance.now()
    if (this.#timer !== undefined || this.#closed) return
    const tick = () => {
      this.#timer = undefined
      if (this.#closed || performance.now() - this.#lastUse > idleMs) return
      void this.#read()
        .catch(() => undefined)
        .finally(() => {
          if (this.#timer === undefined && !this.#closed) this.#timer = setTimeout(tick, this.#trustMs / 3).unref()
        })
    }
    this.#timer = setTimeout(tick, 0).unref()
  }

  #read(): Promise<void> {
    this.#reading ??= this.#readOnce().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #readOnce(): Promise<void> {
    if (performance.now() > this.#clockAt + clockMs) {
      const time = (await this.#store.now()).getTime()
      this.#clockAt = performance.now()
      this.#clockOffset = time - this.#clockAt
    }
    const sentAt = performance.now()
    const row = await this.#rows.get(rowId)
    const server = this.#cache.serverId()
    if (row !== undefined) this.#saw(row.version, row.data.server, sentAt)
    if (server === undefined || this.#closing !== undefined) return
    if (row === undefined || this.#distrusts || row.data.server !== server) {
      await this.#begin()
      // It may have gone away again meanwhile.
      if (this.#cache.serverId() === server) this.#distrusts = false
    }
  }

  /** Begins a new epoch. @returns when the write was sent, and when it was answered */
  async #begin(): Promise<{ readonly sentAt: number; readonly answeredAt: number }> {
    const sentAt = performance.now()
    const server = this.#cache.serverId() ?? ''
    const row = await this.#rows.put(rowId, { server })
    this.#saw(row.version, server, sentAt)
    return { sentAt, answeredAt: performance.now() }
  }

  #saw(epoch: number, server: string, sentAt: number): void {
    if (epoch < this.#epoch) return
    if (epoch > this.#epoch && server === '' && this.#cache.serverId() !== undefined) {
      this.#othersAwayAt = performance.now()
    }
    if (epoch > this.#epoch) {
      this.#epoch = epoch
      this.#firstSeen = performance.now()
    }
    this.#server = server
    this.#readAt = Math.max(this.#readAt, sentAt)
  }
}

/** Keeps the cache out of use: begins a new epoch three times in each `trustMs`, so that none is trusted. */
class Closing {
  readonly #begin: () => Promise<{ readonly sentAt: number; readonly answeredAt: number }>
  readonly #trustMs: number
  readonly #isOver: () => boolean
  /** The answer to the first write of the unbroken chain. */
  #since = Infinity
  #lastSent = -Infinity
  #next: Promise<void>
  #stopped = false

  constructor(
    begin: () => Promise<{ readonly sentAt: number; readonly answeredAt: number }>,
    trustMs: number,
    isOver: () => boolean,
  ) {
    this.#begin = begin
    this.#trustMs = trustMs
    this.#isOver = isOver
    this.#next = this.#step()
    void this.#run()
  }

  /** Whether the commit was made while no epoch could be trusted, or before all that can be trusted now. Waits for that once. */
  async covers(committedAt: number): Promise<boolean> {
    for (let attempt = 0; attempt < 20; attempt += 1) {
      if (committedAt < this.#lastSent + this.#trustMs) {
        const left = this.#since + this.#trustMs * slack - performance.now()
        if (left <= 0) return true
        await new Promise((resolve) => setTimeout(resolve, left))
      } else {
        if (this.#stopped) return false
        await this.#next.catch(() => undefined)
        await new Promise((resolve) => setTimeout(resolve, this.#trustMs / 10))
      }
    }
    return false
  }

  stop(): void {
    this.#stopped = true
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      await this.#next.catch(() => undefined)
      if (this.#isOver()) {
        this.#stopped = true
        return
      }
      await new Promise((resolve) => setTimeout(resolve, this.#trustMs / 3))
      if (this.#stopped) return
      this.#next = this.#step()
    }
  }

  async #step(): Promise<void> {
    const { sentAt, answeredAt } = await this.#begin()
    if (answeredAt - this.#lastSent >= this.#trustMs) this.#since = answeredAt
    this.#lastSent = sentAt
  }
}
