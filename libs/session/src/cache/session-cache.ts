/** What a cache holds of a key: a value, or the fact that there is none. */
export interface CacheEntry {
  readonly version: number
  /** JSON text; `undefined`: the key was deleted, or never was. */
  readonly json: string | undefined
  /** Milliseconds since 1970 by the database's clock; `undefined`: never. */
  readonly expiresAt: number | undefined
}

export type CacheAnswer =
  | {
      readonly kind: 'hit'
      readonly entry: CacheEntry
      /** When the entry goes by its age, by the database's clock. */
      readonly until: number
    }
  /** Somebody else reads the database for it. */
  | { readonly kind: 'leased' }
  | { readonly kind: 'miss' }

export interface LeaseRequest {
  readonly key: string
  readonly token: string
  /** Also from another holder. */
  readonly takeOver: boolean
}

export interface CacheChange {
  readonly key: string
  readonly entry: CacheEntry
}

export interface CacheFill extends CacheChange {
  readonly token: string
}

/** The cache of the protocol in docs/decisions/0017-cache-protocol.md, below epochs: each operation is atomic on each of its keys, and names
 *  the epoch that it belongs to. Answers are in the order of the keys. A rejected promise means that nobody knows whether it was carried
 *  out, or ever will be. `now` is the database's time. */
export interface SessionCache {
  readonly kind: 'in-process' | 'redis' | 'redis-cluster'
  /** Which server this is, as long as it can be reached; another id: what is there cannot be trusted. */
  serverId(): string | undefined
  /** Called when the server is reached again, or another one in its place. */
  onReturn(listener: () => void): void
  get(epoch: number, keys: readonly string[]): Promise<CacheAnswer[]>
  /** Takes the leases of keys that have no entry. */
  lease(epoch: number, requests: readonly LeaseRequest[]): Promise<CacheAnswer[]>
  /** Makes the entry if the lease is there still; `false`: it was refused and acted as `change`. */
  fill(epoch: number, fills: readonly CacheFill[], now: number): Promise<boolean[]>
  /** Ends a lease; raises an entry that is there and not higher; makes none. */
  change(epoch: number, changes: readonly CacheChange[], now: number): Promise<void>
  /** Ends a lease, removes an entry. */
  forget(epoch: number, keys: readonly string[]): Promise<void>
  /** Milliseconds of a round trip. @throws UNAVAILABLE */
  ping(): Promise<number>
  close(): Promise<void>
}

/** How long a lease lasts when its holder says nothing more. */
export const leaseMs = 2_000
/** How long an entry is used before it is read again: bounds what a writer leaves behind that dies between commit and change. */
export const maxAgeMs = 60_000

export function ageOf(entry: CacheEntry, now: number): number {
  return entry.expiresAt === undefined ? maxAgeMs : Math.max(1, Math.min(maxAgeMs, Math.floor(entry.expiresAt - now)))
}
