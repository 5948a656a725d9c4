/** Runs works concurrently, those of one lane one after the other. The first failure stops everything that has not begun. */
export class WorkLanes {
  readonly #width: number
  readonly #lanes = new Map<string, Promise<void>>()
  readonly #freed: (() => void)[] = []
  #running = 0
  #failure: { readonly error: unknown } | undefined

  /** @param width works under way at most, waiting ones included */
  constructor(width: number) {
    this.#width = width
  }

  /** Resolves when the work was taken on, which is at once while there is room.
   *  @throws what a former work failed with */
  async add(lane: string, work: () => Promise<void>): Promise<void> {
    while (this.#running >= this.#width) {
      await new Promise<void>((resolve) => this.#freed.push(resolve))
    }
    this.#throwFailure()
    this.#running++
    const before = this.#lanes.get(lane) ?? Promise.resolve()
    const mine = before
      .then(() => this.#run(work))
      .finally(() => {
        if (this.#lanes.get(lane) === mine) this.#lanes.delete(lane)
      })
    this.#lanes.set(lane, mine)
  }

  /** Resolves when nothing is under way. @throws what a work failed with */
  async drained(): Promise<void> {
    await Promise.all(this.#lanes.values())
    this.#throwFailure()
  }

  async #run(work: () => Promise<void>): Promise<void> {
    try {
      if (this.#failure === undefined) await work()
    } catch (error) {
      this.#failure ??= { error }
    } finally {
      this.#running--
      this.#freed.shift()?.()
    }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}
