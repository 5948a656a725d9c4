/** What the parts of this benchmark get. */
export interface GatewayWorld {
  /** Rounds of a comparison. */
  readonly rounds: number
  /** Of one side in one round, in milliseconds. */
  readonly ms: number
  readonly metric: (name: string, value: number) => void
  readonly note: (line: string) => void
}
