import type {
  BackupOptions,
  BackupReport,
  BackupSource,
  BackupTarget,
  ContentDigest,
  RestoreOptions,
  RestoreReport,
} from './backup/backup-options.js'
import type { MoveOptions, MoveReport } from './move/move-report.js'
import type { BackendHealth, BackendStatistics, MigrationReport } from './backend.js'
import type { CollectedBlobs } from './blobs/collect-blobs.js'
import type { StoreEncryption } from './encryption/store-encryption.js'
import type { ErasureReport, Subject, SubjectErasureReport } from './erase/erasure-report.js'
import type { SweepReport } from './expiry/sweeper.js'
import type { Indexes } from './index-report.js'
import type { Document } from './contract/document.js'
import type { CreateScope, ReadScope, Scope } from './contract/scope.js'
import type { Chunks } from './transfer/split-lines.js'
import type { ExportOptions, ImportOptions, ImportReport } from './transfer/transfer-options.js'

export interface TransactionOptions {
  /** How often the work is run when it conflicts with others; default 10. Then ABORTED with the number of runs. */
  readonly maxAttempts?: number
  /** No further run begins after so many milliseconds, default 30,000; then ABORTED, or UNKNOWN if the outcome of a commit could
   *  not be found out until then. */
  readonly timeoutMs?: number
  /** Idempotency key, 1 to 512 characters: the work takes effect at most once for it, whoever repeats the call and whenever. Its result,
   *  which has to be JSON (and comes back as JSON does: dates as strings), is stored with what it wrote; a repeated call answers
   *  that and does not run, for at least seven days. A connection lost at COMMIT is resolved by it. */
  readonly key?: string
}

export interface TenantStore extends Scope, AsyncDisposable {
  /** Runs the work on all three shapes as one commit, isolated as if alone, and again when it conflicts with others: it must
   *  have no effects besides `tx`, and must use `tx`, not the store. */
  transaction<R>(work: (tx: Scope) => Promise<R>, options?: TransactionOptions): Promise<R>
  /** The names of the collections in which this tenant has documents, in order. One statement for each hundred of all collections. */
  collections(): Promise<string[]>
  /** Makes a stream and, with it, documents: all of it in one commit or nothing. Calls of the same kind (log and collections) gather as other writes
   *  do, so that it takes one round trip where a transaction takes one for each part.
   *  `createTogether({ log: 'messages', stream: 'c-1' }, (scope) => [scope.collection('talks').insertOne({ title: '' }, { id: 'c-1' })])`
   *  @param make begins the inserts, at least one, and answers all of them
   *  @returns the documents; `undefined`: the stream is there already or was removed, and nothing was written
   *  @throws ALREADY_EXISTS if one of the ids is taken */
  createTogether<Data extends readonly [unknown, ...unknown[]]>(
    stream: { readonly log: string; readonly stream: string },
    make: (scope: CreateScope) => { readonly [Place in keyof Data]: Promise<Document<Data[Place]>> },
  ): Promise<{ readonly [Place in keyof Data]: Document<Data[Place]> } | undefined>
  /** Reads in one round trip and as of one moment: all that `read` begins before it awaits the first of them, at most about a hundred.
   *  `readTogether((scope) => Promise.all([scope.collection('users').get('ada'), scope.log('messages').read('c-1')]))` */
  readTogether<R>(read: (scope: ReadScope) => Promise<R>): Promise<R>
  /** Deletes all that the tenant has, for good: documents with tombstones, logs, blobs, feeds, keys, outcomes; nothing that names it is left in
   *  any table. It is not one transaction but batches, which nobody has to wait for: stop the tenant's writers before, and call
   *  it again if it was cut off. The report counts what went and, as a proof, what is left.
   *  @throws FAILED_PRECONDITION on the store itself: call it on `store.tenant(id)` */
  eraseTenant(): Promise<ErasureReport>
  /** Deletes all that a subject of this tenant has, for good, like `eraseTenant`. Where a collection has `softDelete`, tombstones without data
   *  stay and refuse late writers; a feed keeps the ids. Encrypted collections have to be declared in this process. */
  eraseSubject(subject: Subject): Promise<SubjectErasureReport>
}

