import type { Subject, SubjectErasureReport } from './erase/erase-subject.js'
import type { ErasureReport } from './erase/erase-tenant.js'
import type {
  Consumer,
  ConsumerHandler,
  ConsumerOptions,
  FeedEvent,
  FeedOptions,
  WatchOptions,
} from './feed/change-feed.js'
import type { SweepReport } from './expiry/sweeper.js'
import type { LogRetention } from './expiry/upkeep-operations.js'
import type { Indexes } from './index-report.js'
import type { BackendHealth, BackendStatistics, BlobRecord, MigrationReport, QueryPlan, StreamHead } from './backend.js'
import type { EncryptOption } from './encryption/encrypt-option.js'
import type { StoreEncryption } from './encryption/store-encryption.js'
import type { SchemaCheck, SchemaCheckOptions } from './schema/check-schema.js'
import type { RewriteOptions, RewriteReport } from './schema/rewrite.js'
import type { Upcast } from './schema/schema-versions.js'
import type { StandardSchema } from './schema/standard-schema.js'
import type { BulkOperation, BulkOptions, BulkReport } from './transfer/bulk.js'
import type { ExportOptions } from './transfer/export.js'
import type { ImportOptions, ImportReport } from './transfer/import.js'
import type { LoadItem, LoadOptions, LoadReport } from './transfer/load.js'
import type { Chunks } from './transfer/split-lines.js'
import type { CollectedBlobs } from './blobs/collect-blobs.js'

/** A stored value with what the database knows about it. */
export interface Document<T> {
  readonly id: string
  /** Starts at 1 and grows by one with every write. */
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
  /** When it ends by itself; absent: never. */
  readonly expiresAt?: Date
  readonly data: T
}

/** MongoDB's filter language over the fields of `data`, dotted paths included; `_id`, `_version`, `_createdAt` and `_updatedAt` name the
 *  document's own fields. An operator that is not understood throws INVALID_ARGUMENT. */
export type Filter = { readonly [path: string]: unknown }

/** MongoDB's update language: `{ $set: { 'a.b': 1 }, $inc: { n: 2 } }`. */
export type Update = { readonly [operator: string]: { readonly [path: string]: unknown } }

/** `{ score: { $meta: 'textScore' } }` is the best fit to `$text` first. */
export type Sort = { readonly [path: string]: 1 | -1 | { readonly $meta: 'textScore' } }

/** `{ title: 1, 'author.name': 1 }`: only these fields of the data; `{ body: 0 }`: all but these. Never both. */
export type Projection = { readonly [path: string]: 0 | 1 | boolean }

export interface FindOptions extends ReadFrom {
  /** Default: with `$text` the best fit first, else by `_id`. The id is always the last key, so that the order is total. */
  readonly sort?: Sort
  /** At most this many documents; default: all. */
  readonly limit?: number
  /** Which fields the data of the documents has; default: all. */
  readonly project?: Projection
  /** Go on after the document this cursor stands at (from `page()`); stable while others write. */
  readonly after?: string
}

export interface Page<T> {
  readonly items: readonly Document<T>[]
  /** Pass as `after` for the next page; absent on the last one. */
  readonly next?: string
}

export interface Find<T> extends AsyncIterable<Document<T>> {
  toArray(): Promise<Document<T>[]>
  /** One page of `limit` documents (default 100) and the cursor of the next. */
  page(): Promise<Page<T>>
  /** The statement with placeholders, and the server's plan without the values: for a look at which index serves. */
  explain(): Promise<QueryPlan>
}

export interface ReadFrom {
  /** The answer may lack what was written in the last so many milliseconds (positive), so that a replica may give it
   *  (`replicaUrls`). Default: the primary answers, with all that was written before. Not inside a transaction. */
  readonly maxStalenessMs?: number
}

export interface LifetimeOptions {
  /** How long the document lives from this write on, in milliseconds by the database's clock; null: until it is deleted. Default: the
   *  collection's `ttlMs`; an update keeps a document that lives for ever, and where the collection has no `ttlMs` also the others, as
   *  they are. An expired document is as if it were not there, at once and everywhere; its row is deleted later, in the background. */
  readonly ttlMs?: number | null
}

