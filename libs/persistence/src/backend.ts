import type { ErasureOperations } from './erase/erasure-operations.js'
import type { UpkeepOperations } from './expiry/upkeep-operations.js'
import type { BlobOperations } from './blobs/blob-operations.js'
import type { FeedOperations, FeedSpec } from './feed/feed-operations.js'
import type { KeyOperations } from './encryption/key-operations.js'
import type { Hints } from './hints.js'
import type { IndexReport } from './index-report.js'
import type { JsonValue, Predicate, SortKey } from './query/predicate.js'
import type { ConnectionStatistics, StatementStatistics } from './telemetry/statistics.js'
import type { TransferOperations } from './transfer/seam.js'

/** The seam between the store and what keeps its data. Everything above it (validation, coalescing, update operators,
 *  cursors, tails) is written once; everything below it (memory, SQL on an embedded or a remote server) only has to
 *  answer these calls. Reads see all that was answered before; each call is atomic and durable when it resolves.
 *
 *  Documents and entries cross the seam as JSON text (RFC 8259), valid in JavaScript's sense: NUL and lone surrogates occur
 *  as `\u0000` and `\ud800` escapes and must come back unchanged. Batches hold at most one row for an id, so that a
 *  backend may run a batch as one statement. Rows of a batch succeed and fail one by one; a thrown error means that
 *  none of the batch took effect (or, with code `UNKNOWN`, that nobody can say). */
export interface Backend extends Operations {
  readonly upkeep: UpkeepOperations
  readonly erasure: ErasureOperations
  readonly kind: 'memory' | 'embedded' | 'postgres'
  /** Whether other processes may write the same data, so that tails have to look for themselves. */
  readonly sharedWithOthers: boolean
  /** Runs `work` once, atomically and isolated (as if alone). A conflict with another transaction throws `ABORTED` with
   *  reason `TRANSACTION_CONFLICT`, after which nothing of it remains and the caller may run it again. */
  transaction<R>(work: (tx: Operations) => Promise<R>): Promise<R>
  readonly indexes: IndexOperations
  /** The keys of tenants, for encryption at rest. */
  readonly keys: KeyOperations
  readonly feeds: FeedOperations
  /** Absent where nobody else writes, or where there is no way to tell them. */
  readonly hints?: Hints
  /** A replica that lacks nothing older than that, if there is one. `distrust` it when it fails. */
  replica?(maxStalenessMs: number): Promise<ReplicaReads | undefined>
  readonly transfer: TransferOperations
  /** Answers all of them in one round trip, as of one moment. */
  readTogether(reads: TogetherReads): Promise<TogetherAnswers>
  health(): Promise<BackendHealth>
  /** What passed since it was opened. */
  statistics(): BackendStatistics
  /** Brings the schema up to date; safe when many processes do it at once. Opening a store has done it already. */
  migrate(): Promise<MigrationReport>
  /** Waits for what is under way, then lets go of everything. Idempotent. */
  close(): Promise<void>
}

export interface Operations {
  readonly documents: DocumentOperations
  readonly logs: LogOperations
  readonly blobs: BlobOperations
  readonly outcomes: OutcomeOperations
  /** The database's clock, milliseconds since 1970. */
  now(): Promise<number>
}

export interface BackendHealth {
  /** What answers: `PostgreSQL 18.4`, `PGlite 0.5.16 (PostgreSQL 17.5)`, `memory`. */
  readonly server: string
  readonly latencyMs: number
}

/** What is known about declared indexes; see store.indexes. */
export interface IndexOperations {
  /** Of one collection, or of all that the database has. */
  report(collection?: string): Promise<IndexReport>
  /** Resolves when no index is being built by this process. @throws what a build failed with */
  built(): Promise<void>
  /** @throws NOT_FOUND, FAILED_PRECONDITION if it is declared */
  drop(name: string): Promise<void>
}

export interface ReplicaReads {
  readonly operations: Pick<Operations, 'documents'>
  distrust(): void
}

/** What is read together, by kind. */
export interface TogetherReads {
  readonly documents: readonly { readonly collection: string; readonly key: Key }[]
  readonly heads: readonly { readonly log: string; readonly stream: StreamKey }[]
  readonly entries: readonly { readonly log: string; readonly range: ReadRange }[]
}

/** Each in the order of what was asked. */
export interface TogetherAnswers {
  readonly documents: readonly (StoredDocument | undefined)[]
  readonly heads: readonly StreamHead[]
  readonly entries: readonly (readonly StoredEntry[])[]
}

export interface BackendStatistics {
  /** The most costly first; none for a store in memory. */
  readonly statements: readonly StatementStatistics[]
  /** Of a server. */
  readonly connections?: ConnectionStatistics
}

export interface MigrationReport {
  readonly version: number
  readonly applied: readonly string[]
}

