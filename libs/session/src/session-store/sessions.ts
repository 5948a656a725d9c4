import { HoldfastError, invalidField } from '@holdfast/errors'
import type { EpochTrust } from '../cache/epoch-trust.js'
import type { SessionCache } from '../cache/session-cache.js'
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

/** What reads and writes: the backend by itself, or with a cache in front. */
export interface SessionAccess {
  read(key: string): Promise<SessionRow>
  write(write: SessionWrite): Promise<SessionRow>
  remove(key: string): Promise<boolean>
}

const keysAtOnce = 1_000

/** The public class: checks what comes in, and makes of rows what callers get. */
export class Sessions implements SessionStore {
  readonly #backend: SessionBackend
  readonly #access: SessionAccess
  readonly #cached: { readonly cache: SessionCache; readonly trust: EpochTrust } | undefined
  #closed = false

  constructor(
    backend: SessionBackend,
    access: SessionAccess,
    cached?: { readonly cache: SessionCache; readonly trust: EpochTrust },
  ) {
    this.#backend = backend
    this.#access = access
    this.#cached = cached
  }

  async write(key: string, value: unknown, options: SessionWriteOptions = {}): Promise<SessionVersion> {
    return versionOf(await this.#open().write(checkWrite(key, value, options)))
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
    const access = this.#open()
    const rows = await Promise.all((keys as readonly unknown[]).map(checkKey).map((key) => access.read(key)))
    return rows.map(({ json }) => (json === undefined ? undefined : (JSON.parse(json) as T)))
  }

  async writeMany(
    entries: readonly { readonly key: string; readonly value: unknown; readonly ttlMs?: number }[],
  ): Promise<SessionVersion[]> {
    if (!Array.isArray(entries)) throw invalidField('entries', 'must be an array')
    const access = this.#open()
    const writes = entries.map(({ key, value, ...options }, index) => {
      if ('ifVersion' in options) throw invalidField(`entries[${index}].ifVersion`, 'is not an option here: use write')
      return checkWrite(key, value, options)
    })
    // In one turn of the event loop, so that they share round trips.
    const outcomes = await Promise.allSettled(writes.map((write) => access.write(write)))
    return outcomes.map((outcome) => {
      if (outcome.status === 'rejected') throw outcome.reason
      return versionOf(outcome.value)
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

  #open(): SessionAccess {
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

function checkWrite(key: string, value: unknown, options: SessionWriteOptions): SessionWrite {
  const { ttlMs, ifVersion } = options
  for (const name of Object.keys(options)) {
    if (name === 'ttlMs' || name === 'ifVersion') continue
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
  return { key: checkKey(key), value, json, ttlMs, ifVersion }
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
