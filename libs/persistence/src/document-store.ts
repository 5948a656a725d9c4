import type { BackendHealth, BackendStatistics, BlobRecord, MigrationReport, StreamHead } from './backend.js'

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

export type Sort = { readonly [path: string]: 1 | -1 }

export interface FindOptions {
  /** Default: by `_id`. The id is always the last key, so that the order is total. */
  readonly sort?: Sort
  /** At most this many documents; default: all. */
  readonly limit?: number
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
}

export interface WriteOptions {
  /** Write only if the document has this version; otherwise ABORTED. 0: only if there is none. */
  readonly ifVersion?: number
}

export interface IndexSpecification {
  /** Field path or paths, in order. */
  readonly on: string | readonly string[]
  readonly unique?: boolean
}

export interface CollectionOptions {
  readonly indexes?: readonly IndexSpecification[]
}

/** Documents of one kind, in a table of their own. Ids are 1 to 512 characters. */
export interface Collection<T> {
  readonly name: string
  /** @throws ALREADY_EXISTS if the id is taken */
  insertOne(data: T, options?: { readonly id?: string }): Promise<Document<T>>
  /** All or none. @throws ALREADY_EXISTS if one of the ids is taken */
  insertMany(items: readonly { readonly id?: string; readonly data: T }[]): Promise<Document<T>[]>
  get(id: string): Promise<Document<T> | undefined>
  /** In the order of the ids. */
  getMany(ids: readonly string[]): Promise<(Document<T> | undefined)[]>
  find(filter?: Filter, options?: FindOptions): Find<T>
  findOne(filter: Filter, options?: Pick<FindOptions, 'sort'>): Promise<Document<T> | undefined>
  count(filter?: Filter): Promise<number>
  /** Writes the document whether it is there or not. @throws ABORTED if `ifVersion` does not hold */
  put(id: string, data: T, options?: WriteOptions): Promise<Document<T>>
  /** Updates the first document that matches and returns it as it is afterwards; `undefined`: none matched.
   *  Atomic: concurrent updates of one document all take effect. @throws ABORTED if `ifVersion` does not hold */
  updateOne(
    filter: string | Filter,
    update: Update,
    options?: WriteOptions & { readonly upsert?: boolean },
  ): Promise<Document<T> | undefined>
  updateMany(filter: Filter, update: Update): Promise<{ readonly matched: number; readonly modified: number }>
  /** @returns whether a document was deleted. @throws ABORTED if `ifVersion` does not hold */
  deleteOne(filter: string | Filter, options?: WriteOptions): Promise<boolean>
  deleteMany(filter: Filter): Promise<{ readonly deleted: number }>
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

export interface Blob extends Omit<BlobRecord, 'createdAt'> {
  readonly createdAt: Date
}

export interface Blobs {
  /** Stores the bytes under their sha256; the same bytes are kept once. Nothing is visible before all of it is durable. */
  put(content: Uint8Array | AsyncIterable<Uint8Array>, options?: { readonly contentType?: string }): Promise<Blob>
  /** The bytes from `start` (inclusive, default 0) to `end` (exclusive, default: the size). @throws NOT_FOUND, OUT_OF_RANGE */
  get(hash: string, range?: { readonly start?: number; readonly end?: number }): AsyncIterable<Uint8Array>
  bytes(hash: string): Promise<Uint8Array>
  stat(hash: string): Promise<Blob | undefined>
  remove(hash: string): Promise<boolean>
}

/** What a tenant sees: its own documents, logs and blobs and no other's. */
export interface Scope {
  readonly tenantId: string
  collection<T>(name: string, options?: CollectionOptions): Collection<T>
  log<T>(name: string): Log<T>
  readonly blobs: Blobs
}

export interface TransactionOptions {
  /** How often the work is run when it conflicts with others; default 10. Then ABORTED with the number of runs. */
  readonly maxAttempts?: number
  /** No further run begins after so many milliseconds, default 30,000; then ABORTED, or UNKNOWN if the outcome of a commit could
   *  not be found out until then. */
  readonly timeoutMs?: number
  /** Idempotency key, 1 to 512 characters: the work takes effect at most once for it, whoever repeats the call and whenever. Its result,
   *  which has to be JSON (and comes back as JSON does: dates as strings), is stored with what it wrote; a repeated call answers
   *  that and does not run. A connection lost at COMMIT is resolved by it. */
  readonly key?: string
}

export interface TenantStore extends Scope, AsyncDisposable {
  /** Runs the work on all three shapes as one commit, isolated as if alone, and again when it conflicts with others: it must
   *  have no effects besides `tx`, and must use `tx`, not the store. */
  transaction<R>(work: (tx: Scope) => Promise<R>, options?: TransactionOptions): Promise<R>
}

export interface DocumentStore extends TenantStore {
  readonly kind: 'memory' | 'embedded' | 'postgres'
  tenant(id: string): TenantStore
  /** The database's clock. */
  now(): Promise<Date>
  health(): Promise<StoreHealth>
  /** What its statements have cost and gathered since it was opened; nothing is asked of the database. */
  stats(): StoreStatistics
  migrate(): Promise<MigrationReport>
  close(): Promise<void>
}

export interface StoreHealth extends BackendHealth {
  readonly kind: 'memory' | 'embedded' | 'postgres'
}

export interface StoreStatistics extends BackendStatistics {
  readonly kind: 'memory' | 'embedded' | 'postgres'
}
