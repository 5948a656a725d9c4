import type { DocumentOperations } from './document-operations.js'
import type { InsertRow, Key, StoredDocument, Written } from './document-rows.js'
import type { ErasureOperations } from './erase/erasure-operations.js'
import type { UpkeepOperations } from './expiry/upkeep-operations.js'
import type { BlobOperations } from './blobs/blob-operations.js'
import type { FeedOperations } from './feed/feed-operations.js'
import type { KeyOperations } from './encryption/key-operations.js'
import type { Hints } from './hints.js'
import type { IndexReport } from './index-report.js'
import type { Hold, LogOperations, ReadRange, StoredEntry, StreamHead, StreamKey } from './log-operations.js'
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
  /** Makes streams of a log, each with documents: for each creation all of it, or nothing if its stream is there already (which `undefined` says).
   *  At most one for a stream. `undefined` in place of all: it cannot be one statement here. Absent where a transaction costs no more.
   *  @param collections of the rows of each creation, in their order; none of them has a lifetime
   *  @throws ALREADY_EXISTS with reason UNIQUE_VIOLATION if one of the ids or unique values is taken; nothing was written then */
  createTogether?(
    log: string,
    collections: readonly string[],
    creations: readonly Creation[],
  ): Promise<readonly (readonly Written[] | undefined)[] | undefined>
  /** Answers all of them in one round trip, as of one moment. It may be carried out twice, which does no harm to a hold. */
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
  /** Of a PostgreSQL server: whether policies of row-level security hold this program's statements to their tenants. */
  readonly rowSecurity?: RowSecurity
}

/** `bypassed`: the policies are there, and say nothing to a superuser or a role with BYPASSRLS. */
export type RowSecurity = 'stands' | 'off' | 'bypassed'

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

/** A stream, and documents that are made with it. */
export interface Creation {
  readonly stream: StreamKey
  readonly rows: readonly InsertRow[]
}

/** What is read together, by kind. */
export interface TogetherReads {
  readonly documents: readonly { readonly collection: string; readonly key: Key }[]
  readonly heads: readonly { readonly log: string; readonly stream: StreamKey }[]
  readonly entries: readonly { readonly log: string; readonly range: ReadRange }[]
  /** With it, it is not only a read. */
  readonly hold?: { readonly log: string; readonly hold: Hold }
}

/** Each in the order of what was asked. */
export interface TogetherAnswers {
  readonly documents: readonly (StoredDocument | undefined)[]
  readonly heads: readonly StreamHead[]
  readonly entries: readonly (readonly StoredEntry[])[]
  /** Whether each append that these reads did not see finds the stream of `hold` held, for `ms` from now. */
  readonly isHeld: boolean
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
export type * from './collection-spec.js'
export type * from './document-operations.js'
export type * from './document-rows.js'
export type * from './log-operations.js'
export type { SortPosition } from './query/sort-position.js'