export interface IndexDefinition {
  readonly on: readonly (readonly string[])[]
  readonly unique: boolean
  /** A text index, for `$text`. The language is one of PostgreSQL's (query/text-search.ts). */
  readonly text?: { readonly language: string }
  /** An index on the elements of the arrays at its only path, and on values that are no arrays. */
  readonly array?: true
  /** Only documents that match are in the index (and, if it is unique, must differ). Paths and values are of the kinds that
   *  sql/indexes/partial.ts can write as an index predicate. */
  readonly where?: Predicate
  /** Of each path; absent: all ascending, which serves all descending as well. */
  readonly directions?: readonly (1 | -1)[]
}

/** What is declared of a collection, by all callers of this process together. */
export interface CollectionSpec {
  readonly indexes: readonly IndexDefinition[]
  /** Fields at the top of the data that have a column of their own. */
  readonly columns?: readonly string[]
  /** How long documents live from their last write on, unless the write says otherwise; absent: until they are deleted. */
  readonly ttlMs?: number
  /** Documents may have a lifetime. */
  readonly expires?: boolean
  /** Deleting leaves a tombstone. */
  readonly softDelete?: SoftDelete
  /** The path of the field that says whom a document is about. */
  readonly subject?: string
  /** Every change is recorded in the commit of its write. */
  readonly feed?: FeedSpec
}

export interface SoftDelete {
  /** How long the data of a deleted document is kept for `restore`, in milliseconds. */
  readonly retainMs: number
  /** How long the tombstone itself stays; null: for good. */
  readonly tombstonesMs: number | null
}

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

