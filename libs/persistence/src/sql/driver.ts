import type { BackendHealth } from '../backend.js'
import type { ConnectionStatistics } from '../telemetry/statistics.js'
import type { SqlRow, Statement } from './statement.js'

/** What the SQL backend needs of a server that speaks PostgreSQL. One adapter each for `pg` and PGlite; nothing outside
 *  their folders names a concrete one. */
export interface SqlDriver extends SqlConnection {
  readonly kind: 'embedded' | 'postgres'
  readonly sharedWithOthers: boolean
  /** Whether the tables have policies that statements have to satisfy; absent where there can be none. */
  readonly wall?: Wall | undefined
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

export interface Wall {
  isUp: boolean
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

export type * from './statement.js'
