import type { RedisConnection } from './redis-connection.js'
import type { CacheAnswer, CacheChange, CacheFill, LeaseRequest, SessionCache } from './session-cache.js'

export interface NearCacheOptions {
  /** About how much it may hold, in bytes. */
  readonly maxBytes: number
  /** How long an entry is used after it was asked for, in milliseconds: by so much a read may be behind the writes of other processes. */
  readonly maxAgeMs: number
}

interface Near {
  readonly answer: CacheAnswer
  readonly askedAt: number
  readonly bytes: number
}

const ofEach = 200

/** Keeps answers of Redis in this process until Redis says that they have changed (client-side tracking), and at most for `maxAgeMs`, in
 *  case that it does not reach this process. What this process writes it forgets before the write is answered. */
export class NearCache implements SessionCache {
  readonly #far: SessionCache
  readonly #nameOf: (epoch: number, key: string) => string
  readonly #options: NearCacheOptions
  /** In the order of use. */
  readonly #near = new Map<string, Near>()
  /** What is being asked for: an invalidation may overtake the answer, which then is not kept. */
  readonly #asked = new Map<string, symbol>()
  #bytes = 0

  constructor(
    far: SessionCache,
    connection: RedisConnection,
    nameOf: (epoch: number, key: string) => string,
    options: NearCacheOptions,
  ) {
    this.#far = far
    this.#nameOf = nameOf
    this.#options = options
    connection.onInvalidation((name) => {
      if (name !== undefined) return this.#forget(name)
      this.#near.clear()
      this.#asked.clear()
      this.#bytes = 0
    })
  }

  get kind(): SessionCache['kind'] {
    return this.#far.kind
  }

  serverId(): string | undefined {
    return this.#far.serverId()
  }

  onReturn(listener: () => void): void {
    this.#far.onReturn(listener)
  }

  async get(epoch: number, keys: readonly string[]): Promise<CacheAnswer[]> {
    const askedAt = performance.now()
    const answers = keys.map((key) => this.#use(this.#nameOf(epoch, key), askedAt))
    const missing = keys.filter((_, index) => answers[index] === undefined)
    if (missing.length === 0) return answers as CacheAnswer[]
    const mark = Symbol('asked')
    for (const key of missing) this.#asked.set(this.#nameOf(epoch, key), mark)
    const found = (await this.#far.get(epoch, missing)).values()
    return keys.map((key, index) => {
      const near = answers[index]
      if (near !== undefined) return near
      const answer = found.next().value ?? { kind: 'miss' }
      const name = this.#nameOf(epoch, key)
      if (this.#asked.get(name) === mark) {
        this.#asked.delete(name)
        if (answer.kind === 'hit') this.#keep(name, answer, askedAt)
      }
      return answer
    })
  }

  lease(epoch: number, requests: readonly LeaseRequest[]): Promise<CacheAnswer[]> {
    return this.#far.lease(epoch, requests)
  }

  async fill(epoch: number, fills: readonly CacheFill[], now: number): Promise<boolean[]> {
    const answers = await this.#far.fill(epoch, fills, now)
    for (const { key } of fills) this.#forget(this.#nameOf(epoch, key))
    return answers
  }

  async change(epoch: number, changes: readonly CacheChange[], now: number): Promise<void> {
    await this.#far.change(epoch, changes, now)
    for (const { key } of changes) this.#forget(this.#nameOf(epoch, key))
  }

  async forget(epoch: number, keys: readonly string[]): Promise<void> {
    await this.#far.forget(epoch, keys)
    for (const key of keys) this.#forget(this.#nameOf(epoch, key))
  }

  ping(): Promise<number> {
    return this.#far.ping()
  }

  close(): Promise<void> {
    return this.#far.close()
  }

  #use(name: string, now: number): CacheAnswer | undefined {
    const near = this.#near.get(name)
    if (near === undefined) return undefined
    if (near.askedAt + this.#options.maxAgeMs <= now) {
      this.#forget(name)
      return undefined
    }
    this.#near.delete(name)
    this.#near.set(name, near)
    return near.answer
  }

  #keep(name: string, answer: Extract<CacheAnswer, { kind: 'hit' }>, askedAt: number): void {
    this.#forget(name)
    const bytes = ofEach + 2 * (name.length + (answer.entry.json?.length ?? 0))
    this.#near.set(name, { answer, askedAt, bytes })
    this.#bytes += bytes
    for (const [oldest] of this.#near) {
      if (this.#bytes <= this.#options.maxBytes) return
      this.#forget(oldest)
    }
  }

  #forget(name: string): void {
    this.#asked.delete(name)
    const near = this.#near.get(name)
    if (near === undefined) return
    this.#near.delete(name)
    this.#bytes -= near.bytes
  }
}
