/** A parsed filter. Both evaluators (memory and SQL) take this and nothing else, so that a filter has one meaning. */
export type Predicate =
  | { readonly kind: 'and' | 'or' | 'nor'; readonly of: readonly Predicate[] }
  | { readonly kind: 'not'; readonly of: Predicate }
  | { readonly kind: 'compare'; readonly path: FieldPath; readonly op: ComparisonOperator; readonly value: JsonValue }
  | { readonly kind: 'in'; readonly path: FieldPath; readonly values: readonly JsonValue[] }
  | { readonly kind: 'exists'; readonly path: FieldPath; readonly exists: boolean }

export type ComparisonOperator = 'eq' | 'gt' | 'gte' | 'lt' | 'lte'

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue }

/** `data`: a path into the document's data, split at the dots. `meta`: `_id`, `_version`, `_createdAt`, `_updatedAt`. */
export type FieldPath =
  | { readonly of: 'data'; readonly segments: readonly string[] }
  | { readonly of: 'meta'; readonly name: MetaField }

export type MetaField = 'id' | 'version' | 'createdAt' | 'updatedAt'

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
  /** As JSON.parse made it. */
  readonly data: unknown
}

/** Matches every document: the empty filter. */
export const everything: Predicate = { kind: 'and', of: [] }
