import { randomUUID } from 'node:crypto'
import {
  ageOf,
  type CacheAnswer,
  type CacheChange,
  type CacheEntry,
  type CacheFill,
  leaseMs,
  type LeaseRequest,
  type SessionCache,
} from './session-cache.js'

interface Held {
  /** Of a lease. */
  readonly token?: string
  readonly entry?: CacheEntry
  readonly until: number
  /** By this process's clock. */
  readonly gone: number
  readonly bytes: number
}

const ofEach = 200

/** In the memory of this process, for a store that no other process uses: each has a server id of its own, so that of several processes
 *  none comes to trust its cache. The least recently used entries go first. */
export class InProcessCache implements SessionCache {
  readonly kind = 'in-process'
  readonly #id = randomUUID()
  readonly #maxBytes: number
  /** In the order of use. */
  readonly #held = new Map<string, Held>()
  #bytes = 0

  /** @param maxBytes about how much it may hold; text counts two bytes a character */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  serverId(): string {
    return this.#id
  }

  onReturn(): void {
    // It is never away.
  }

  async get(epoch: number, keys: readonly string[]): Promise<CacheAnswer[]> {
    return keys.map((key) => answerOf(this.#use(`${epoch}:${key}`)))
  }

  async lease(epoch: number, requests: readonly LeaseRequest[]): Promise<CacheAnswer[]> {
    return requests.map(({ key, token, takeOver }) => {
      const name = `${epoch}:${key}`
      const held = this.#use(name)
      if (held?.entry !== undefined || (held !== undefined && !takeOver)) return answerOf(held)
      this.#set(name, { token, until: 0, gone: performance.now() + leaseMs, bytes: ofEach + 2 * name.length })
      return { kind: 'miss' }
    })
  }

  async fill(epoch: number, fills: readonly CacheFill[], now: number): Promise<boolean[]> {
    return fills.map(({ key, token, entry }) => {
      const name = `${epoch}:${key}`
      if (this.#use(name)?.token === token) {
        this.#hold(name, entry, now)
        return true
      }
      this.#change(name, entry, now)
      return false
    })
  }

  async change(epoch: number, changes: readonly CacheChange[], now: number): Promise<void> {
    for (const { key, entry } of changes) this.#change(`${epoch}:${key}`, entry, now)
  }

  async forget(epoch: number, keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#delete(`${epoch}:${key}`)
  }

  async ping(): Promise<number> {
    return 0
  }

  async close(): Promise<void> {
    this.#held.clear()
    this.#bytes = 0
  }

  #change(name: string, entry: CacheEntry, now: number): void {
    const held = this.#use(name)
    if (held === undefined) return
    if (held.entry === undefined) this.#delete(name)
    else if (held.entry.version <= entry.version) this.#hold(name, entry, now)
  }

  #hold(name: string, entry: CacheEntry, now: number): void {
    const ageMs = ageOf(entry, now)
    const bytes = ofEach + 2 * (name.length + (entry.json?.length ?? 0))
    this.#set(name, { entry, until: now + ageMs, gone: performance.now() + ageMs, bytes })
  }

  #use(name: string): Held | undefined {
    const held = this.#held.get(name)
    if (held === undefined) return undefined
    this.#held.delete(name)
    if (held.gone <= performance.now()) {
      this.#bytes -= held.bytes
      return undefined
    }
    this.#held.set(name, held)
    return held
  }

  #set(name: string, held: Held): void {
    this.#delete(name)
    this.#held.set(name, held)
    this.#bytes += held.bytes
    for (const [oldest] of this.#held) {
      if (this.#bytes <= this.#maxBytes) return
      this.#delete(oldest)
    }
  }

  #delete(name: string): void {
    const held = this.#held.get(name)
    if (held === undefined) return
    this.#held.delete(name)
    this.#bytes -= held.bytes
  }
}

function answerOf(held: Held | undefined): CacheAnswer {
  if (held === undefined) return { kind: 'miss' }
  return held.entry === undefined ? { kind: 'leased' } : { kind: 'hit', entry: held.entry, until: held.until }
}
