import type { EncryptOption } from '../encryption/encrypt-option.js'
import type { Consumer, ConsumerOptions, FeedEvent, FeedOptions, WatchOptions } from '../feed/change-feed.js'
import type { Blobs } from './blobs.js'
import type { ClaimOptions, ClaimedDocument } from './claims.js'
import type {
  Document,
  Filter,
  Find,
  FindOptions,
  IndexSpecification,
  LifetimeOptions,
  PutOptions,
  ReadFrom,
  Update,
  WriteOptions,
} from './document.js'
import type { Log, LogOptions, ReadLog } from './log.js'
import type { SchemaCheck, SchemaCheckOptions } from '../schema/check-schema.js'
import type { RewriteOptions, RewriteReport } from '../schema/rewrite.js'
import type { Upcast } from '../schema/schema-versions.js'
import type { StandardSchema } from '../schema/standard-schema.js'
import type { BulkOperation, BulkOptions, BulkReport } from '../transfer/bulk-operations.js'
import type { LoadItem, LoadOptions, LoadReport } from '../transfer/load.js'

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
  /** Fields at the top of the data that hold vectors as text (`[1,-2.5,3]`), for `nearest`: a server with pgvector 0.7 or later keeps each in a
   *  column of its own, a `halfvec`, and refuses text that is no vector. At most 4. Declared of a collection that has documents, or met with pgvector for the
   *  first time, its table is rewritten once. Not together with `encrypt`; docs/guides/recall.md. */
  readonly vectors?: readonly string[]
}

export interface NearestDocument<T> {
  readonly document: Document<T>
  /** From -1 to 1: the same direction. */
  readonly similarity: number
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
  /** The documents whose vectors point most in the direction of `to`, the nearest first, of all that match: exact, by the cosine of the angle. Vectors
   *  of those that match must have as many numbers as `to`. `undefined`: the server has no pgvector, so that the caller has to compare by itself.
   *  @param field one of the collection's `vectors`; it is not in the answer */
  nearest(
    field: string,
    to: string,
    options: { readonly filter: Filter; readonly limit: number },
  ): Promise<readonly NearestDocument<T>[] | undefined>
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

/** What a tenant sees: its own documents, logs and blobs and no other's. */
export interface Scope {
  readonly tenantId: string
  collection<T>(name: string, options?: CollectionOptions<T>): Collection<T>
  log<T>(name: string, options?: LogOptions<T>): Log<T>
  readonly blobs: Blobs
}

/** What `createTogether` makes documents in. */
export interface CreateScope {
  collection<T>(name: string, options?: CollectionOptions<T>): Pick<Collection<T>, 'name' | 'insertOne'>
}

/** What `readTogether` reads from. */
export interface ReadScope {
  collection<T>(name: string, options?: CollectionOptions<T>): Pick<Collection<T>, 'name' | 'get'>
  log<T>(name: string, options?: LogOptions<T>): ReadLog<T>
}

/** @param scope with `transactional: true` the transaction, which alone must be used; otherwise the tenant's store */
export type ConsumerHandler<T> = (events: readonly FeedEvent<T>[], scope: Scope) => Promise<void> | void
