/** How many runs a process runs at once, of all tenants together. */
export class Slots {
  readonly most: number
  #taken = 0

  /** @param most 0: none */
  constructor(most: number) {
    this.most = most
  }

  /** Runs under way, and those that are being claimed. */
  get taken(): number {
    return this.#taken
  }

  /** @returns whether there was a free one */
  take(): boolean {
    if (this.#taken >= this.most) return false
    this.#taken += 1
    return true
  }

  free(): void {
    this.#taken -= 1
  }
}
