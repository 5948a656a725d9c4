export interface Key {
  readonly tenant: string
  readonly id: string
}

export interface StoredDocument {
  /** The text that filters and sorts spoke of, where it is not `json`: of an older schema version (schema/). Set above this seam only. */
  readonly filtered?: string
  readonly id: string
  readonly version: number
  /** Milliseconds since 1970, decided by the database. */
  readonly createdAt: number
  readonly updatedAt: number
  /** When it ends by itself, in the same terms; absent: never. */
  readonly expiresAt?: number
  readonly json: string
  /** How well it fits `$text`, from a query that sorts by it. */
  readonly textScore?: number
}

/** What a write left behind: the document without its text, which the caller has. */
export type Written = Omit<StoredDocument, 'json' | 'textScore'>

/** How long a document lives from a write on, in milliseconds; absent or null: until it is deleted. */
export interface WithLifetime {
  readonly ttlMs?: number | null | undefined
}

export interface UpsertRow extends Key, WithLifetime {
  readonly json: string
  /** By how much the version grows: the number of puts that the caller folded into this one; 1 for a single put.
   *  A new document starts at this number. */
  readonly bump: number
}

export interface InsertRow extends Key, WithLifetime {
  readonly json: string
  /** The version to start with: the number of updates folded into this insert; default 1. */
  readonly bump?: number
}

export interface ReplaceRow extends Key {
  readonly json: string
  /** What becomes of its lifetime; absent: it goes on as it is. */
  readonly lifetime?: Lifetime | undefined
  readonly ifVersion: number
  /** By how much the version grows: the number of updates folded into this one. */
  readonly bump: number
}

/** `set`: from now on this long, null for ever. `renew`: this long from now on, unless it lives for ever. */
export type Lifetime =
  | { readonly kind: 'set'; readonly ttlMs: number | null }
  | { readonly kind: 'renew'; readonly ttlMs: number }

export interface DeleteRow extends Key {
  readonly ifVersion?: number
}

export interface LeasedDocument extends StoredDocument {
  readonly token: string
  /** Milliseconds since 1970, by the database's clock. */
  readonly leaseUntil: number
}

export interface SettleRow extends Key {
  readonly token: string
  /** From now on; 0 ends the lease, absent changes nothing. */
  readonly leaseMs?: number | undefined
}

export interface SettledLease {
  /** The document's, which a settlement does not change. */
  readonly version: number
  /** 0: ended. */
  readonly leaseUntil: number
}
