import type { DocumentStore } from '@holdfast/persistence'

const trustMs = 60_000

/** The database's clock without asking it each time: processes whose own clocks differ agree on when a job is ready and when its deadline has
 *  passed. Between two looks it runs with the monotonic clock, which nobody sets. */
export class DatabaseClock {
  readonly #store: Pick<DocumentStore, 'now'>
  #at = 0
  #read = Number.NEGATIVE_INFINITY
  #isReading = false

  constructor(store: Pick<DocumentStore, 'now'>) {
    this.#store = store
  }

  async start(): Promise<void> {
    await this.#look()
  }

  /** Milliseconds since 1970. */
  now(): number {
    const monotonic = performance.now()
    // What cannot be read now is read the next time; until then the last answer goes on.
    if (monotonic - this.#read > trustMs && !this.#isReading) void this.#look().catch(() => undefined)
    return Math.round(this.#at + monotonic)
  }

  async #look(): Promise<void> {
    this.#isReading = true
    try {
      const before = performance.now()
      const now = await this.#store.now()
      const after = performance.now()
      this.#at = now.getTime() - (before + after) / 2
      this.#read = after
    } finally {
      this.#isReading = false
    }
  }
}
