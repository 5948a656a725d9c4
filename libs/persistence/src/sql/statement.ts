import type { ChangeKind } from '../feed/feed-operations.js'

export interface Statement {
  /** Prepared under this name once per connection; without: not kept. The same name always has the same text. */
  readonly name?: string
  readonly text: string
  readonly values: readonly SqlValue[]
  /** The statement writes nothing (or only what a repetition finds done), so a lost connection may be answered by asking again. Default false. */
  readonly readOnly?: boolean
  /** Of a statement that only reads: when it aborts nobody waits for the answer any more, and its reason is thrown. Drivers that can end the
   *  statement do so. */
  readonly signal?: AbortSignal
  /** What becomes of the statement on a connection that records changes, see sql/feed.ts. Drivers take no notice of it. */
  readonly records?: Recording
}

/** The statement is one INSERT, UPDATE or DELETE whose changes belong into the feed of a collection. Its RETURNING begins with
 *  columns named `tenant, id, version`. */
export interface Recording {
  readonly collection: string
  readonly op: ChangeKind
  /** The tenant is `$1`, the id `$2`; RETURNING begins with the version. */
  readonly keyed?: 'parameters'
}

/** Arrays of text bind as `text[]`, of numbers as `bigint[]`, of bytes as `bytea[]`, of booleans as `boolean[]` (made by sqlArray). */
export type SqlValue = string | number | boolean | null | Uint8Array | SqlArray

export type SqlArray =
  | { readonly type: 'text'; readonly items: readonly (string | null)[] }
  | { readonly type: 'int8'; readonly items: readonly (number | null)[] }
  | { readonly type: 'bool'; readonly items: readonly (boolean | null)[] }
  | { readonly type: 'bytea'; readonly items: readonly (Uint8Array | null)[] }

/** Columns in order: int2, int4, int8, float8 as number (an int8 beyond 2^53 throws); bool as boolean; timestamptz as
 *  milliseconds since 1970; bytea as Uint8Array; json, jsonb, text and all else as string. */
export type SqlRow = readonly SqlCell[]
export type SqlCell = string | number | boolean | Uint8Array | null