export interface WriteOptions {
  /** Write only if the document has this version; otherwise ABORTED. 0: only if there is none. */
  readonly ifVersion?: number
}

export interface PutOptions extends WriteOptions, LifetimeOptions {
  /** The version that the write leads to, above `ifVersion`, which must be given; default: one more. For copies that keep the versions of what they are
   *  copied from. Where an expired document stood, it may become higher. */
  readonly version?: number
}

/** See docs/guides/indexes.md. */
export interface IndexSpecification {
  /** Field path or paths, in order: at most 8. */
  readonly on: string | readonly string[]
  /** No two documents of a tenant may have the same values. Missing equals null. */
  readonly unique?: boolean
  /** Only documents that match are in the index, and have to differ if it is unique. It serves filters that say the same or less. Comparisons
   *  with constants (no objects, arrays or expressions), `$in`, `$exists`, `$not`, `$and`, `$or` and `$nor`. */
  readonly where?: Filter
  /** For `$text`: the words of all these fields. The language decides about stems and stop words; default `english`. */
  readonly text?: boolean | { readonly language?: string }
  /** For `{ tags: 'x' }` where `tags` holds arrays: every element is in the index, and a value that is no array by itself. One field.
   *  It serves equality and `$in`, not ranges and not order. */
  readonly array?: boolean
  /** Of each field, for sorts that run both ways (`{ team: 1, at: -1 }`): an index without it is read forwards and backwards. */
  readonly direction?: 1 | -1 | readonly (1 | -1)[]
}

export interface CollectionOptions<T = unknown> {
  /** What data must fit, by any Standard Schema (zod, valibot, arktype, …), synchronous or not: checked by every insert and put, and what an
   *  update leads to. What it returns is stored, defaults applied. It sees JSON, so that a Date is its ISO string. */
  readonly schema?: StandardSchema<T>
  /** Steps from each version of the data to the next: `{ 1: (data) => …, 2: (data) => … }` makes 3 the current version. What was stored without
   *  a version has version 1. Reads apply the steps, writes store the newest; filters see what is stored (`upcastAll`). */
  readonly upcast?: Upcast
  /** Encrypts the data, under keys of the tenant: `true`, or `{ search: ['email'] }` for fields that filters may ask for by equality.
   *  @throws FAILED_PRECONDITION with reason ENCRYPTION_NOT_CONFIGURED if the store was opened without keys */
  readonly encrypt?: EncryptOption
  /** How long documents live from their last write on, in milliseconds; default: until they are deleted. Documents written before this
   *  was declared live on until the next put. */
  readonly ttlMs?: number
  /** The field that says whom a document is about, as a path into the data: `userId`. `eraseSubject({ id })` finds all of them by it;
   *  a large collection wants an index on it. */
  readonly subject?: string
  /** Deleting leaves a tombstone, which refuses later writes of the id with FAILED_PRECONDITION (reason DOCUMENT_REMOVED): nobody who comes
   *  late brings the document back. `restore` takes the deletion back within `retainMs` (default 30 days; 0: the data goes at once);
   *  then the data is erased. The tombstone, a small row, stays for `tombstonesMs`; default null: for good. */
  readonly softDelete?: boolean | { readonly retainMs?: number; readonly tombstonesMs?: number | null }
  /** Records each change, for `watch` and `consumer`; default false. Once a collection has a feed it stays on, for programs that do not
   *  declare it too; those that were using the collection when it was first turned on notice with their next start. */
  readonly feed?: boolean | FeedOptions
  readonly indexes?: readonly IndexSpecification[]
  /** Fields at the top of the data that filters, sorts and counts ask for without an index, and that other programs read by SQL: the
   *  server keeps each in a column of its own (`k_state` for `state`), so that large documents are not read for them. At most 32. Declared of a
   *  collection that has documents, its table is rewritten once, which everybody waits for. Not together with `encrypt`; docs/guides/indexes.md. */
  readonly columns?: readonly string[]
}