export interface QueryPlan {
  /** The statement with placeholders. */
  readonly statement: string
  /** What the server would do, as its EXPLAIN says, constants replaced by `?`. */
  readonly plan: unknown
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

export interface DocumentQuery {
  readonly tenant: string
  readonly where: Predicate
  /** Total order: the store always appends the id as the last key. */
  readonly sort: readonly SortKey[]
  /** The sort key values of the last document seen, as JSON values in the order of `sort`, the id last. */
  readonly after?: readonly SortPosition[]
  readonly limit?: number
  /** Which members of data that is an object the caller needs; a backend may answer with more. */
  readonly members?: NeededMembers
}

export type NeededMembers = { readonly only: readonly string[] } | { readonly without: readonly string[] }

export interface ClaimQuery {
  readonly tenant: string
  readonly where: Predicate
  readonly sort: readonly SortKey[]
  readonly limit: number
  readonly leaseMs: number
  /** By how much the version of each grows: 0 where a `replace` follows as part of the claim. */
  readonly bump: number
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

/** Where one sort key of a document stands: MongoDB's rank of the type, then the value. See query/sort-position.ts. */
export interface SortPosition {
  readonly rank: number
  readonly number: number
  readonly text: string
}

/** Every method answers in the order of its input; `undefined` means: no such document, or the condition did not hold. */
export interface DocumentOperations {
  /** Makes the collection's table and indexes if they are not there. Safe when many processes do it at once. */
  ensure(collection: string, spec: CollectionSpec): Promise<void>
  /** `undefined`: a tombstone stands there. An expired document counts as none, but the version grows on from it. */
  upsert(collection: string, rows: readonly UpsertRow[]): Promise<(Written | undefined)[]>
  /** `undefined`: the id is taken, or a tombstone stands there. */
  insert(collection: string, rows: readonly InsertRow[]): Promise<(Written | undefined)[]>
  /** Inserts many documents of any ids, all or none, the fastest way there is; `false`: there is none here. Absent: the same.
   *  @throws ALREADY_EXISTS (reason UNIQUE_VIOLATION) if an id is taken or stands there twice */
  copy?(collection: string, rows: readonly InsertRow[]): Promise<boolean>
  /** `undefined`: no document of that id has that version. */
  replace(collection: string, rows: readonly ReplaceRow[]): Promise<(Written | undefined)[]>
  /** The version that was deleted; `undefined`: no document of that id (and version). */
  remove(collection: string, rows: readonly DeleteRow[]): Promise<(number | undefined)[]>
  fetch(collection: string, keys: readonly Key[]): Promise<(StoredDocument | undefined)[]>
  /** Takes soft deletes back, with a version more. `undefined`: there is no tombstone that still has its data. */
  restore(collection: string, keys: readonly Key[]): Promise<(StoredDocument | undefined)[]>
  /** Whether tombstones stand there. */
  removed(collection: string, keys: readonly Key[]): Promise<boolean[]>
  query(collection: string, query: DocumentQuery): Promise<StoredDocument[]>
  count(collection: string, tenant: string, where: Predicate): Promise<number>
  /** The values at a path of the data, arrays as their elements; in any order, and perhaps one several times. */
  distinct(collection: string, tenant: string, segments: readonly string[], where: Predicate): Promise<JsonValue[]>
  explain(collection: string, query: DocumentQuery): Promise<QueryPlan>
  /** Leases up to `limit` documents that match and on which no lease stands, each to this call alone, in the order of the sort. Some
   *  that others are writing at this moment may be passed over. */
  claim(collection: string, query: ClaimQuery): Promise<LeasedDocument[]>
  /** Renews, ends or looks at leases. `undefined`: the lease is lost (ended, taken over, or its document is gone). */
  settle(collection: string, rows: readonly SettleRow[]): Promise<(SettledLease | undefined)[]>
}

export interface StreamKey {
  readonly tenant: string
  readonly stream: string
}

export interface NewEntry {
  readonly key?: string
  readonly json: string
}

export interface StoredEntry {
  readonly seq: number
  readonly key?: string
  /** Milliseconds since 1970, decided by the database, never decreasing within a stream. */
  readonly at: number
  readonly json: string
}

/** Appends of one caller, or of several callers of the same stream in their order. Keys within a group are distinct. */
export interface AppendGroup extends StreamKey {
  readonly entries: readonly NewEntry[]
  /** Append only if the next sequence number is this one. */
  readonly ifNext?: number
  /** Append only if the stream has been created or appended to before. */
  readonly ifExists?: boolean
}

export type AppendOutcome =
  /** In the order of the group's entries. `stored` are entries whose key was there already, with the same data; the others were
   *  appended now, gap-free, in order. */
  | { readonly kind: 'appended'; readonly entries: readonly AppendedEntry[] }
  /** Nothing was appended, because the key of this entry of the group is stored with other data. */
  | { readonly kind: 'conflict'; readonly index: number; readonly seq: number }
  /** Nothing was appended, because `next` is not `ifNext`. A group of which every key is stored is answered, not stale. */
  | { readonly kind: 'stale'; readonly next: number }
  | { readonly kind: 'removed' }
  | { readonly kind: 'missing' }

export interface AppendedEntry {
  readonly seq: number
  readonly at: number
  /** Present if the key was there before this call: the stored text, which an amendment may have changed since. */
  readonly stored?: { readonly json: string }
}

export interface StreamHead {
  /** The sequence number that the next append will get; 1 for a stream that was never written. */
  readonly next: number
  /** The lowest sequence number still kept; equals `next` if none is. */
  readonly first: number
  readonly exists: boolean
  readonly removed: boolean
  /** When the last entry was appended; 0 if never. */
  readonly at: number
}

export interface ReadRange extends StreamKey {
  /** Exclusive bounds. */
  readonly after?: number
  readonly before?: number
  readonly limit: number
  readonly reverse: boolean
}

export type TrimTo = { readonly keepLast: number } | { readonly beforeSeq: number } | { readonly olderThanMs: number }

export interface LogOperations {
  ensure(log: string): Promise<void>
  append(log: string, groups: readonly AppendGroup[]): Promise<AppendOutcome[]>
  read(log: string, range: ReadRange): Promise<StoredEntry[]>
  heads(log: string, streams: readonly StreamKey[]): Promise<StreamHead[]>
  /** Creates an empty stream, so that `ifExists` holds. `false`: it was there already (or removed). */
  create(log: string, stream: StreamKey): Promise<boolean>
  /** Makes `to` a branch of `from` after `at`: it reads as `from` up to and including `at` and goes on with `at + 1` of its
   *  own. Nothing is copied. Throws NOT_FOUND, OUT_OF_RANGE (`at` is beyond the head), ALREADY_EXISTS (`to` is there). */
  fork(log: string, from: StreamKey, at: number, to: StreamKey): Promise<void>
  /** Deletes the oldest entries; the numbering goes on. @returns how many went. */
  trim(log: string, stream: StreamKey, to: TrimTo): Promise<number>
  /** Deletes all entries that no branch needs and leaves a tombstone. `false`: there was no such stream. */
  remove(log: string, stream: StreamKey): Promise<boolean>
  /** Replaces the data of one entry for good, keeping seq, key and at; the key still answers a repeated append of the
   *  original data. `undefined`: no such entry in this stream itself (entries of a branch's past belong to its parent).
   *  `forget`: nothing that the original data could be guessed from is kept; the key then answers any data. */
  amend(log: string, stream: StreamKey, seq: number, json: string, forget?: boolean): Promise<StoredEntry | undefined>
}

/** What transactions with an idempotency key answered. */
export interface OutcomeOperations {
  /** `undefined`: no transaction of that key was committed (within its own transaction: or recorded). */
  find(tenant: string, key: string): Promise<{ readonly json: string | undefined } | undefined>
  /** Inside a transaction, which conflicts with any other that records the same key. May be called again to replace it. */
  record(tenant: string, key: string, json: string | undefined): Promise<void>
  /** Deletes at most `limit` records that are older, the oldest first. @returns how many went */
  sweep(olderThanMs: number, limit: number): Promise<number>
  /** Deletes all records of a tenant. @returns how many went */
  erase(tenant: string): Promise<number>
}

export { blobChunkBytes } from './blobs/blob-operations.js'
export type { BlobOperations, BlobRecord } from './blobs/blob-operations.js'
