/** What is stored under a key, or that nothing is. */
export interface SessionRow {
  /** Never goes back for a key, deletions included; 0: nothing is known of the key. */
  readonly version: number
  /** JSON text; `undefined`: there is no value. */
  readonly json: string | undefined
  /** Milliseconds since 1970 by the database's clock. */
  readonly createdAt: number
  readonly updatedAt: number
  /** `undefined`: never. */
  readonly expiresAt: number | undefined
}

export interface SessionWrite {
  readonly key: string
  readonly value: unknown
  /** The value as JSON text. */
  readonly json: string
  /** `undefined`: it lives until it is deleted. */
  readonly ttlMs: number | undefined
  /** Write only if the version of the value that is there is this one; 0: only if there is none. */
  readonly ifVersion: number | undefined
}

/** Where sessions are durable. Calls are atomic for each key and durable when they resolve; those of one turn of the event loop share round
 *  trips. What fails did not happen, except with UNKNOWN: then nobody knows. */
export interface SessionBackend {
  readonly kind: 'documents' | 'direct' | 'migrating'
  read(key: string): Promise<SessionRow>
  /** @throws ABORTED if `ifVersion` does not hold */
  write(write: SessionWrite): Promise<SessionRow>
  /** @returns whether there was a value, and if so the version of its deletion */
  remove(key: string): Promise<{ readonly version: number; readonly existed: boolean }>
  /** Keys with values, in their order, behind `after`. */
  keys(after: string | undefined, limit: number): Promise<string[]>
  /** Milliseconds of a round trip. @throws UNAVAILABLE */
  ping(): Promise<number>
  close(): Promise<void>
}
