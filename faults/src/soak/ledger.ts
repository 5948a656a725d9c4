/** What was acknowledged, and what was found of it. */
export class Ledger {
  /** Acknowledged operations by kind. */
  readonly acknowledged: Record<string, number> = {}
  readonly retried: Record<string, number> = {}
  lost = 0
  doubled = 0
  /** What else is wrong, the first of each kind told. */
  wrong = 0
  readonly first: string[] = []

  done(kind: string): void {
    this.acknowledged[kind] = (this.acknowledged[kind] ?? 0) + 1
  }

  again(kind: string): void {
    this.retried[kind] = (this.retried[kind] ?? 0) + 1
  }

  isLost(what: string): void {
    this.lost += 1
    this.#tell(`lost: ${what}`)
  }

  isDoubled(what: string): void {
    this.doubled += 1
    this.#tell(`doubled: ${what}`)
  }

  isWrong(what: string): void {
    this.wrong += 1
    this.#tell(`wrong: ${what}`)
  }

  #tell(what: string): void {
    if (this.first.length < 20) this.first.push(what)
  }
}
