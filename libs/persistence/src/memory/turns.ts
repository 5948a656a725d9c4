/** Lets work that takes time run alone: whatever comes meanwhile waits its turn, first come, first served. */
export class Turns {
  #last: Promise<void> = Promise.resolve()
  #waiting = 0

  /** For work that takes no time: at once, if nobody has the turn. */
  async take<R>(work: () => R): Promise<R> {
    return this.#waiting === 0 ? work() : this.takeAlone(work)
  }

  takeAlone<R>(work: () => R | Promise<R>): Promise<R> {
    const turn = this.#run(this.#last, work)
    this.#last = turn.then(nothing, nothing)
    return turn
  }

  async #run<R>(before: Promise<void>, work: () => R | Promise<R>): Promise<R> {
    this.#waiting += 1
    try {
      await before
      return await work()
    } finally {
      this.#waiting -= 1
    }
  }
}

function nothing(): void {}
