/** Runs a piece of work that does not wait, all or nothing. */
export type Run = <R>(work: () => R) => Promise<R>

/** How to take back what was done, last things first. Everything that the memory backend changes goes through here, so that
 *  a failed operation and a failed transaction leave nothing behind. */
export class Journal {
  readonly #undos: (() => void)[] = []

  record(undo: () => void): void {
    this.#undos.push(undo)
  }

  /** A place to go back to. */
  mark(): number {
    return this.#undos.length
  }

  rollBackTo(mark: number): void {
    while (this.#undos.length > mark) this.#undos.pop()?.()
  }

  /** What was done stays. */
  forget(): void {
    this.#undos.length = 0
  }
}
