/** One call of one client on one key, as the client saw it. Times are microseconds of the machine's monotonic clock, which all
 *  processes share. */
export interface Operation {
  readonly process: number
  readonly key: string
  readonly kind: 'read' | 'write' | 'delete'
  readonly start: number
  readonly end: number
  /** `refused`: it failed and did not happen. `unknown`: it failed, and may have happened or happen yet. */
  readonly outcome: 'done' | 'refused' | 'unknown'
  /** What was written or read, unique for each write; of a read `undefined`: nothing was there. */
  readonly value?: string | undefined
  /** That the store told. */
  readonly version?: number | undefined
  readonly ttlMs?: number | undefined
  /** Of a deletion: whether there was something. */
  readonly existed?: boolean | undefined
}

export function now(): number {
  return Number(process.hrtime.bigint() / 1_000n)
}
