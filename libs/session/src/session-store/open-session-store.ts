import { HoldfastError, invalidField } from '@holdfast/errors'
import type { DocumentStore } from '@holdfast/persistence'
import { EpochTrust } from '../cache/epoch-trust.js'
import { openRedisCache } from '../cache/redis-cache.js'
import type { SessionCache } from '../cache/session-cache.js'
import { CachedSessions } from './cached-sessions.js'
import { DocumentsBackend } from './documents-backend.js'
import { Glob } from './glob.js'
import type { SessionBackend, SessionRow, SessionWrite } from './session-backend.js'
import type {
  PartHealth,
  SessionEntry,
  SessionHealth,
  SessionStore,
  SessionVersion,
  SessionWriteOptions,
} from './session-store.js'

export interface SessionStoreOptions {
  /** Where the sessions are durable; it is not closed with the session store. */
  readonly store: DocumentStore
  /** Default: none. A cache that is away is no failure: the database answers meanwhile. */
  readonly cache?: { readonly redis: string } | { readonly redisCluster: readonly string[] }
  /** Of the collection and of the cache's keys, so that several session stores can stand beside each other; default `sessions`. */
  readonly name?: string
  /** How long a process uses what it knows of the cache without asking the database again, in milliseconds; default 500. The first write after
   *  the cache was lost takes this much longer. The same in all processes. */
  readonly trustMs?: number
}

export async function openSessionStore(options: SessionStoreOptions): Promise<SessionStore> {
  const { store, name = 'sessions', trustMs = 500 } = options
  if (!Number.isFinite(trustMs) || trustMs < 50) throw invalidField('trustMs', 'must be a number from 50')
  const backend = new DocumentsBackend(store, name)
  if (options.cache === undefined) return new Sessions(backend, backendAlone(backend))
  const cache = await openRedisCache({
    prefix: `holdfast:${name}`,
    ...('redis' in options.cache ? { url: options.cache.redis } : { clusterUrls: options.cache.redisCluster }),
  })
  const trust = new EpochTrust(store, cache, `${name}-cache`, { trustMs })
  const cached = new CachedSessions(backend, cache, trust)
  await trust.soon()
  return new Sessions(backend, cached, { cache, trust })
}

interface Access {
  read(key: string): Promise<SessionRow>
  write(write: SessionWrite): Promise<SessionRow>
  remove(key: string): Promise<boolean>
}

function backendAlone(backend: SessionBackend): Access {
  return {
    read: (key) => backend.read(key),
    write: (write) => backend.write(write),
    remove: async (key) => (await backend.remove(key)).existed,
  }
}

const keysAtOnce = 1_000

class Sessions implements SessionStore {
  readonly #backend: SessionBackend
  readonly #access: Access
  readonly #cached: { readonly cache: SessionCache; readonly trust: EpochTrust } | undefined
  #closed = false

  constructor(
    backend: SessionBackend,
    access: Access,
    cached?: { readonly cache: SessionCache; readonly trust: EpochTrust },
  ) {
    this.#backend = backend
    this.#access = access
    this.#cached = cached
  }

