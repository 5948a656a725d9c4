import type { StoredDocument } from '../backend.js'
import type { QueriedDocument } from '../query/predicate.js'

/** Which rows are documents: see sql/visibility.ts. */
export interface Row extends StoredDocument {
  readonly tenant: string
  /** The tombstone of a soft delete, since when. */
  readonly removedAt?: number
  /** A tombstone without its data. */
  readonly purged?: boolean
  /** Of a claim. */
  readonly leaseUntil?: number
  readonly leaseToken?: string
  /** The parsed text; made when a query first needs it. */
  data?: unknown
}

export function queried(row: Row): QueriedDocument {
  row.data ??= JSON.parse(row.json)
  return { ...row, data: row.data }
}

export function storedOf({ id, version, createdAt, updatedAt, expiresAt, json }: Row): StoredDocument {
  return { id, version, createdAt, updatedAt, ...expiryOf(expiresAt), json }
}

export function expiryOf(expiresAt: number | undefined): { readonly expiresAt?: number } {
  return expiresAt === undefined ? {} : { expiresAt }
}

export function leaseOf(row: Row | undefined): Pick<Row, 'leaseUntil' | 'leaseToken'> {
  if (row?.leaseUntil === undefined || row.leaseToken === undefined) return {}
  return { leaseUntil: row.leaseUntil, leaseToken: row.leaseToken }
}

export function tombstoneOf(row: Row, now: number, retainMs: number): Row {
  const { tenant, id, version, createdAt, updatedAt, expiresAt, json } = row
  const bare = { tenant, id, version, createdAt, updatedAt, ...expiryOf(expiresAt), removedAt: now }
  return retainMs > 0 ? { ...bare, json } : { ...bare, json: 'null', purged: true }
}
