const sampleMs = 10
const intervalMs = 100

/** How long work waits in this process, seen every 10 ms while there is work. Told once for each 100 ms as the least of what was seen
 *  in it: a delay that never went away is a queue, one that did was a burst (CoDel, https://www.rfc-editor.org/rfc/rfc8289). */
export class StandingDelay {
  readonly #elsewhere: () => number
  readonly #tell: (delayMs: number, overMs: number) => void
  #timer: NodeJS.Timeout | undefined
  #dueAt = 0
  #since = 0
  #least = Infinity

  /** @param elsewhere age of the oldest work that waits for something else than this thread, in milliseconds
   *  @param tell gets the standing delay, and over how many milliseconds it was seen */
  constructor(elsewhere: () => number, tell: (delayMs: number, overMs: number) => void) {
    this.#elsewhere = elsewhere
    this.#tell = tell
  }

  /** Goes on for as long as `isBusy` says. */
  watch(isBusy: () => boolean): void {
    if (this.#timer !== undefined) return
    this.#since = performance.now()
    this.#least = Infinity
    const look = (): void => {
      const now = performance.now()
      // The timer is late by as long as the thread kept everything else waiting as well.
      this.#least = Math.min(this.#least, Math.max(now - this.#dueAt, this.#elsewhere()))
      if (now - this.#since >= intervalMs) {
        this.#tell(this.#least, now - this.#since)
        this.#since = now
        this.#least = Infinity
      }
      if (isBusy()) this.#arm(look, now)
      else this.#timer = undefined
    }
    this.#arm(look, this.#since)
  }

  /** For how long the thread has kept a timer waiting just now, in milliseconds. */
  get overdueMs(): number {
    return this.#timer === undefined ? 0 : performance.now() - this.#dueAt
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #arm(look: () => void, now: number): void {
    this.#dueAt = now + sampleMs
    this.#timer = setTimeout(look, sampleMs).unref()
  }
}
