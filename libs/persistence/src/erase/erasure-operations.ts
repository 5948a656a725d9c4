import type { Key, StoredDocument } from '../document-rows.js'

/** What a part of the data holds of a tenant. `other`: keys, outcomes, positions and the like. */
export type HoldingKind = 'documents' | 'entries' | 'streams' | 'feed' | 'blobs' | 'keys' | 'other'

/** A part of the data that holds rows of tenants: for SQL a table. */
export interface Holding {
  readonly kind: HoldingKind
  readonly name: string
}

/** Deleting below all that a store declares and hides: tombstones, expired documents, whatever another program wrote. */
export interface ErasureOperations {
  /** All there are, whoever made them; keys first. */
  holdings(): Promise<Holding[]>
  /** Deletes at most `limit` rows of a tenant. @returns how many */
  eraseRows(holding: Holding, tenant: string, limit: number): Promise<number>
  countRows(holding: Holding, tenant: string): Promise<number>
  /** How many entries a stream holds itself, in sight or not. */
  countEntries(log: string, tenant: string, stream: string): Promise<number>
  /** Which collections declare the path that names their subject, in whichever process. */
  subjects(): Promise<{ readonly collection: string; readonly path: string }[]>
  declareSubject(collection: string, path: string): Promise<void>
  /** Documents that nobody sees but whose data is there: expired or soft-deleted ones, in the order of their ids. */
  hidden(collection: string, tenant: string, after: string, limit: number): Promise<StoredDocument[]>
  /** Deletes documents, seen or hidden, data and all; `fenced`: a tombstone without data stays, or comes. @returns how many had data */
  eraseDocuments(collection: string, keys: readonly Key[], fenced: boolean): Promise<number>
  /** The collections in which a tenant has documents that are seen, by name, whichever process made them. */
  collections(tenant: string): Promise<string[]>
  /** Deletes the first `limit` rows of a tenant's collection whose ids come after `after`: documents, of which its feed is told, expired ones and
   *  tombstones. @returns their ids in order, and how many of them were documents that are seen */
  dropRows(
    collection: string,
    tenant: string,
    after: string,
    limit: number,
  ): Promise<{ readonly ids: string[]; readonly documents: number }>
}
