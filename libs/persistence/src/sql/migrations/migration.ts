export interface Migration {
  /** 1, 2, 3, …: the order in which migrations run, each once, never changed after its release. */
  readonly version: number
  readonly name: string
  readonly sql: string
}
