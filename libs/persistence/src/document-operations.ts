import type { CollectionSpec } from './collection-spec.js'
import type {
  DeleteRow,
  InsertRow,
  Key,
  LeasedDocument,
  ReplaceRow,
  SettledLease,
  SettleRow,
  StoredDocument,
  UpsertRow,
  Written,
} from './document-rows.js'
import type { JsonValue, Predicate, SortKey } from './query/predicate.js'
import type { SortPosition } from './query/sort-position.js'

/** Every method answers in the order of its input; `undefined` means: no such document, or the condition did not hold. */
export interface DocumentOperations {
  /** Makes the collection's table and indexes if they are not there. Safe when many processes do it at once. */
  ensure(collection: string, spec: CollectionSpec): Promise<void>
  /** `undefined`: a tombstone stands there. An expired document counts as none, but the version grows on from it. */
  upsert(collection: string, rows: readonly UpsertRow[]): Promise<(Written | undefined)[]>
  /** `undefined`: the id is taken, or a tombstone stands there. */
  insert(collection: string, rows: readonly InsertRow[]): Promise<(Written | undefined)[]>
  /** Inserts many documents of any ids, all or none, the fastest way there is; `false`: there is none here. Absent: the same.
   *  @throws ALREADY_EXISTS (reason UNIQUE_VIOLATION) if an id is taken or stands there twice */
  copy?(collection: string, rows: readonly InsertRow[]): Promise<boolean>
  /** `undefined`: no document of that id has that version. */
  replace(collection: string, rows: readonly ReplaceRow[]): Promise<(Written | undefined)[]>
  /** The version that was deleted; `undefined`: no document of that id (and version). */
  remove(collection: string, rows: readonly DeleteRow[]): Promise<(number | undefined)[]>
  fetch(collection: string, keys: readonly Key[]): Promise<(StoredDocument | undefined)[]>
  /** Takes soft deletes back, with a version more. `undefined`: there is no tombstone that still has its data. */
  restore(collection: string, keys: readonly Key[]): Promise<(StoredDocument | undefined)[]>
  /** Whether tombstones stand there. */
  removed(collection: string, keys: readonly Key[]): Promise<boolean[]>
  query(collection: string, query: DocumentQuery): Promise<StoredDocument[]>
  /** The documents nearest to a vector, the nearest first. Absent, or `undefined`: the server does not compare vectors. */
  nearest?(collection: string, query: NearestQuery): Promise<NearDocument[] | undefined>
  count(collection: string, tenant: string, where: Predicate): Promise<number>
  /** The values at a path of the data, arrays as their elements; in any order, and perhaps one several times. */
  distinct(collection: string, tenant: string, segments: readonly string[], where: Predicate): Promise<JsonValue[]>
  explain(collection: string, query: DocumentQuery): Promise<QueryPlan>
  /** Leases up to `limit` documents that match and on which no lease stands, each to this call alone, in the order of the sort. Some
   *  that others are writing at this moment may be passed over. */
  claim(collection: string, query: ClaimQuery): Promise<LeasedDocument[]>
  /** Renews, ends or looks at leases. `undefined`: the lease is lost (ended, taken over, or its document is gone). */
  settle(collection: string, rows: readonly SettleRow[]): Promise<(SettledLease | undefined)[]>
}

export interface DocumentQuery {
  readonly tenant: string
  readonly where: Predicate
  /** Total order: the store always appends the id as the last key. */
  readonly sort: readonly SortKey[]
  /** The sort key values of the last document seen, as JSON values in the order of `sort`, the id last. */
  readonly after?: readonly SortPosition[]
  readonly limit?: number
  /** Which members of data that is an object the caller needs; a backend may answer with more. */
  readonly members?: NeededMembers
  /** When it aborts nobody waits for the answer any more; then its reason may be thrown. */
  readonly signal?: AbortSignal
}

export interface NearestQuery {
  readonly tenant: string
  readonly field: string
  /** As text. */
  readonly to: string
  readonly where: Predicate
  readonly limit: number
}

export interface NearDocument {
  /** Without the vector. */
  readonly document: StoredDocument
  /** Cosine of the angle. */
  readonly similarity: number
}

export type NeededMembers = { readonly only: readonly string[] } | { readonly without: readonly string[] }

export interface ClaimQuery {
  readonly tenant: string
  readonly where: Predicate
  readonly sort: readonly SortKey[]
  readonly limit: number
  readonly leaseMs: number
  /** By how much the version of each grows: 0 where a `replace` follows as part of the claim. */
  readonly bump: number
}

export interface QueryPlan {
  /** The statement with placeholders. */
  readonly statement: string
  /** What the server would do, as its EXPLAIN says, constants replaced by `?`. */
  readonly plan: unknown
}
