/** So many are on their way at most before writers wait for them. */
const maxWaiting = 1_000
const maxPauseMs = 2_000

/** Copies that nobody waits for, and those that failed, which are tried until they succeed. What a process leaves unfinished when it dies is found
 *  by the next comparison of the stores; no step relies on this. */
export class UnfinishedCopies {
  readonly #again: (key: string) => Promise<unknown>
  readonly #running = new Set<Promise<void>>()
  readonly #failed = new Set<string>()
  #retrying: Promise<void> | undefined
  #stop: (() => void) | undefined
  #closed = false

  constructor(again: (key: string) => Promise<unknown>) {
    this.#again = again
  }

  /** Resolves when there is room for more. */
  async add(key: string, copy: () => Promise<unknown>): Promise<void> {
    const running: Promise<void> = copy().then(
      () => undefined,
      () => this.#retryLater(key),
    )
    this.#running.add(running)
    void running.finally(() => this.#running.delete(running))
    if (this.#running.size > maxWaiting) await Promise.race(this.#running)
  }

  /** Waits for what is on its way; what failed is left to the next comparison. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#running)
    this.#stop?.()
    await this.#retrying
  }

  #retryLater(key: string): void {
    this.#failed.add(key)
    this.#retrying ??= this.#retry().finally(() => {
      this.#retrying = undefined
    })
  }

  async #retry(): Promise<void> {
    for (let pauseMs = 50; this.#failed.size > 0 && !this.#closed; pauseMs = Math.min(maxPauseMs, pauseMs * 2)) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pauseMs).unref()
        this.#stop = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      for (const key of this.#failed) {
        if (this.#closed) return
        try {
          this.#failed.delete(key)
          await this.#again(key)
          pauseMs = 25
        } catch {
          this.#failed.add(key)
          break
        }
      }
    }
  }
}
