import { randomBytes } from 'node:crypto'
import { HoldfastError } from '@holdfast/errors'
import { type Caller, currentCaller, onBehalfOf } from '@holdfast/persistence/telemetry'
import { CacheCounter } from '../cache/cache-telemetry.js'
import type { EpochTrust } from '../cache/epoch-trust.js'
import {
  type CacheAnswer,
  type CacheChange,
  type CacheEntry,
  type CacheFill,
  type LeaseRequest,
  maxAgeMs,
  type SessionCache,
} from '../cache/session-cache.js'
import { TickBatch } from '../cache/tick-batch.js'
import { DirectReads } from './direct-reads.js'
import { SeenVersions } from './seen-versions.js'
import type { SessionBackend, SessionRow, SessionWrite } from './session-backend.js'

/** How long to wait for somebody else's fill, step by step, before its lease is taken over. */
const waitsMs = [2, 4, 8, 16, 32, 64, 128]
/** An entry that ends this soon is not used: the database's clock is known only to a round trip. */
const doubtMs = 100
const maxAttempts = 8
/** How often a reader waits for another one's load of its key before it loads by itself. */
const maxJoins = 3
const maxSeen = 50_000

/** A key that is being read from the database because the cache does not have it. */
interface Load {
  readonly ends: Promise<Loaded>
  /** Whether the database was asked already. */
  isAsked: boolean
}

interface Loaded {
  readonly row: SessionRow
  /** The epoch under which it became the cache's entry: at that moment it was the newest. */
  readonly filled: number | undefined
}

type CacheHit = Extract<CacheAnswer, { kind: 'hit' }>
type Of<T> = T & { readonly epoch: number }

interface Asking {
  readonly key: string
  readonly caller: Caller
  readonly resolve: (row: SessionRow | Promise<SessionRow>) => void
}

/** Reads through and writes through the cache, by the protocol of docs/decisions/0017-cache-protocol.md. */
export class CachedSessions {
  readonly #backend: SessionBackend
  readonly #cache: SessionCache
  readonly #trust: EpochTrust
  readonly #direct: DirectReads
  /** Twice the age, because an entry may have been made just before it was outdated. */
  readonly #seen = new SeenVersions(2 * maxAgeMs, maxSeen)
  readonly #loads = new Map<string, Load>()
  readonly #leases: TickBatch<Of<LeaseRequest>, CacheAnswer>
  readonly #fills: TickBatch<Of<CacheFill>, boolean>
  readonly #changes: TickBatch<Of<CacheChange>, undefined>
  readonly #refreshing = new Set<string>()
  readonly #counter = new CacheCounter('sessions')
  /** What it takes to load a row, in milliseconds: a moving mean. */
  #loadMs = 1
  /** Reads of this turn of the event loop. */
  #asking: Asking[] = []
  #asked = new Map<string, Promise<SessionRow>>()

