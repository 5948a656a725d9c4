/** Runs work of one key one after the other, of different keys side by side. Writers of one document in one process then take
 *  turns instead of failing each other's version check. */
export class KeyedQueue {
  readonly #tails = new Map<string, Promise<unknown>>()

  run<R>(key: string, work: () => Promise<R>): Promise<R> {
    const before = this.#tails.get(key) ?? Promise.resolve()
    const result = before.then(work, work)
    this.#tails.set(key, result)
    const forget = (): void => {
      if (this.#tails.get(key) === result) this.#tails.delete(key)
    }
    result.then(forget, forget)
    return result
  }
}
