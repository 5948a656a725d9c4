import type { Filter } from '../contract/document.js'

/** What is to be erased of a tenant's data: all that is about one person, say. At least one of its members. */
export interface Subject {
  /** All documents whose `subject` field has this value, in every collection that declares one (in whichever process). */
  readonly id?: string | number
  /** Further documents, by collection: those that match. */
  readonly collections?: Readonly<Record<string, Filter>>
  /** Whole streams, by log. Entries that a branch still shows stay, and count as remaining: name the branches too. */
  readonly logs?: Readonly<Record<string, readonly string[]>>
  /** Blobs by their hashes, besides those that the erased documents and entries link. Blobs that others link stay, and count as remaining. */
  readonly blobs?: readonly string[]
}

/** What an erasure deleted, and what it found left when it looked afterwards. */
export interface SubjectErasureReport {
  /** Documents, with expired and soft-deleted ones that still had data. */
  readonly documents: number
  readonly logs: { readonly streams: number; readonly entries: number }
  readonly blobs: number
  readonly remaining: { readonly documents: number; readonly entries: number; readonly blobs: number }
}

/** What an erasure deleted, and what it found left when it looked afterwards. */
export interface ErasureReport {
  /** Documents, with expired ones and tombstones. */
  readonly documents: number
  readonly logs: { readonly streams: number; readonly entries: number }
  readonly blobs: number
  /** Entries of change feeds. */
  readonly feed: number
  /** Keys of encryption, without which nothing of it can be read from a backup either. */
  readonly keys: number
  /** Rows of other kinds: links of blobs, outcomes of transactions, positions of consumers. */
  readonly other: number
  /** Rows of all kinds that a look over everything found afterwards. More than 0: somebody wrote meanwhile; erase again when nobody does. */
  readonly remaining: number
}
