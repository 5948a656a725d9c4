import type { SessionBackend, SessionRow } from './session-backend.js'

/** Reads of the database for callers that cannot use the cache. However many there are, a bounded number is under way: a cache that goes
 *  away does not pass all its load on at once. What waits for the same key is read once. */
export class DirectReads {
  readonly #backend: SessionBackend
  readonly #atOnce: number
  /** Not yet sent, in their order. Whoever joins one of these sees all that was written before. */
  readonly #waiting = new Map<string, { readonly row: Promise<SessionRow>; readonly start: () => void }>()
  #running = 0

  constructor(backend: SessionBackend, atOnce: number) {
    this.#backend = backend
    this.#atOnce = atOnce
  }

  read(key: string): Promise<SessionRow> {
    if (this.#running < this.#atOnce) return this.#run(key)
    const waits = this.#waiting.get(key)
    if (waits !== undefined) return waits.row
    let start: () => void = () => undefined
    const row = new Promise<void>((resolve) => {
      start = resolve
    }).then(() => this.#run(key))
    this.#waiting.set(key, { row, start })
    return row
  }

  async #run(key: string): Promise<SessionRow> {
    this.#running += 1
    try {
      return await this.#backend.read(key)
    } finally {
      this.#running -= 1
      for (const [next, { start }] of this.#waiting) {
        this.#waiting.delete(next)
        start()
        break
      }
    }
  }
}
