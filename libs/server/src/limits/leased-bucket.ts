import { type FullRate, rateExceeded } from './call-rate.js'
import type { Lease } from './shared-buckets.js'

/** What was leased and not used is given up after this time, so that no process keeps calls for later. */
const leaseMs = 1000

/** One process's portion of a bucket. */
export class LeasedBucket {
  readonly rate: FullRate
  lastUsed = 0
  readonly #whose: string
  readonly #ask: () => Promise<Lease>
  #left = 0
  #leftUntil = 0
  #refusedUntil = 0
  #asking: Promise<void> | undefined

  constructor(whose: string, rate: FullRate, ask: () => Promise<Lease>) {
    this.#whose = whose
    this.rate = rate
    this.#ask = ask
  }

  /** Takes one call, at once while the portion lasts. @throws RESOURCE_EXHAUSTED with a retry delay */
  take(): Promise<void> | undefined {
    const now = performance.now()
    this.lastUsed = now
    if (now >= this.#leftUntil) this.#left = 0
    if (this.#left >= 1) {
      this.#left -= 1
      // The next portion is on its way before this one is gone.
      if (this.#left < this.rate.portion / 2 && now >= this.#refusedUntil) void this.#lease()
      return undefined
    }
    if (now < this.#refusedUntil) throw rateExceeded(this.#whose, this.rate, this.#refusedUntil - now)
    return this.#lease().then(() => this.take())
  }

  #lease(): Promise<void> {
    this.#asking ??= this.#ask()
      .then(({ granted, retryAfterMs }) => {
        const now = performance.now()
        if (granted === 0) this.#refusedUntil = now + Math.max(1, retryAfterMs)
        // What is left of the last portion may be used for as long as the new one: there is at most one of each.
        this.#left = Math.min(this.#left + granted, 2 * this.rate.portion)
        if (granted > 0) this.#leftUntil = now + leaseMs
      })
      .finally(() => {
        this.#asking = undefined
      })
    return this.#asking
  }
}
