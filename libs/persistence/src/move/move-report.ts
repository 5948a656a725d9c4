export interface MoveOptions {
  /** `copy`: only copies, again and again if it is called again, while the source is in service. `cutover` (default): then fences the source, which refuses
   *  all writes from there on, copies what is left, and compares. */
  readonly until?: 'copy' | 'cutover'
  /** The source cannot be fenced (it is no PostgreSQL), and its writers are known to be stopped. */
  readonly writersStopped?: boolean
  /** Whether the target may hold something: what differs there is replaced, and what the source has not goes; default false. */
  readonly replace?: boolean
  readonly signal?: AbortSignal
  /** What it is at, how many rows and blobs of it were looked at so far. */
  readonly onProgress?: (doing: 'copy' | 'catch up' | 'cutover', rows: number) => void
}

export interface MoveReport {
  readonly passes: readonly PassReport[]
  /** Whether the source refuses writes now. */
  readonly fenced: boolean
  /** How long, until the target was found to hold the same, in milliseconds. */
  readonly fencedMs: number
  /** Of both stores, after a cutover. */
  readonly sha256?: string
}

/** What one pass looked at, and what it had to change. */
export interface PassReport {
  readonly rows: number
  readonly blobs: number
  readonly written: number
  readonly removed: number
}
