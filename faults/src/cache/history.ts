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
  /** Its process was killed before it ended. */
  readonly killed?: true | undefined
}

/** A line of a process's file. A change is written down before it begins, with its number, and again when it has ended. */
export interface HistoryLine {
  readonly change?: number | undefined
  readonly begun?: readonly Omit<Operation, 'end' | 'outcome'>[]
  readonly ended?: readonly Operation[]
}

/** @param killedAt when the process was killed; what it had begun then may have happened, or happen yet */
export function readHistory(text: string, killedAt: number): Operation[] {
  const operations: Operation[] = []
  const open = new Map<number, NonNullable<HistoryLine['begun']>>()
  for (const line of text.split('\n')) {
    // The last one may be cut off.
    if (!line.endsWith('}')) continue
    const { change, begun, ended } = JSON.parse(line) as HistoryLine
    if (change !== undefined && begun !== undefined) open.set(change, begun)
    if (ended === undefined) continue
    if (change !== undefined) open.delete(change)
    for (const operation of ended) operations.push(operation)
  }
  for (const begun of open.values()) {
    for (const change of begun) operations.push({ ...change, end: killedAt, outcome: 'unknown', killed: true })
  }
  return operations
}

export function now(): number {
  return Number(process.hrtime.bigint() / 1_000n)
}
