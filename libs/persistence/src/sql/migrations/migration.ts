export interface Migration {
  /** 1, 2, 3, …: the order in which migrations run, each once, never changed after its release. */
  readonly version: number
  readonly name: string
  readonly sql: string
  /** What only PostgreSQL itself understands and others can do without: how it stores a column, for example. */
  readonly tuning?: string
}