  constructor(backend: SessionBackend, cache: SessionCache, trust: EpochTrust, directAtOnce: number) {
    this.#backend = backend
    this.#cache = cache
    this.#trust = trust
    this.#direct = new DirectReads(backend, directAtOnce)
    this.#leases = new TickBatch((batch) => byEpoch(batch, (epoch, some) => cache.lease(epoch, some)))
    this.#fills = new TickBatch((batch) => byEpoch(batch, (epoch, some) => cache.fill(epoch, some, trust.now())))
    this.#changes = new TickBatch((batch) =>
      byEpoch(batch, async (epoch, some) => {
        await cache.change(epoch, some, trust.now())
        return some.map(() => undefined)
      }),
    )
  }

  /** Reads of the same moment ask the cache together, and once for a key. None joins a question that is on its way: that one may have
   *  been answered before a write that this caller knows of. */
  read(key: string): Promise<SessionRow> {
    const same = this.#asked.get(key)
    if (same !== undefined) return same
    const row = new Promise<SessionRow>((resolve) => {
      if (this.#asking.length === 0) process.nextTick(() => this.#askAll())
      this.#asking.push({ key, caller: currentCaller(), resolve })
    })
    this.#asked.set(key, row)
    return row
  }

  async write(write: SessionWrite): Promise<SessionRow> {
    const row = await this.#committing(write.key, () => this.#backend.write(write))
    await this.#invalidate(write.key, row)
    return row
  }

  async remove(key: string): Promise<boolean> {
    const { version, existed } = await this.#committing(key, () => this.#backend.remove(key))
    // If there was nothing, somebody may have written since.
    const row = existed
      ? { version, json: undefined, createdAt: 0, updatedAt: 0, expiresAt: undefined }
      : await this.#backend.read(key)
    await this.#invalidate(key, row)
    return existed
  }

  #askAll(): void {
    const asking = this.#asking
    this.#asking = []
    this.#asked = new Map()
    void onBehalfOf(
      asking.map(({ caller }) => caller),
      () => this.#ask(asking),
    )
  }

  async #ask(asking: readonly Asking[]): Promise<void> {
    const epoch = this.#trust.current() ?? (await this.#trust.fresh())
    const askTheDatabase = (): void => {
      for (const { key, resolve } of asking) {
        this.#counter.count('away')
        resolve(this.#readDirectly(key))
      }
    }
    if (epoch === undefined) return askTheDatabase()
    let answers: readonly CacheAnswer[]
    try {
      answers = await this.#cache.get(
        epoch,
        asking.map(({ key }) => key),
      )
    } catch {
      return askTheDatabase()
    }
    for (const [index, { key, resolve }] of asking.entries()) {
      const answer = answers[index]
      if (answer?.kind === 'hit' && this.#isUsable(key, answer.entry)) {
        this.#counter.count('hit')
        resolve(rowOf(answer.entry))
        if (this.#isDueEarly(answer)) this.#refresh(key)
      } else {
        this.#counter.count('miss')
        resolve(this.#readMissed(key))
      }
    }
  }

  async #readMissed(key: string): Promise<SessionRow> {
    for (let joins = 0; joins < maxJoins; joins += 1) {
      const load = this.#loads.get(key)
      if (load === undefined) break
      // What is read from the database from now on is new enough; what was read before, if it became the entry from now on.
      const willBeAsked = !load.isAsked
      const { row, filled } = await load.ends
      if (willBeAsked || (filled !== undefined && this.#trust.current() === filled)) return row
    }
    const load: Load = { ends: this.#load(key, () => (load.isAsked = true)), isAsked: false }
    this.#loads.set(key, load)
    try {
      return (await load.ends).row
    } finally {
      if (this.#loads.get(key) === load) this.#loads.delete(key)
    }
  }

  async #load(key: string, asks: () => void): Promise<Loaded> {
    const token = randomBytes(9).toString('base64url')
    for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
      const epoch = this.#trust.current() ?? (await this.#trust.fresh())
      let answer: CacheAnswer
      try {
        if (epoch === undefined) throw unusable
        answer = await this.#lease(epoch, key, token)
      } catch {
        asks()
        return { row: await this.#readDirectly(key), filled: undefined }
      }
      if (answer.kind === 'hit' && this.#isUsable(key, answer.entry)) return { row: rowOf(answer.entry), filled: epoch }
      asks()
      const row = await this.#timed(() => this.#backend.read(key))
      const isFilled = await this.#fill(epoch, key, token, row, answer.kind === 'hit')
      if (isFilled === undefined) {
        // This process uses the cache again only under another epoch.
        this.#saw(key, row)
        return { row, filled: undefined }
      }
      if (this.#trust.current() === epoch) return { row, filled: isFilled ? epoch : undefined }
    }
    throw new HoldfastError('ABORTED', `The cache changes its epoch too often to read ${key}: try again`, {
      reason: 'CACHE_UNSTEADY',
      retryAfterMs: 1_000,
    })
  }

  /** @returns whether the row became the entry; `undefined`: the cache did not confirm */
  async #fill(
    epoch: number,
    key: string,
    token: string,
    row: SessionRow,
    isThere: boolean,
  ): Promise<boolean | undefined> {
    try {
      // That nothing was ever there has no version: an entry of it could be taken for older than a late change of what was there before.
      if (!isThere && row.version > 0) return await this.#fills.ask({ epoch, key, token, entry: entryOf(row) })
      await this.#changes.ask({ epoch, key, entry: entryOf(row) })
      return false
    } catch {
      return undefined
    }
  }

  async #lease(epoch: number, key: string, token: string): Promise<CacheAnswer> {
    for (const waitMs of waitsMs) {
      const answer = await this.#leases.ask({ epoch, key, token, takeOver: false })
      if (answer.kind !== 'leased') return answer
      await new Promise((resolve) => setTimeout(resolve, waitMs))
    }
    return this.#leases.ask({ epoch, key, token, takeOver: true })
  }

  async #readDirectly(key: string): Promise<SessionRow> {
    const row = await this.#direct.read(key)
    this.#saw(key, row)
    return row
  }

  #saw(key: string, { version }: SessionRow): void {
    if (!this.#seen.saw(key, version)) this.#trust.distrust()
  }

  /** A write of which nobody knows whether it was committed ends what is cached of its key: it may be older than what is there. */
  async #committing<R>(key: string, commit: () => Promise<R>): Promise<R> {
    try {
      return await commit()
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'UNKNOWN') await this.#forget(key)
      throw error
    }
  }

  async #forget(key: string): Promise<void> {
    const since = performance.now()
    try {
      const epoch = await this.#trust.soon()
      if (epoch !== undefined) {
        await this.#cache.forget(epoch, [key])
        return
      }
    } catch {
      // As when it cannot be reached.
    }
    await this.#trust.invalidateAll(since)
  }

  async #invalidate(key: string, row: SessionRow): Promise<void> {
    const committedAt = performance.now()
    try {
      const epoch = this.#trust.current() ?? (await this.#trust.soon())
      if (epoch !== undefined) {
        await this.#changes.ask({ epoch, key, entry: entryOf(row) })
        return
      }
    } catch {
      // Nobody knows whether it was carried out.
    }
    // Until everybody is told this process is the only one that knows.
    this.#saw(key, row)
    await this.#trust.invalidateAll(committedAt)
  }

  /** Whether this read is the one that loads the entry anew before it goes by its age, so that a hot key is never missed.
   *  XFetch of Vattani, Chierichetti and Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015, with beta 1. */
  #isDueEarly({ entry, until }: CacheHit): boolean {
    if (entry.expiresAt !== undefined && entry.expiresAt <= until + 1) return false
    return this.#trust.now() - this.#loadMs * Math.log(1 - Math.random()) >= until
  }

  #refresh(key: string): void {
    if (this.#refreshing.has(key)) return
    this.#refreshing.add(key)
    const refresh = async () => {
      const epoch = this.#trust.current()
      const row = await this.#timed(() => this.#backend.read(key))
      if (epoch !== undefined) await this.#changes.ask({ epoch, key, entry: entryOf(row) })
    }
    // Who comes later tries again, or misses.
    void refresh()
      .catch(() => undefined)
      .finally(() => this.#refreshing.delete(key))
  }

  async #timed<R>(load: () => Promise<R>): Promise<R> {
    const start = performance.now()
    const loaded = await load()
    this.#loadMs += (performance.now() - start - this.#loadMs) / 16
    return loaded
  }

  #isUsable(key: string, { version, expiresAt }: CacheEntry): boolean {
    if (expiresAt !== undefined && expiresAt <= this.#trust.now() + doubtMs) return false
    return !this.#seen.isPast(key, version)
  }
}