  async write(key: string, value: unknown, options: SessionWriteOptions = {}): Promise<SessionVersion> {
    const { ttlMs, ifVersion } = options
    for (const name of Object.keys(options)) {
      if (name !== 'ttlMs' && name !== 'ifVersion')
        throw invalidField(name, 'is not an option here: known are ttlMs, ifVersion')
    }
    if (ttlMs !== undefined && (!Number.isSafeInteger(ttlMs) || ttlMs < 1)) {
      throw invalidField('ttlMs', 'must be a positive integer of milliseconds')
    }
    if (ifVersion !== undefined && (!Number.isSafeInteger(ifVersion) || ifVersion < 0)) {
      throw invalidField('ifVersion', 'must be a version: an integer from 0')
    }
    // undefined, functions and symbols have no text; all else that JSON cannot hold is found by the backend, which knows the place.
    const json = JSON.stringify(value) as string | undefined
    if (json === undefined) throw invalidField('value', 'must be what JSON can hold: write null, or delete the key')
    return versionOf(await this.#open().write({ key: checkKey(key), value, json, ttlMs, ifVersion }))
  }

  async read<T>(key: string): Promise<T | undefined> {
    const { json } = await this.#open().read(checkKey(key))
    return json === undefined ? undefined : (JSON.parse(json) as T)
  }

  async readEntry<T>(key: string): Promise<SessionEntry<T> | undefined> {
    const row = await this.#open().read(checkKey(key))
    if (row.json === undefined) return undefined
    return { ...versionOf(row), createdAt: new Date(row.createdAt), value: JSON.parse(row.json) as T }
  }

  async readMany<T>(keys: readonly string[]): Promise<(T | undefined)[]> {
    if (!Array.isArray(keys)) throw invalidField('keys', 'must be an array')
    return Promise.all(keys.map((key: string) => this.read<T>(key)))
  }

  async writeMany(
    entries: readonly { readonly key: string; readonly value: unknown; readonly ttlMs?: number }[],
  ): Promise<SessionVersion[]> {
    if (!Array.isArray(entries)) throw invalidField('entries', 'must be an array')
    const outcomes = await Promise.allSettled(
      entries.map(({ key, value, ttlMs }: { key: string; value: unknown; ttlMs?: number }) =>
        this.write(key, value, ttlMs === undefined ? {} : { ttlMs }),
      ),
    )
    return outcomes.map((outcome) => {
      if (outcome.status === 'rejected') throw outcome.reason
      return outcome.value
    })
  }

  async delete(key: string): Promise<boolean> {
    return this.#open().remove(checkKey(key))
  }

  async exists(key: string): Promise<boolean> {
    return (await this.#open().read(checkKey(key))).json !== undefined
  }

  async listKeys(pattern = '*'): Promise<string[]> {
    this.#open()
    if (typeof pattern !== 'string') throw invalidField('pattern', 'must be a string')
    const glob = new Glob(pattern)
    const found: string[] = []
    // The key before the first that begins so is one that ends before it.
    let after: string | undefined
    if (glob.prefix !== '') {
      if (await this.exists(glob.prefix)) found.push(...(glob.matches(glob.prefix) ? [glob.prefix] : []))
      after = glob.prefix
    }
    for (;;) {
      const keys = await this.#backend.keys(after, keysAtOnce)
      for (const key of keys) {
        if (!key.startsWith(glob.prefix)) return found
        if (glob.matches(key)) found.push(key)
      }
      if (keys.length < keysAtOnce) return found
      after = keys.at(-1)
    }
  }

  async healthCheck(): Promise<SessionHealth> {
    this.#open()
    const [store, cache] = await Promise.all([
      health(() => this.#backend.ping()),
      this.#cached === undefined ? ({ status: 'absent' } as const) : health(() => this.#cached?.cache.ping() ?? 0),
    ])
    return { store, cache }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#cached?.trust.close()
    await this.#cached?.cache.close()
    await this.#backend.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #open(): Access {
    if (this.#closed) throw new HoldfastError('FAILED_PRECONDITION', 'The session store is closed: open it again')
    return this.#access
  }
}

async function health(ping: () => Promise<number> | number): Promise<PartHealth> {
  try {
    return { status: 'up', latencyMs: await ping() }
  } catch {
    return { status: 'down' }
  }
}

function versionOf({ version, updatedAt, expiresAt }: SessionRow): SessionVersion {
  const times = { version, updatedAt: new Date(updatedAt) }
  return expiresAt === undefined ? times : { ...times, expiresAt: new Date(expiresAt) }
}

/** Of the legacy table: VARCHAR(255). */
const maxKeyLength = 255

function checkKey(key: unknown): string {
  if (typeof key !== 'string') throw invalidField('key', 'must be a string')
  if (key.length === 0 || key.length > maxKeyLength) {
    throw invalidField('key', `must be 1 to ${maxKeyLength} characters long, not ${key.length}`)
  }
  if (/[\0\ud800-\udfff]/u.test(key)) throw invalidField('key', 'must not contain NUL or half a surrogate pair')
  return key
}
