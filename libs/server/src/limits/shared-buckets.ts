import { setTimeout as after } from 'node:timers/promises'
import { HoldfastError } from '@holdfast/errors'
import type { Collection, DocumentStore, TenantStore } from '@holdfast/persistence'
import { systemTenant } from '../auth/tenant-name.js'
import type { FullRate } from './call-rate.js'

interface BucketRecord {
  /** Up to this moment, in milliseconds since 1970 by the database's clock, all calls that the rate allows are spent (GCRA's theoretical
   *  arrival time: https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm). */
  readonly spentUntil: number
}

/** What came of asking for a portion. */
export interface Lease {
  /** Calls; 0: none are left. */
  readonly granted: number
  /** When there is one again, in milliseconds from now. */
  readonly retryAfterMs: number
}

const maxAttempts = 30
/** A bucket that nobody took from for so long is full whatever its rate. */
const lifetimeMs = 86_400_000

/** The token buckets of all processes on one store, a document for each. */
export class SharedBuckets {
  readonly #store: DocumentStore
  readonly #buckets: Collection<BucketRecord>

  constructor(store: DocumentStore) {
    const system: TenantStore = store.tenant(systemTenant)
    this.#store = store
    this.#buckets = system.collection<BucketRecord>('call-buckets', { ttlMs: lifetimeMs })
  }

  /** Takes up to `portion` calls of a bucket. @throws UNAVAILABLE and its like */
  async lease(id: string, { perSecond, burst, portion }: FullRate): Promise<Lease> {
    const msPerCall = 1000 / perSecond
    for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
      // One clock for all processes.
      const [found, at] = await Promise.all([this.#buckets.get(id), this.#store.now()])
      const now = at.getTime()
      const spent = Math.max(found?.data.spentUntil ?? 0, now - burst * msPerCall)
      // A hair more than nothing is lost to floating point.
      const left = Math.floor((now - spent) / msPerCall + 1e-6)
      const granted = Math.min(portion, left)
      if (granted < 1) return { granted: 0, retryAfterMs: spent + msPerCall - now }
      const record = { spentUntil: spent + granted * msPerCall }
      try {
        if (found === undefined) await this.#buckets.insertOne(record, { id })
        else await this.#buckets.put(id, record, { ifVersion: found.version })
        return { granted, retryAfterMs: 0 }
      } catch (error) {
        if (!isTaken(error)) throw error
        await after(Math.random() * 5 * attempt)
      }
    }
    // Others were quicker every time: so many take from it that it cannot be far from empty.
    return { granted: 0, retryAfterMs: Math.max(100, msPerCall) }
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof HoldfastError && (error.code === 'ABORTED' || error.code === 'ALREADY_EXISTS')
}
