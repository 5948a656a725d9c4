import type { FeedSpec } from './feed/feed-operations.js'
import type { Predicate } from './query/predicate.js'

/** What is declared of a collection, by all callers of this process together. */
export interface CollectionSpec {
  readonly indexes: readonly IndexDefinition[]
  /** Fields at the top of the data that have a column of their own. */
  readonly columns?: readonly string[]
  /** Fields at the top of the data that have a vector as text. */
  readonly vectors?: readonly string[]
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

export interface SoftDelete {
  /** How long the data of a deleted document is kept for `restore`, in milliseconds. */
  readonly retainMs: number
  /** How long the tombstone itself stays; null: for good. */
  readonly tombstonesMs: number | null
}