const unusable = new Error('No epoch can be trusted')

/** One call for each epoch; nearly always there is one. */
async function byEpoch<Q extends { readonly epoch: number }, A>(
  batch: readonly Q[],
  run: (epoch: number, batch: readonly Q[]) => Promise<readonly A[]>,
): Promise<readonly A[]> {
  const [first] = batch
  if (first !== undefined && batch.every(({ epoch }) => epoch === first.epoch)) return run(first.epoch, batch)
  const epochs = [...new Set(batch.map(({ epoch }) => epoch))]
  const answers = await Promise.all(
    epochs.map((epoch) =>
      run(
        epoch,
        batch.filter((one) => one.epoch === epoch),
      ),
    ),
  )
  const iterators = new Map(epochs.map((epoch, index) => [epoch, (answers[index] ?? []).values()]))
  return batch.map(({ epoch }) => iterators.get(epoch)?.next().value as A)
}

function entryOf({ version, json, createdAt, updatedAt, expiresAt }: SessionRow): CacheEntry {
  // The value's text goes last, as it is.
  return { version, expiresAt, json: json === undefined ? undefined : `${createdAt},${updatedAt},${json}` }
}

function rowOf({ version, json, expiresAt }: CacheEntry): SessionRow {
  if (json === undefined) return { version, json: undefined, createdAt: 0, updatedAt: 0, expiresAt }
  const first = json.indexOf(',')
  const second = json.indexOf(',', first + 1)
  return {
    version,
    createdAt: Number(json.slice(0, first)),
    updatedAt: Number(json.slice(first + 1, second)),
    json: json.slice(second + 1),
    expiresAt,
  }
}