export interface DocumentStore extends TenantStore {
  readonly kind: 'memory' | 'embedded' | 'postgres'
  tenant(id: string): TenantStore
  /** The keys of what is encrypted. */
  readonly encryption: StoreEncryption
  /** The database's clock. */
  now(): Promise<Date>
  /** What is declared, what is there, what is missing. */
  readonly indexes: Indexes
  /** Deletes now what is deleted in the background otherwise, every minute or so: expired documents, the data of soft-deleted ones
   *  after `retainMs`, entries beyond a log's retention; of all tenants, whichever process declared it. Nobody sees any of it before.
   *  And the results of transactions with a key after seven days. */
  sweep(): Promise<SweepReport>
  health(): Promise<StoreHealth>
  /** What its statements have cost and gathered since it was opened; nothing is asked of the database. */
  stats(): StoreStatistics
  /** As `blobs.collect`, for all tenants. */
  collectBlobs(options?: { readonly olderThanMs?: number }): Promise<CollectedBlobs>
  migrate(): Promise<MigrationReport>
  /** Everything, or everything of one tenant, as lines of JSON that `import` takes back, each with its line feed: documents and tombstones with their versions
   *  and times, logs with their branches, blobs with their bytes and links. On PostgreSQL and in memory all of one moment. Holds a page in memory.
   *  Equal content gives equal bytes. Encrypted documents and entries stay encrypted; the bytes of blobs are in clear. */
  export(options?: ExportOptions): AsyncIterable<string>
  /** Takes in what `export` wrote, in pieces of any size. What is there already and equal is left alone, so that an import can be repeated, and taken up
   *  again wherever it ended. @throws DATA_LOSS at a line that was changed, lost or moved, and at the end of an export that was cut off; ALREADY_EXISTS if
   *  something is there that differs and `onConflict` is `fail`. What came before the line is imported then. */
  import(lines: Chunks, options?: ImportOptions): Promise<ImportReport>
  /** Writes everything, or everything of one tenant, as a file that `restore` takes back: compressed, encrypted if a key is given, each part with a digest. Blobs are read
   *  first; all else, and which blobs there are, is of one moment (on the embedded database only while nobody writes). Holds some megabytes in memory, and
   *  about 300 bytes for each blob. A file takes the place of the one that is there when it is durable; a backup into the same file after one
   *  that was cut goes on with the bytes of blobs that it had.
   *  @throws FAILED_PRECONDITION if the file cannot be written, or another process is writing it; CANCELLED */
  backup(target: BackupTarget, options?: BackupOptions): Promise<BackupReport>
  /** Puts in what `backup` wrote, and compares in the end. One that was cut goes on where it was when it is called again.
   *  @throws DATA_LOSS if the backup was damaged (what came before it is in the store then: `verifyBackup` finds out beforehand), or the store differs in the
   *  end; FAILED_PRECONDITION if the store is not empty (reason STORE_NOT_EMPTY) or the key is missing or wrong; CANCELLED */
  restore(source: BackupSource, options?: RestoreOptions): Promise<RestoreReport>
  /** Copies everything into another store of whatever kind while this one is in service, then fences this one, which refuses all writes from there on, and goes on
   *  until both hold the same. Can be called again wherever it ended; when it fails, the fence is gone. Change feeds, leases and results of keyed transactions stay.
   *  @throws FAILED_PRECONDITION if the target holds something else (reason STORE_NOT_EMPTY), or this one cannot be fenced (CANNOT_FENCE); DATA_LOSS if the
   *  two differ in the end; CANCELLED */
  moveTo(target: DocumentStore, options?: MoveOptions): Promise<MoveReport>
  /** Takes back the fence of a store that was moved away.
   *  @param expected the digest of the store that it was moved to. @throws FAILED_PRECONDITION if this one has another: something was written there since */
  endFence(expected?: string): Promise<void>
  /** What it holds, by a digest that equal content has in every kind of store; of one moment as an export is. Reads all but the bytes of blobs. */
  digest(options?: { readonly tenant?: string }): Promise<ContentDigest>
  close(): Promise<void>
}

export interface StoreHealth extends BackendHealth {
  readonly kind: 'memory' | 'embedded' | 'postgres'
}

export interface StoreStatistics extends BackendStatistics {
  readonly kind: 'memory' | 'embedded' | 'postgres'
}

export type { CollectedBlobs } from './blobs/collect-blobs.js'
export type * from './contract/blobs.js'
export type * from './contract/claims.js'
export type * from './contract/document.js'
export type * from './contract/log.js'
export type * from './contract/scope.js'
