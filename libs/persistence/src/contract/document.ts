import type { QueryPlan } from '../document-operations.js'

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

export interface ReadFrom {
  /** The answer may lack what was written in the last so many milliseconds (positive), so that a replica may give it
   *  (`replicaUrls`). Default: the primary answers, with all that was written before. Not inside a transaction. */
  readonly maxStalenessMs?: number
}

export interface FindOptions extends ReadFrom {
  /** Default: with `$text` the best fit first, else by `_id`. The id is always the last key, so that the order is total. */
  readonly sort?: Sort
  /** At most this many documents; default: all. */
  readonly limit?: number
  /** Which fields the data of the documents has; default: all. */
  readonly project?: Projection
  /** Go on after the document this cursor stands at (from `page()`); stable while others write. */
  readonly after?: string
  /** Gives the find up when it aborts, with its reason: one that waits for a connection is not begun, and a server is told to end one that runs.
   *  The embedded database ends none that it has begun. */
  readonly signal?: AbortSignal
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

export interface WriteOptions {
  /** Write only if the document has this version; otherwise ABORTED. 0: only if there is none. */
  readonly ifVersion?: number
}

export interface LifetimeOptions {
  /** How long the document lives from this write on, in milliseconds by the database's clock; null: until it is deleted. Default: the
   *  collection's `ttlMs`; an update keeps a document that lives for ever, and where the collection has no `ttlMs` also the others, as
   *  they are. An expired document is as if it were not there, at once and everywhere; its row is deleted later, in the background. */
  readonly ttlMs?: number | null
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
