import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import { HoldfastError } from '@holdfast/errors'
import type { KeyOperations, StoredKey } from './key-operations.js'
import type { MasterKeys } from './master-keys.js'

/** A tenant's keys in clear, in the memory of this process only. */
export class TenantKeys {
  /** The number of the key that new data is encrypted with. */
  readonly current: number
  readonly #tenant: string
  readonly #keys: ReadonlyMap<number, KeyObject>
  readonly #derived = new Map<string, KeyObject>()

  constructor(tenant: string, keys: ReadonlyMap<number, KeyObject>) {
    this.#tenant = tenant
    this.#keys = keys
    this.current = Math.max(...keys.keys())
  }

  /** From the oldest to the current one. */
  get numbers(): readonly number[] {
    return [...this.#keys.keys()].filter((number) => number > 0).sort((a, b) => a - b)
  }

  has(number: number): boolean {
    return this.#keys.has(number)
  }

  data(number: number): KeyObject {
    const key = this.#keys.get(number)
    if (key !== undefined && number > 0) return key
    throw new HoldfastError(
      'DATA_LOSS',
      `Tenant ${this.#tenant} has no data key ${number}: restore holdfast.tenant_keys from a backup`,
      { reason: 'KEY_MISSING' },
    )
  }

  /** A key of its own for each purpose, which a change of data keys leaves as it is. */
  derived(...purpose: readonly string[]): KeyObject {
    const name = JSON.stringify(purpose)
    const known = this.#derived.get(name)
    if (known !== undefined) return known
    const root = this.#keys.get(0)
    if (root === undefined) throw new HoldfastError('DATA_LOSS', `Tenant ${this.#tenant} has no key 0: restore it`)
    const made = createSecretKey(createHmac('sha256', root).update(name).digest())
    this.#derived.set(name, made)
    return made
  }
}

const maxCachedTenants = 10_000

interface Cached {
  readonly keys: Promise<TenantKeys>
  readonly readAt: number
}

/** The tenant's keys, if need be read anew until there is one of this number. */
export type KeySource = (number?: number) => Promise<TenantKeys>

/** The keys of the tenants that this process works for, read when they are needed and trusted for `keyCacheMs`. */
export class KeyRing {
  readonly masters: MasterKeys
  readonly #operations: KeyOperations
  readonly #cache = new Map<string, Cached>()
  /** What transactions have had read for a key that they missed. */
  readonly #readForMissing = new WeakSet<TenantKeys>()

  constructor(operations: KeyOperations, masters: MasterKeys) {
    this.#operations = operations
    this.masters = masters
  }

  /** What is at hand, without asking the database; `undefined`: nothing, or it is too old. */
  cached(tenant: string): Promise<TenantKeys> | undefined {
    const cached = this.#cache.get(tenant)
    if (cached === undefined) return undefined
    if (performance.now() - cached.readAt < this.masters.keyCacheMs) return cached.keys
    this.#cache.delete(tenant)
    return undefined
  }

  /** A tenant's keys for those who can wait. @throws FAILED_PRECONDITION with reason KEY_SHREDDED */
  source(tenant: string): KeySource {
    return async (number) => {
      const keys = await (this.cached(tenant) ?? this.reload(tenant))
      return number === undefined || keys.has(number) ? keys : this.reload(tenant)
    }
  }

  /** The same inside a transaction, which must not wait for another connection: notes what is missing and stops the transaction,
   *  which runs again once that has been read. */
  insideTransaction(tenant: string, missing: (() => Promise<void>)[], stop: () => Error): KeySource {
    return async (number) => {
      const keys = await this.cached(tenant)
      if (keys !== undefined && (number === undefined || keys.has(number))) return keys
      // A number that nobody has is found missing by the one who asked for it.
      if (keys !== undefined && this.#readForMissing.has(keys)) return keys
      missing.push(async () => {
        this.#readForMissing.add(await this.reload(tenant))
      })
      throw stop()
    }
  }

  reload(tenant: string): Promise<TenantKeys> {
    this.#dropOld()
    const keys = this.#load(tenant)
    const cached = { keys, readAt: performance.now() }
    this.#cache.delete(tenant)
    this.#cache.set(tenant, cached)
    keys.catch(() => {
      if (this.#cache.get(tenant) === cached) this.#cache.delete(tenant)
    })
    return keys
  }

  /** New data is encrypted with a new key from now on; other processes follow within `keyCacheMs`. */
  async addDataKey(tenant: string): Promise<number> {
    for (;;) {
      const { current } = await this.reload(tenant)
      const added = await this.#operations.add(tenant, await this.#made(tenant, current + 1))
      if (added) return (await this.reload(tenant)).current
    }
  }

  async destroy(tenant: string): Promise<number> {
    const destroyed = await this.#operations.destroy(tenant)
    this.#cache.delete(tenant)
    return destroyed
  }

  /** The tenant's keys were erased, tombstones and all. */
  forget(tenant: string): void {
    this.#cache.delete(tenant)
  }

  /** Wraps everything that another master key wrapped with the current one. @returns how many keys */
  async rewrapAll(): Promise<number> {
    let rewrapped = 0
    for (;;) {
      const outdated = await this.#operations.wrappedByOthers(this.masters.current, 100)
      if (outdated.length === 0) return rewrapped
      for (const { tenant, key } of outdated) {
        const context = { tenant, number: key.number }
        const plain = await this.masters.unwrap(key.wrapped, key.wrappedBy, context)
        const wrapped = await this.masters.wrap(plain, context)
        const after = { number: key.number, wrappedBy: this.masters.current, wrapped }
        if (await this.#operations.rewrap(tenant, key, after)) rewrapped += 1
      }
    }
  }

  /** Keys of tenants that nobody works for any more. The oldest stand first. */
  #dropOld(): void {
    const now = performance.now()
    for (const [tenant, { readAt }] of this.#cache) {
      if (now - readAt < this.masters.keyCacheMs && this.#cache.size < maxCachedTenants) return
      this.#cache.delete(tenant)
    }
  }

  async #load(tenant: string): Promise<TenantKeys> {
    let stored = await this.#operations.list(tenant)
    for (const number of [0, 1]) {
      if (stored.some((key) => key.number === number || key.wrapped === '')) continue
      await this.#operations.add(tenant, await this.#made(tenant, number))
      stored = await this.#operations.list(tenant)
    }
    if (stored.some(({ wrapped }) => wrapped === '')) throw shredded(tenant)
    const keys = new Map<number, KeyObject>()
    for (const { number, wrapped, wrappedBy } of stored) {
      keys.set(number, createSecretKey(await this.masters.unwrap(wrapped, wrappedBy, { tenant, number })))
    }
    return new TenantKeys(tenant, keys)
  }

  async #made(tenant: string, number: number): Promise<StoredKey> {
    const wrapped = await this.masters.wrap(randomBytes(32), { tenant, number })
    return { number, wrappedBy: this.masters.current, wrapped }
  }
}

function shredded(tenant: string): HoldfastError {
  return new HoldfastError(
    'FAILED_PRECONDITION',
    `The keys of tenant ${tenant} were destroyed: what they encrypted is gone for good, use another tenant`,
    { reason: 'KEY_SHREDDED' },
  )
}
