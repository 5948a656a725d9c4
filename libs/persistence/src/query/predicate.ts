import type { Regex } from './regex.js'

/** A parsed filter. Both evaluators (memory and SQL) take this and nothing else, so that a filter has one meaning. */
export type Predicate =
  | { readonly kind: 'and' | 'or' | 'nor'; readonly of: readonly Predicate[] }
  | { readonly kind: 'not'; readonly of: Predicate }
  | { readonly kind: 'compare'; readonly path: FieldPath; readonly op: ComparisonOperator; readonly value: JsonValue }
  | { readonly kind: 'in'; readonly path: FieldPath; readonly values: readonly JsonValue[] }
  | { readonly kind: 'exists'; readonly path: FieldPath; readonly exists: boolean }
  | { readonly kind: 'type'; readonly path: FieldPath; readonly types: readonly JsonType[] }
  | { readonly kind: 'regex'; readonly path: FieldPath; readonly regex: Regex }
  /** The number, cut off behind its point, leaves this remainder. */
  | { readonly kind: 'mod'; readonly path: FieldPath; readonly divisor: number; readonly remainder: number }
  /** The value itself, not one of its elements, is an array of this length. */
  | { readonly kind: 'size'; readonly path: FieldPath; readonly size: number }
  /** The value itself is an array, one of whose elements matches `of`: a predicate over the element as if it were a document's
   *  data, in which the path without parts means the element. `objects`: only elements that are objects or arrays. */
  | { readonly kind: 'element'; readonly path: FieldPath; readonly of: Predicate; readonly objects: boolean }
  | { readonly kind: 'text'; readonly search: TextSearch }

/** `$search`, taken apart as MongoDB does. */
export interface TextSearch {
  readonly words: readonly string[]
  /** In double quotes: all of them must be there, and words then only count for the score. */
  readonly phrases: readonly string[]
  /** After a minus: none of them may be there. */
  readonly without: readonly string[]
  /** Instead of the index's. */
  readonly language?: string
}

export type JsonType = 'number' | 'string' | 'object' | 'array' | 'boolean' | 'null'

export type ComparisonOperator = 'eq' | 'gt' | 'gte' | 'lt' | 'lte'

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue }

/** `data`: a path into the document's data, split at the dots; without parts, as only `$elemMatch` makes it: the element itself,
 *  whose own elements do not count. `meta`: `_id`, `_version`, `_createdAt`, `_updatedAt`. */
export type FieldPath =
  | { readonly of: 'data'; readonly segments: readonly string[] }
  | { readonly of: 'meta'; readonly name: MetaField }

/** `textScore`: how well a document fits `$text`, for sorting. */
export type MetaField = 'id' | 'version' | 'createdAt' | 'updatedAt' | 'textScore'

export interface SortKey {
  readonly path: FieldPath
  readonly direction: 1 | -1
}

/** A document as predicates and sorts see it. */
export interface QueriedDocument {
  readonly id: string
  readonly version: number
  /** Milliseconds since 1970. */
  readonly createdAt: number
  readonly updatedAt: number
  readonly textScore?: number | undefined
  /** As JSON.parse made it. */
  readonly data: unknown
}

/** Matches every document: the empty filter. */
export const everything: Predicate = { kind: 'and', of: [] }
