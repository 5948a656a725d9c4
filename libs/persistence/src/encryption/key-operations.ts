/** A key of a tenant as the database has it: encrypted under a master key that the database never sees. */
export interface StoredKey {
  /** 0: of searchable fields; 1, 2, …: of data, the highest is the current one. */
  readonly number: number
  /** The id of the master key. */
  readonly wrappedBy: string
  /** Empty once the key has been destroyed. */
  readonly wrapped: string
}

export interface KeyOperations {
  /** In the order of their numbers. */
  list(tenant: string): Promise<StoredKey[]>
  /** `false`: the tenant has a key of that number already, or its keys were destroyed. */
  add(tenant: string, key: StoredKey): Promise<boolean>
  /** Replaces one that is as `before`, still. */
  rewrap(tenant: string, before: StoredKey, after: StoredKey): Promise<boolean>
  /** Empties all keys of a tenant for good and leaves a tombstone. @returns how many there were */
  destroy(tenant: string): Promise<number>
  /** Keys wrapped by another master key than this one; destroyed ones do not count. */
  wrappedByOthers(masterKey: string, limit: number): Promise<{ readonly tenant: string; readonly key: StoredKey }[]>
}
