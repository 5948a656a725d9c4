import type { BlobOperations } from '../blobs/blob-operations.js'
import type { CollectionSpec } from '../collection-spec.js'

/** What an export reads and an import writes: rows as they are stored, below coalescing, codecs and visibility. Texts are JSON texts as those
 *  of `DocumentOperations`. */
export interface TransferOperations {
  /** Runs `work` on one state of everything, where the backend can (PostgreSQL, memory). */
  snapshot<R>(work: (source: TransferSource) => Promise<R>): Promise<R>
  /** Puts rows in as they are. Answers in the order of the rows: `written`, or `same` / `other` for what was there already and was left alone: equal in
   *  everything, or not. With `replace`, what is `other` is overwritten. An expired document is as good as none. */
  putDocuments(collection: string, rows: readonly DocumentRow[], replace: boolean): Promise<PutOutcome[]>
  /** How streams stand that are there already; of a branch's past, and of entries, nothing is compared. */
  compareStreams(log: string, rows: readonly StreamRow[]): Promise<('absent' | 'same' | 'other')[]>
  /** Puts in entries, over what is in their place. Nobody sees those of a stream that is not there yet. */
  putEntries(log: string, rows: readonly EntryRow[]): Promise<void>
  /** Makes the streams visible, whole, or brings those that are there to where these stand; entries of a new one beyond its head go. */
  putStreams(log: string, rows: readonly StreamRow[]): Promise<void>
  /** Deletes rows as if they had never been: no tombstone stays. */
  removeDocuments(collection: string, rows: readonly Pick<DocumentRow, 'tenant' | 'id'>[]): Promise<void>
  removeEntries(log: string, rows: readonly Pick<EntryRow, 'tenant' | 'stream' | 'seq'>[]): Promise<void>
  removeStreams(log: string, rows: readonly Pick<StreamRow, 'tenant' | 'stream'>[]): Promise<void>
  /** Whether the database can be told to refuse all writes. */
  canFence(): Promise<boolean>
  /** Refuses all writes of data with FAILED_PRECONDITION, from whomever they come, or takes that back. Writes that are under way are waited for. */
  fence(on: boolean): Promise<void>
}

export interface DeclaredCollection extends Pick<CollectionSpec, 'indexes' | 'columns'> {
  readonly name: string
}

export type PutOutcome = 'written' | 'same' | 'other'

/** Pages of rows in the order of their keys (code points); an empty page is the end. Pages end early when their rows are large. */
export interface TransferSource {
  /** By name, with what is declared of their indexes and columns. */
  collections(): Promise<readonly DeclaredCollection[]>
  logs(): Promise<readonly string[]>
  /** Documents and tombstones; no expired documents. */
  documents(collection: string, tenant: string | undefined, after: After<'id'>): Promise<readonly DocumentRow[]>
  streams(log: string, tenant: string | undefined, after: After<'stream'>): Promise<readonly StreamRow[]>
  /** Of all streams, one after the other. */
  entries(
    log: string,
    tenant: string | undefined,
    after: (NonNullable<After<'stream'>> & { readonly seq: number }) | undefined,
  ): Promise<readonly EntryRow[]>
  readonly blobs: BlobOperations
}

export type After<Key extends string> = ({ readonly tenant: string } & { readonly [key in Key]: string }) | undefined

export interface DocumentRow {
  readonly tenant: string
  readonly id: string
  readonly version: number
  /** Milliseconds since 1970, as all times here. */
  readonly createdAt: number
  readonly updatedAt: number
  readonly expiresAt?: number | undefined
  /** The tombstone of a soft delete. */
  readonly removedAt?: number | undefined
  /** Absent: a purged tombstone. */
  readonly json?: string | undefined
}

export interface StreamRow {
  readonly tenant: string
  readonly stream: string
  readonly head: number
  /** Entries below it are not part of the stream any more; 1 if none was trimmed. */
  readonly first: number
  readonly at?: number | undefined
  /** Of a branch: entries up to `base` are those of `parent`. */
  readonly past?: { readonly parent: string; readonly base: number } | undefined
  readonly removedAt?: number | undefined
}

export interface EntryRow {
  readonly tenant: string
  readonly stream: string
  readonly seq: number
  readonly key?: string | undefined
  readonly at: number
  /** Of the data before its first amendment: hex sha256 of it as JSONB writes it; empty if it was to be forgotten. */
  readonly digest?: string | undefined
  readonly json: string
}
