import type { FeedOperations } from './feed-operations.js'

const longestPauseMs = 60_000
const shortestPauseMs = 250

/** Trims feeds in the background: a quarter of their retention apart, at least once a minute. Every process that declares a
 *  retention does; where one has been the next finds nothing. */
export class FeedTrimmer {
  readonly #feeds: Pick<FeedOperations, 'trim'>
  readonly #retained = new Map<string, { retainMs: number; timer?: NodeJS.Timeout }>()
  readonly #underWay = new Set<Promise<void>>()
  #closed = false

  constructor(feeds: Pick<FeedOperations, 'trim'>) {
    this.#feeds = feeds
  }

  retain(collection: string, retainMs: number | undefined): void {
    const known = this.#retained.get(collection)
    if (retainMs === undefined || this.#closed || known?.retainMs === retainMs) return
    clearTimeout(known?.timer)
    this.#retained.set(collection, { retainMs })
    this.#schedule(collection)
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const { timer } of this.#retained.values()) clearTimeout(timer)
    await Promise.all(this.#underWay)
  }

  #schedule(collection: string): void {
    const retained = this.#retained.get(collection)
    if (retained === undefined || this.#closed) return
    const pauseMs = Math.min(longestPauseMs, Math.max(shortestPauseMs, retained.retainMs / 4))
    // Processes that were started together need not trim together.
    retained.timer = setTimeout(
      () => {
        const trimming = this.#trim(collection, retained.retainMs).finally(() => this.#underWay.delete(trimming))
        this.#underWay.add(trimming)
      },
      pauseMs * (0.75 + Math.random() / 2),
    ).unref()
  }

  /** An outage only puts it off: nothing depends on it but room. */
  async #trim(collection: string, retainMs: number): Promise<void> {
    await this.#feeds.trim(collection, retainMs).catch(() => 0)
    this.#schedule(collection)
  }
}