/** Documents of one kind, in a table of their own. Ids are 1 to 512 characters. */
export interface Collection<T> {
  readonly name: string
  /** @throws ALREADY_EXISTS if the id is taken */
  insertOne(data: T, options?: LifetimeOptions & { readonly id?: string }): Promise<Document<T>>
  /** All or none. @throws ALREADY_EXISTS if one of the ids is taken */
  insertMany(
    items: readonly { readonly id?: string; readonly data: T }[],
    options?: LifetimeOptions,
  ): Promise<Document<T>[]>
  get(id: string, options?: ReadFrom): Promise<Document<T> | undefined>
  /** In the order of the ids. */
  getMany(ids: readonly string[], options?: ReadFrom): Promise<(Document<T> | undefined)[]>
  find(filter?: Filter, options?: FindOptions): Find<T>
  findOne(filter: Filter, options?: Pick<FindOptions, 'sort' | 'maxStalenessMs'>): Promise<Document<T> | undefined>
  count(filter?: Filter, options?: ReadFrom): Promise<number>
  /** Every value that the path leads to in the documents that match, once, in the order of sorting; an array stands for its elements. */
  distinct(path: string, filter?: Filter, options?: ReadFrom): Promise<unknown[]>
  /** Writes the document whether it is there or not. @throws ABORTED if `ifVersion` does not hold */
  put(id: string, data: T, options?: PutOptions): Promise<Document<T>>
  /** Updates the first document that matches and returns it as it is afterwards; `undefined`: none matched.
   *  Atomic: concurrent updates of one document all take effect. @throws ABORTED if `ifVersion` does not hold */
  updateOne(
    filter: string | Filter,
    update: Update,
    options?: WriteOptions & LifetimeOptions & { readonly upsert?: boolean },
  ): Promise<Document<T> | undefined>
  updateMany(
    filter: Filter,
    update: Update,
    options?: LifetimeOptions,
  ): Promise<{ readonly matched: number; readonly modified: number }>
  /** @returns whether a document was deleted. @throws ABORTED if `ifVersion` does not hold */
  deleteOne(filter: string | Filter, options?: WriteOptions): Promise<boolean>
  deleteMany(filter: Filter): Promise<{ readonly deleted: number }>
  /** Deletes all that this tenant has of the collection: documents, expired ones, and tombstones of soft deletes, so that their ids are free again;
   *  and the links of its documents to blobs. A feed has a `delete` for each document. The table, its indexes and what other tenants have
   *  stay. In batches of 500, each a commit of its own: cut off, call it again. What others write meanwhile may stay.
   *  @returns how many documents there were. @throws FAILED_PRECONDITION inside a transaction */
  drop(): Promise<{ readonly deleted: number }>
  /** The changes of a collection with a feed, in the order of their commits, as they come: each once, none left out. Behind
   *  `after`, or else as `from` says; until `signal` aborts. A transaction's changes come together, in its order.
   *  `document` is looked up when the event is read: it may be newer than `version`, and is absent if it was gone by then.
   *  @throws FAILED_PRECONDITION (FEED_OFF); OUT_OF_RANGE (FEED_TRIMMED, FEED_AHEAD) if the feed does not have the position */
  watch(options?: WatchOptions): AsyncIterable<FeedEvent<T>>
  /** Where the feed stands now: read the collection after it, then `watch` behind it, and nothing is missed. */
  feedPosition(): Promise<string>
  /** Handles the changes under a name whose position is stored, in batches one after the other. Of all consumers of the name, in any
   *  number of processes, one is active; another takes over when it stops or dies. */
  consumer(name: string, handler: ConsumerHandler<T>, options?: ConsumerOptions): Consumer
  /** What a schema would reject of the documents that are there. Reads in batches and writes nothing. */
  checkSchema(schema: StandardSchema, options?: SchemaCheckOptions): Promise<SchemaCheck>
  /** Writes every document of an older schema version (see `upcast`) anew in the newest, in batches, unless others write it meanwhile. Versions
   *  and `updatedAt` grow, as with any write. May be stopped and run again, also beside others. */
  upcastAll(options?: RewriteOptions): Promise<RewriteReport>
  /** The same for encryption: everything that is not under the tenant's current data key, without encryption, or without the hashes of
   *  all searchable fields. */
  rotate(options?: RewriteOptions): Promise<RewriteReport>
  /** Takes the deletion of a document back, where the collection has `softDelete`: as it was, with a version more. `undefined`: it was
   *  not deleted, or its data is erased already, or its lifetime has run out. @throws ALREADY_EXISTS if a unique value went to another */
  restore(id: string): Promise<Document<T> | undefined>
  /** Hands one matching document on which no lease stands to this caller alone, the first by `sort` (default: by id), and leases it;
   *  `undefined`: none is there. Its version grows. A claim whose outcome is UNKNOWN may be repeated: what the first one leased can be
   *  claimed again when that lease has run out. @throws FAILED_PRECONDITION inside a transaction */
  claim(filter: Filter, options?: ClaimOptions): Promise<ClaimedDocument<T> | undefined>
  /** Several writes in one call, each with its own outcome: a failure is in the report and not thrown. Not a transaction. */
  bulk(operations: readonly BulkOperation<T>[], options?: BulkOptions): Promise<BulkReport<T>>
  /** Puts in any number of documents, the fastest way there is (COPY on PostgreSQL), in batches of some megabytes, each whole or not there.
   *  @throws ALREADY_EXISTS if an id is taken and `onConflict` is `fail`; `metadata.loaded` then says how many items went in before */
  load(items: Iterable<LoadItem<T>> | AsyncIterable<LoadItem<T>>, options?: LoadOptions): Promise<LoadReport>
}

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

