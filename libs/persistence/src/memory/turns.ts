/** Lets work that takes time run alone: whatever comes meanwhile waits its turn, first come, first served. */
export class Turns {
  #last: Promise<void> | undefined

  /** For work that takes no time: at once, if nobody has the turn. */
  async take<R>(work: () => R): Promise<R> {
    return this.#last === undefined ? work() : this.takeAlone(work)
  }

  async takeAlone<R>(work: () => R | Promise<R>): Promise<R> {
    const before = this.#last
    let release = (): void => undefined
    const turn = new Promise<void>((resolve) => {
      release = resolve
    })
    this.#last = turn
    try {
      await before
      return await work()
    } finally {
      if (this.#last === turn) this.#last = undefined
      release()
    }
  }
}
