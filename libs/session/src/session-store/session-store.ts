/** Data under keys, durable in the database, behind a write-through cache. A read that begins after a write was answered sees that write or
 *  a later one, in every process of the fleet; an outage is an error, never "not there". */
export interface SessionStore extends AsyncDisposable {
  /** @param value what JSON can hold
   *  @throws ABORTED if `ifVersion` does not hold; INVALID_ARGUMENT naming the place; UNKNOWN if it may or may not have been stored */
  write(key: string, value: unknown, options?: SessionWriteOptions): Promise<SessionVersion>
  /** `undefined`: there is none. */
  read<T = unknown>(key: string): Promise<T | undefined>
  readEntry<T = unknown>(key: string): Promise<SessionEntry<T> | undefined>
  /** In the order of the keys. */
  readMany<T = unknown>(keys: readonly string[]): Promise<(T | undefined)[]>
  /** Each for itself, not all or none; the first failure is thrown after all have ended. */
  writeMany(
    entries: readonly { readonly key: string; readonly value: unknown; readonly ttlMs?: number }[],
  ): Promise<SessionVersion[]>
  /** @returns whether there was one */
  delete(key: string): Promise<boolean>
  exists(key: string): Promise<boolean>
  /** All keys that match a pattern of Redis's `KEYS` (`session:*:state`), in their order, as the database has them. */
  listKeys(pattern?: string): Promise<string[]>
  healthCheck(): Promise<SessionHealth>
  close(): Promise<void>
}

export interface SessionWriteOptions {
  /** How long the value lives, in milliseconds by the database's clock; default: until it is deleted. Every write sets it anew. */
  readonly ttlMs?: number
  /** Write only if the value has this version; 0: only if there is none. */
  readonly ifVersion?: number
}

export interface SessionVersion {
  /** Grows with every write of the key, deletions included; by one, unless concurrent writes came between. */
  readonly version: number
  readonly updatedAt: Date
  readonly expiresAt?: Date
}

export interface SessionEntry<T> extends SessionVersion {
  readonly value: T
  readonly createdAt: Date
}

export interface SessionHealth {
  readonly store: PartHealth
  /** `absent`: the store was opened without one. */
  readonly cache: PartHealth | { readonly status: 'absent' }
}

export interface PartHealth {
  readonly status: 'up' | 'down'
  /** Of one round trip, when it is up. */
  readonly latencyMs?: number
}