export interface Entry<T> {
  /** 1, 2, 3, … without gaps within a stream. */
  readonly seq: number
  readonly key?: string
  readonly at: Date
  readonly data: T
}

export interface AppendOptions {
  /** Append only if the next sequence number is this; otherwise ABORTED. The fence of a single writer. */
  readonly ifNext?: number
  /** Append only to a stream that was created or appended to before; otherwise NOT_FOUND. */
  readonly ifExists?: boolean
}

export interface ReadOptions {
  /** Exclusive bounds. */
  readonly after?: number
  readonly before?: number
  /** Default 1,000, at most 10,000. */
  readonly limit?: number
  /** Newest first. */
  readonly reverse?: boolean
}

export interface LogOptions<T = unknown> {
  /** What data must fit, as of collections: checked by every append and amendment. */
  readonly schema?: StandardSchema<T>
  /** Encrypts the data of entries, under keys of the tenant. */
  readonly encrypt?: boolean
  /** Trims every stream of the log in the background, as `trim` does: to its newest `keepLast` entries, and to those that are not older
   *  than `olderThanMs`. Holds from then on, whoever opens the log; the last one to declare decides. Default: entries stay. */
  readonly retain?: LogRetention
}

/** Append-only streams of entries; the cost of an append does not depend on a stream's length. */
export interface Log<T> {
  readonly name: string
  /** Appends all entries, gap-free, in order, in one commit. An entry whose `key` is in the stream already is not appended
   *  again: the stored one is returned. @throws ALREADY_EXISTS if it has other data; ABORTED, NOT_FOUND as the options say;
   *  FAILED_PRECONDITION if the stream was removed */
  append(
    stream: string,
    entries: readonly { readonly key?: string; readonly data: T }[],
    options?: AppendOptions,
  ): Promise<Entry<T>[]>
  read(stream: string, options?: ReadOptions): Promise<Entry<T>[]>
  /** What is there after `after` (default 0: all), then what comes, until `signal` aborts (then it ends quietly).
   *  @throws FAILED_PRECONDITION when the stream is removed meanwhile */
  tail(stream: string, options?: { readonly after?: number; readonly signal?: AbortSignal }): AsyncIterable<Entry<T>>
  head(stream: string): Promise<StreamHead>
  heads(streams: readonly string[]): Promise<StreamHead[]>
  /** Makes an empty stream. `false`: it exists or existed. */
  create(stream: string): Promise<boolean>
  /** A branch: `to` reads as `from` up to and including `at`, then goes on with entries of its own from `at + 1`. Nothing is copied. */
  fork(from: string, at: number, to: string): Promise<void>
  trim(
    stream: string,
    to: { readonly keepLast: number } | { readonly beforeSeq: number } | { readonly olderThanMs: number },
  ): Promise<number>
  /** Deletes the stream and leaves a tombstone: a later append gets FAILED_PRECONDITION. `false`: there was none. */
  remove(stream: string): Promise<boolean>
  /** Replaces the data of an entry for good (edit, redaction). `undefined`: the stream has no such entry of its own. */
  amend(
    stream: string,
    seq: number,
    data: T,
    options?: {
      /** Keeps no digest of the original data, so that it cannot be guessed; its key then answers an append of any data. */
      readonly forget?: boolean
    },
  ): Promise<Entry<T> | undefined>
}

