import type { StoreContext } from './context.js'

const intervalMs = 1000
const batchSize = 500

/** Writes when conversations were last active, behind the messages' back: what gathers within a second goes out together, so that
 *  a conversation's document is written at most once a second however fast messages come. */
export class ActivityTimes {
  readonly #context: StoreContext
  #pending = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined
  #flushing: Promise<void> | undefined
  #lastFlush = -Infinity
  #closed = false
  /** Of all that were told; 0: none. */
  latest = 0

  constructor(context: StoreContext) {
    this.#context = context
  }

  touch(conversationId: string, at: Date): void {
    const time = at.getTime()
    this.#pending.set(conversationId, Math.max(this.#pending.get(conversationId) ?? 0, time))
    this.latest = Math.max(this.latest, time)
    this.#schedule()
  }

  forget(conversationId: string): void {
    this.#pending.delete(conversationId)
  }

  /** Writes what is pending. Failures are reported and stay pending. */
  async flush(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing
    if (this.#pending.size === 0) return
    this.#flushing = this.#write().finally(() => {
      this.#flushing = undefined
    })
    await this.#flushing
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.flush()
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#closed) return
    const wait = Math.max(20, this.#lastFlush + intervalMs - performance.now())
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.flush()
    }, wait)
    this.#timer.unref()
  }

  async #write(): Promise<void> {
    this.#lastFlush = performance.now()
    const pending = [...this.#pending]
    this.#pending = new Map()
    for (let start = 0; start < pending.length; start += batchSize) {
      const batch = pending.slice(start, start + batchSize)
      const results = await Promise.allSettled(batch.map(([id, at]) => this.#writeOne(id, at)))
      const failed = results.flatMap((result, index) => (result.status === 'rejected' ? [{ result, index }] : []))
      for (const { index } of failed) {
        const [id, at] = batch[index] ?? []
        if (id !== undefined && at !== undefined) this.#pending.set(id, Math.max(at, this.#pending.get(id) ?? 0))
      }
      const [first] = failed
      if (first !== undefined) this.#context.reportFailure('Writing activity times', first.result.reason)
    }
    if (this.#pending.size > 0) this.#schedule()
  }

  /** Never goes back, and never brings back a conversation that was deleted. */
  async #writeOne(id: string, at: number): Promise<void> {
    const { conversations } = this.#context.shapes
    await conversations.updateOne(
      { _id: id, lastActivityAt: { $lt: at } },
      { $set: { lastActivityAt: at, activity: at } },
    )
  }
}
