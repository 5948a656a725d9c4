/** Items from one who gives to one who iterates, one at a time: the giver waits until the last one was taken. */
export class Handover<T> implements AsyncIterable<T> {
  #item: { readonly value: T } | undefined
  #ended: { readonly error?: unknown } | undefined
  #left = false
  #wake: () => void = () => {}

  /** `false`: nobody takes any more. */
  async give(value: T): Promise<boolean> {
    while (this.#item !== undefined && !this.#left) await this.#change()
    if (this.#left) return false
    this.#item = { value }
    this.#wake()
    return true
  }

  /** After what was given; with an error, the one who iterates gets it. */
  end(failure: { readonly error?: unknown } = {}): void {
    this.#ended ??= failure
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    try {
      for (;;) {
        const item = this.#item
        if (item !== undefined) {
          this.#item = undefined
          this.#wake()
          yield item.value
        } else if (this.#ended !== undefined) {
          if ('error' in this.#ended) throw this.#ended.error
          return
        } else {
          await this.#change()
        }
      }
    } finally {
      this.#left = true
      this.#wake()
    }
  }

  #change(): Promise<void> {
    const before = this.#wake
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = () => {}
        before()
        resolve()
      }
    })
  }
}
