import type { KeyOperations, StoredKey } from './key-operations.js'

export class MemoryKeys implements KeyOperations {
  /** By tenant, then by number. */
  readonly #keys = new Map<string, Map<number, StoredKey>>()

  async list(tenant: string): Promise<StoredKey[]> {
    return [...(this.#keys.get(tenant)?.values() ?? [])].sort((a, b) => a.number - b.number)
  }

  async add(tenant: string, key: StoredKey): Promise<boolean> {
    const keys = this.#keys.get(tenant) ?? new Map<number, StoredKey>()
    const allowed = key.number === 0 || (keys.get(0)?.wrapped ?? '') !== ''
    if (!allowed || keys.has(key.number)) return false
    this.#keys.set(tenant, keys.set(key.number, key))
    return true
  }

  async rewrap(tenant: string, before: StoredKey, after: StoredKey): Promise<boolean> {
    const keys = this.#keys.get(tenant)
    if (keys?.get(before.number)?.wrapped !== before.wrapped) return false
    keys.set(after.number, after)
    return true
  }

  async destroy(tenant: string): Promise<number> {
    const keys = this.#keys.get(tenant) ?? new Map<number, StoredKey>()
    const live = [...keys.values()].filter(({ wrapped }) => wrapped !== '')
    if (keys.size === 0) keys.set(0, destroyed(0))
    for (const number of keys.keys()) keys.set(number, destroyed(number))
    this.#keys.set(tenant, keys)
    return live.length
  }

  /** Leaves no tombstone either. @returns how many there were */
  async erase(tenant: string): Promise<number> {
    const count = this.#keys.get(tenant)?.size ?? 0
    this.#keys.delete(tenant)
    return count
  }

  async wrappedByOthers(masterKey: string, limit: number): Promise<{ tenant: string; key: StoredKey }[]> {
    const all = [...this.#keys].flatMap(([tenant, keys]) => [...keys.values()].map((key) => ({ tenant, key })))
    return all.filter(({ key }) => key.wrappedBy !== masterKey && key.wrapped !== '').slice(0, limit)
  }
}

const destroyed = (number: number): StoredKey => ({ number, wrappedBy: '', wrapped: '' })
