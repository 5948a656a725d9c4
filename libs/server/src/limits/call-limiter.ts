import type { DocumentStore } from '@holdfast/persistence'
import type { Caller } from '../caller.js'
import type { Logger } from '../logs.js'
import { type CallRate, type FullRate, fullRate } from './call-rate.js'
import { LeasedBucket } from './leased-bucket.js'
import { SharedBuckets } from './shared-buckets.js'

/** Who may call how often; what is absent is not limited. */
export interface CallLimits {
  /** For each tenant. */
  readonly tenant?: CallRate | undefined
  /** For each credential, within what its tenant has. */
  readonly credential?: CallRate | undefined
  /** For some tenants by name, instead of `tenant`. */
  readonly tenants?: Readonly<Record<string, CallRate>> | undefined
}

/** Lets calls in, or refuses them, before they do anything. */
export interface CallLimiter {
  /** `undefined`: the call may go on; else when that resolves. @throws RESOURCE_EXHAUSTED with a retry delay and the quota that was exceeded */
  take(caller: Caller): Promise<void> | undefined
}

/** Buckets of callers that were not seen for so long are forgotten. */
const idleMs = 60_000
const mostBuckets = 100_000
/** Between two lines in the log about a store that does not answer. */
const quietMs = 10_000

/** Limits that hold over all processes on one store: in any time of T seconds all of them together let in at most `perSecond · T + burst` calls, and
 *  `2 · portion` more for each process, of what it had leased before (a portion: calls of 0.1 s, at least 1). Most calls ask nobody: a process leases a
 *  portion at a time, and the next one before it is gone. While the store does not answer, calls are let in: what they want of it fails by itself.
 *  See docs/decisions/0069-limits-are-leased.md. */
export function limitCalls(store: DocumentStore, limits: CallLimits, logger?: Logger): CallLimiter {
  return new LeasedLimits(new SharedBuckets(store), limits, logger)
}

class LeasedLimits implements CallLimiter {
  readonly #shared: SharedBuckets
  readonly #logger: Logger | undefined
  readonly #tenant: FullRate | undefined
  readonly #credential: FullRate | undefined
  readonly #tenants: ReadonlyMap<string, FullRate>
  readonly #buckets = new Map<string, LeasedBucket>()
  #toldAt = -Infinity

  constructor(shared: SharedBuckets, { tenant, credential, tenants = {} }: CallLimits, logger: Logger | undefined) {
    this.#shared = shared
    this.#logger = logger
    this.#tenant = tenant && fullRate(tenant)
    this.#credential = credential && fullRate(credential)
    this.#tenants = new Map(Object.entries(tenants).map(([name, rate]) => [name, fullRate(rate)]))
  }

  take({ tenant, credential }: Caller): Promise<void> | undefined {
    const ofTenant = this.#tenants.get(tenant) ?? this.#tenant
    const second = ofTenant && this.#bucket(`tenant ${tenant}`, ofTenant)
    // Whoever is refused for its own calls takes nothing of what its tenant has.
    const first =
      this.#credential === undefined || credential === ''
        ? undefined
        : this.#bucket(`credential ${credential}`, this.#credential)
    const taken = first?.take()
    return taken === undefined ? second?.take() : taken.then(() => second?.take())
  }

  #bucket(whose: string, rate: FullRate): LeasedBucket {
    const known = this.#buckets.get(whose)
    if (known !== undefined) return known
    if (this.#buckets.size >= mostBuckets) this.#forgetIdle()
    const bucket = new LeasedBucket(whose, rate, async () => {
      try {
        return await this.#shared.lease(whose, rate)
      } catch (err) {
        this.#tell(err)
        return { granted: rate.portion, retryAfterMs: 0 }
      }
    })
    this.#buckets.set(whose, bucket)
    return bucket
  }

  #forgetIdle(): void {
    const oldest = performance.now() - idleMs
    for (const [whose, { lastUsed }] of this.#buckets) if (lastUsed < oldest) this.#buckets.delete(whose)
    // A flood of callers that were all seen just now: they begin anew, with the shared buckets as they are.
    if (this.#buckets.size >= mostBuckets) this.#buckets.clear()
  }

  #tell(err: unknown): void {
    const now = performance.now()
    if (now - this.#toldAt < quietMs) return
    this.#toldAt = now
    this.#logger?.warn({ err }, 'Limits of calls cannot be looked up: calls are let in meanwhile')
  }
}
