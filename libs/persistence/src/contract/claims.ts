import type { Document, Sort, Update } from './document.js'

export interface ClaimOptions {
  /** What the claim writes to the document: fields by their paths (`{ state: 'running' }`), or an update with operators
   *  (`{ $set: …, $inc: { attempts: 1 } }`). */
  readonly set?: Update | Readonly<Record<string, unknown>>
  readonly sort?: Sort
  /** How long the lease lasts without being renewed, in milliseconds by the database's clock; default 30,000, at most 30 days. */
  readonly leaseMs?: number
}

export interface ClaimedDocument<T> extends Document<T> {
  readonly lease: Lease<T>
}

/** The right to work on a document, until it is released or deleted, or runs out and somebody else claims the document. From then on
 *  every call throws ABORTED with reason LEASE_LOST; a lease that ran out is not lost while nobody else has claimed.
 *  Other writes (put, updateOne, deleteOne) do not look at leases: `ifVersion` with the claimed version fences them, also inside a
 *  transaction, because every claim makes the version grow. */
export interface Lease<T> {
  /** No two claims have the same on one document. */
  readonly token: string
  /** As of the claim or the last renewal, by the database's clock. */
  readonly expiresAt: Date
  /** @param leaseMs from now on; default: as claimed. @returns the new end */
  renew(leaseMs?: number): Promise<Date>
  /** Ends the lease; the document can be claimed again at once, if it still matches. @returns what `set` made of it */
  release(options?: LeaseRelease): Promise<Document<T> | undefined>
  /** Deletes the document: the work is done. */
  delete(): Promise<void>
}

export interface LeaseRelease {
  /** Written with the end of the lease, as in `claim`: `{ state: 'done' }`. */
  readonly set?: ClaimOptions['set']
}