export type { CollectedBlobs }

export interface Blob extends Omit<BlobRecord, 'createdAt'> {
  readonly createdAt: Date
}

/** Who needs a blob: a document, an entry of a log or a whole stream, or anything with a name of its own (1 to 512 characters). */
export type BlobOwner =
  | { readonly collection: string; readonly id: string }
  | { readonly log: string; readonly stream: string; readonly seq?: number }
  | string

export interface Blobs {
  /** Stores the bytes under their sha256; the same bytes are kept once. Nothing is visible before all of it is durable, and of a
   *  put that fails or is aborted nothing is kept. @throws CANCELLED when `signal` aborts */
  put(
    content: Uint8Array | AsyncIterable<Uint8Array>,
    options?: { readonly contentType?: string; readonly signal?: AbortSignal },
  ): Promise<Blob>
  /** The bytes from `start` (inclusive, default 0) to `end` (exclusive, default: the size). @throws NOT_FOUND, OUT_OF_RANGE;
   *  DATA_LOSS if what is there is not what was stored */
  get(hash: string, range?: { readonly start?: number; readonly end?: number }): AsyncIterable<Uint8Array>
  bytes(hash: string): Promise<Uint8Array>
  stat(hash: string): Promise<Blob | undefined>
  /** @throws FAILED_PRECONDITION (reason BLOB_LINKED) if the blob is linked */
  remove(hash: string): Promise<boolean>
  /** Keeps the blob from being collected or removed. Within a transaction it comes with the owner's own write, or not at all.
   *  @returns `false` if that owner had linked it before. @throws NOT_FOUND if there is no such blob */
  link(hash: string, owner: BlobOwner): Promise<boolean>
  /** @returns `false` if that owner had not linked it */
  unlink(hash: string, owner: BlobOwner): Promise<boolean>
  /** Unlinks all that the owner has linked; for when it is deleted. @returns how many */
  unlinkAll(owner: BlobOwner): Promise<number>
  /** Who links the blob. */
  links(hash: string): Promise<BlobOwner[]>
  /** The hashes that an owner links. */
  linkedBy(owner: BlobOwner): Promise<string[]>
  /** Removes what nothing links and nobody has put or unlinked for `olderThanMs` (default: a day), and uploads that gave no sign of
   *  life for that long, and for a minute at least. Safe beside writers: a link is never left without its blob, and no upload under way is cut. */
  collect(options?: { readonly olderThanMs?: number }): Promise<CollectedBlobs>
}

/** What a tenant sees: its own documents, logs and blobs and no other's. */
export interface Scope {
  readonly tenantId: string
  collection<T>(name: string, options?: CollectionOptions<T>): Collection<T>
  log<T>(name: string, options?: LogOptions<T>): Log<T>
  readonly blobs: Blobs
}

/** What `readTogether` reads from. */
export interface ReadScope {
  collection<T>(name: string, options?: CollectionOptions<T>): Pick<Collection<T>, 'name' | 'get'>
  log<T>(name: string, options?: LogOptions<T>): Pick<Log<T>, 'name' | 'read' | 'head' | 'heads'>
}

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
  close(): Promise<void>
}

export interface StoreHealth extends BackendHealth {
  readonly kind: 'memory' | 'embedded' | 'postgres'
}

export interface StoreStatistics extends BackendStatistics {
  readonly kind: 'memory' | 'embedded' | 'postgres'
}
