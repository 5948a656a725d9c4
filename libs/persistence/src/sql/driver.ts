import type { BackendHealth } from '../backend.js'
import type { ChangeKind } from '../feed/feed-operations.js'
import type { ConnectionStatistics } from '../telemetry/statistics.js'

/** What the SQL backend needs of a server that speaks PostgreSQL. One adapter each for `pg` and PGlite; nothing outside
 *  their folders names a concrete one. */
export interface SqlDriver extends SqlConnection {
  readonly kind: 'embedded' | 'postgres'
  readonly sharedWithOthers: boolean
  /** Runs `work` between BEGIN ISOLATION LEVEL SERIALIZABLE and COMMIT on one connection, once; rolls back when it throws. */
  transaction<R>(work: (connection: SqlConnection) => Promise<R>): Promise<R>
  copyIn(text: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void>
  /** Runs `work`, which only reads, on one state of the database that later commits do not change. On a database with a single
   *  session, where that would keep everyone else waiting, each of its statements sees its own state. */
  snapshot<R>(work: (connection: SqlConnection) => Promise<R>): Promise<R>
  /** Several statements without parameters, separated by semicolons (migrations), in one transaction. */
  script(text: string): Promise<void>
  /** One statement without parameters that may take hours, or that cannot be inside a transaction (`create index
   *  concurrently`): outside of transactions and, on a server, on a connection of its own. The signal cancels it. */
  maintain(text: string, signal?: AbortSignal): Promise<void>
  /** Waits for NOTIFY on a connection of its own; absent where nobody else could send one. */
  readonly listen?: ((channel: string, events: ListenerEvents) => Promise<Listener>) | undefined
  health(): Promise<BackendHealth>
  /** Of the pool, if there is one. */
  connections?(): ConnectionStatistics | undefined
  close(): Promise<void>
}

export interface ListenerEvents {
  readonly onNotify: (payload: string) => void
  /** The connection broke; not called after `close`. */
  readonly onLost: () => void
}

export interface Listener {
  close(): Promise<void>
}

export interface SqlConnection {
  /** One statement, autocommitted outside a transaction. Failures are HoldfastErrors (see sqlstate.ts): `UNAVAILABLE` if
   *  the statement was not executed or only read, `UNKNOWN` if it wrote and the connection was lost before the answer. */
  query(statement: Statement): Promise<SqlRow[]>
  /** `COPY … FROM STDIN` with what `chunks` bring, taken no faster than the server takes it; autocommitted, all or nothing. Absent inside
   *  a transaction. Failures are those of `query`; what `chunks` throws is thrown, and nothing is written. */
  copyIn?(text: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void>
  /** Whether changes of the collection are recorded here, which a COPY would not be. */
  isRecorded?(collection: string): boolean
}

export interface Statement {
  /** Prepared under this name once per connection; without: not kept. The same name always has the same text. */
  readonly name?: string
  readonly text: string
  readonly values: readonly SqlValue[]
  /** The statement writes nothing, so a lost connection may be answered by asking again. Default false. */
  readonly readOnly?: boolean
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

/** Columns in order: int2, int4, int8, float8 as number (an int8 beyond 2^53 throws); bool as boolean; timestamptz as
 *  milliseconds since 1970; bytea as Uint8Array; json, jsonb, text and all else as string. */
export type SqlRow = readonly SqlCell[]
export type SqlCell = string | number | boolean | Uint8Array | null
