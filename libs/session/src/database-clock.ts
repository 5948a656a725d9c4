/** How long what was found out is used: two clocks drift apart by less than a millisecond in that time. */
const askAgainMs = 10_000
/** An answer that took longer says too little. */
const maxDoubtMs = 5

/** The database's time without asking it each time: late by as much as the last answer took, and never before a time that this process has had from
 *  the database. For what nothing depends on but an order; leases and lifetimes ask. */
export class DatabaseClock {
  readonly #ask: () => Promise<number>
  #offset: number | undefined
  #askedAt = -Infinity
  #latest = 0

  /** @param ask in milliseconds since 1970 */
  constructor(ask: () => Promise<number>) {
    this.#ask = ask
  }

  /** A time that the database gave. */
  saw(time: number): void {
    if (time > this.#latest) this.#latest = time
  }

  async now(): Promise<number> {
    const before = performance.now()
    if (this.#offset === undefined || before > this.#askedAt + askAgainMs) {
      this.saw(await this.#ask())
      const after = performance.now()
      this.#askedAt = before
      this.#offset = after - before > maxDoubtMs ? undefined : this.#latest - after
    } else {
      this.saw(Math.floor(before + this.#offset))
    }
    return this.#latest
  }
}
