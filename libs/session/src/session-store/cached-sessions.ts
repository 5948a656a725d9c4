import { randomBytes } from 'node:crypto'
import { HoldfastError } from '@holdfast/errors'
import type { EpochTrust } from '../cache/epoch-trust.js'
import type { CacheAnswer, CacheEntry, SessionCache } from '../cache/session-cache.js'
import type { SessionBackend, SessionRow, SessionWrite } from './session-backend.js'

/** How long to wait for somebody else's fill, step by step, before its lease is taken over. */
const waitsMs = [2, 4, 8, 16, 32, 64, 128]
/** An entry that ends this soon is not used: the database's clock is known only to a round trip. */
const doubtMs = 100
const maxAttempts = 8

/** Reads through and writes through the cache, by the protocol of docs/decisions/0017-cache-protocol.md. */
export class CachedSessions {
  readonly #backend: SessionBackend
  readonly #cache: SessionCache
  readonly #trust: EpochTrust
  #waiting: { readonly key: string; readonly resolve: (row: Promise<SessionRow>) => void }[] = []

  constructor(backend: SessionBackend, cache: SessionCache, trust: EpochTrust) {
    this.#backend = backend
    this.#cache = cache
    this.#trust = trust
  }

  /** Reads of the same moment ask the cache together, and once for a key. None joins a read that is on its way: that one may have seen
   *  what was there before a write that this caller knows of. */
  read(key: string): Promise<SessionRow> {
    return new Promise((resolve) => {
      this.#waiting.push({ key, resolve })
      if (this.#waiting.length > 1) return
      process.nextTick(() => {
        const batch = this.#waiting
        this.#waiting = []
        const keys = [...new Set(batch.map((one) => one.key))]
        const rows = this.#readTogether(keys)
        for (const one of batch) {
          const index = keys.indexOf(one.key)
          one.resolve(
            index === -1 ? this.#backend.read(one.key) : rows.then((all) => all[index] as Promise<SessionRow>),
          )
        }
      })
    })
  }

  async write(write: SessionWrite): Promise<SessionRow> {
    const row = await this.#committing(write.key, () => this.#backend.write(write))
    await this.#invalidate(write.key, row)
    return row
  }

  async remove(key: string): Promise<boolean> {
    const { version, existed } = await this.#committing(key, () => this.#backend.remove(key))
    await this.#invalidate(key, { version, json: undefined, createdAt: 0, updatedAt: 0, expiresAt: undefined })
    return existed
  }

  async #readTogether(keys: readonly string[]): Promise<Promise<SessionRow>[]> {
    const epoch = this.#trust.current() ?? (await this.#trust.fresh())
    if (epoch === undefined) return keys.map((key) => this.#backend.read(key))
    let answers: readonly CacheAnswer[]
    try {
      answers = await this.#cache.get(epoch, keys)
    } catch {
      return keys.map((key) => this.#backend.read(key))
    }
    return keys.map((key, index) => {
      const answer = answers[index]
      if (answer?.kind === 'hit' && this.#isUsable(answer.entry)) return Promise.resolve(rowOf(answer.entry))
      return this.#readMissed(key)
    })
  }

  async #readMissed(key: string): Promise<SessionRow> {
    const token = randomBytes(9).toString('base64url')
    for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
      const epoch = this.#trust.current() ?? (await this.#trust.fresh())
      if (epoch === undefined) return this.#backend.read(key)
      let answer: CacheAnswer
      try {
        answer = await this.#lease(epoch, key, token)
      } catch {
        return this.#backend.read(key)
      }
      if (answer.kind === 'hit' && this.#isUsable(answer.entry)) return rowOf(answer.entry)
      const row = await this.#backend.read(key)
      try {
        if (answer.kind === 'hit') await this.#cache.change(epoch, [[key, entryOf(row)]], this.#trust.now())
        else await this.#cache.fill(epoch, key, token, entryOf(row), this.#trust.now())
      } catch {
        // This process uses the cache again only under another epoch.
        return row
      }
      if (this.#trust.current() === epoch) return row
    }
    throw new HoldfastError('ABORTED', `The cache changes its epoch too often to read ${key}: try again`, {
      reason: 'CACHE_UNSTEADY',
      retryAfterMs: 1_000,
    })
  }

  async #lease(epoch: number, key: string, token: string): Promise<CacheAnswer> {
    for (const waitMs of waitsMs) {
      const answer = await this.#cache.lease(epoch, key, token, false)
      if (answer.kind !== 'leased') return answer
      await new Promise((resolve) => setTimeout(resolve, waitMs))
    }
    return this.#cache.lease(epoch, key, token, true)
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
        await this.#cache.change(epoch, [[key, entryOf(row)]], this.#trust.now())
        return
      }
    } catch {
      // Nobody knows whether it was carried out.
    }
    await this.#trust.invalidateAll(committedAt)
  }

  #isUsable({ expiresAt }: CacheEntry): boolean {
    return expiresAt === undefined || expiresAt > this.#trust.now() + doubtMs
  }
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
