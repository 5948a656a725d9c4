import { invalidField } from '@holdfast/errors'

/** Lets so many go by in a second. */
export class Rate {
  readonly #perSecond: number | undefined
  #next = 0

  constructor(perSecond: number | undefined) {
    if (perSecond !== undefined && !(perSecond > 0)) throw invalidField('ratePerSecond', 'must be a positive number')
    this.#perSecond = perSecond
  }

  async pause(count: number): Promise<void> {
    if (this.#perSecond === undefined) return
    const now = performance.now()
    this.#next = Math.max(now, this.#next) + (count / this.#perSecond) * 1_000
    if (this.#next > now) await new Promise((resolve) => setTimeout(resolve, this.#next - now))
  }
}
