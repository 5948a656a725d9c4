import type {
  AppendGroup,
  AppendOutcome,
  LogOperations,
  ReadRange,
  StoredEntry,
  StreamHead,
  StreamKey,
  TrimTo,
} from '../backend.js'
import type { SqlCell, SqlConnection, SqlRow } from './driver.js'
import { escapeForJsonb, unescapeFromJsonb } from './json-text.js'
import { appendGroups, type AppendTarget } from './log-append.js'
import { forkStream } from './log-branches.js'
import { logDdl } from './log-ddl.js'
import { logStatements } from './log-statements.js'
import { removeStream, sweepLeftovers, trimStream } from './log-sweep.js'
import { textArray } from './parameters.js'
import type { Schema } from './schema.js'

type KnownLog = Omit<AppendTarget, 'connection'>

/** The log operations as SQL. See log-ddl.ts for the tables, log-append.ts for the way of a message. */
export class SqlLogs implements LogOperations {
  readonly #connection: SqlConnection
  readonly #schema: Schema
  readonly #known: Map<string, KnownLog>
  readonly #insideTransaction: boolean

  constructor(
    connection: SqlConnection,
    schema: Schema,
    known: Map<string, KnownLog> = new Map(),
    insideTransaction = false,
  ) {
    this.#connection = connection
    this.#schema = schema
    this.#known = known
    this.#insideTransaction = insideTransaction
  }

  /** The same operations on a transaction's connection. */
  on(connection: SqlConnection): SqlLogs {
    return new SqlLogs(connection, this.#schema, this.#known, true)
  }

  async ensure(log: string): Promise<void> {
    await this.#schema.ensure('log', log, '2', logDdl(log))
    await sweepLeftovers(this.#connection, log)
  }

  append(log: string, groups: readonly AppendGroup[]): Promise<AppendOutcome[]> {
    return appendGroups({ connection: this.#connection, ...this.#of(log) }, groups, this.#insideTransaction)
  }

  async read(log: string, range: ReadRange): Promise<StoredEntry[]> {
    const { tenant, stream, after = 0, before = Number.MAX_SAFE_INTEGER, limit, reverse } = range
    const { statements } = this.#of(log)
    const values = [tenant, stream, after, before, limit]
    const rows = await this.#connection.query({ ...(reverse ? statements.readReverse : statements.read), values })
    const base = rows[0]?.[0] ?? null
    const own = rows.filter(([, seq]) => seq !== null)
    const reachesPast = typeof base === 'number' && after < base && !(reverse && own.length === limit)
    if (!reachesPast) return own.map(([, ...entry]) => storedEntry(entry))
    const text = reverse ? statements.readBranchReverse : statements.readBranch
    return (await this.#connection.query({ text, values, readOnly: true })).map(storedEntry)
  }

  async heads(log: string, keys: readonly StreamKey[]): Promise<StreamHead[]> {
    const rows = await this.#connection.query({
      ...this.#of(log).statements.standing,
      values: [textArray(keys.map(({ tenant }) => tenant)), textArray(keys.map(({ stream }) => stream))],
    })
    const heads = keys.map((): StreamHead => ({ next: 1, first: 1, exists: false, removed: false, at: 0 }))
    for (const row of rows) heads[Number(row[0]) - 1] = headOf(row)
    return heads
  }

  async create(log: string, { tenant, stream }: StreamKey): Promise<boolean> {
    const rows = await this.#connection.query({ ...this.#of(log).statements.create, values: [tenant, stream] })
    return rows.length > 0
  }

  fork(log: string, from: StreamKey, at: number, to: StreamKey): Promise<void> {
    return forkStream(this.#connection, log, from, at, to)
  }

  trim(log: string, key: StreamKey, to: TrimTo): Promise<number> {
    return trimStream(this.#connection, log, key, to)
  }

  remove(log: string, key: StreamKey): Promise<boolean> {
    return removeStream(this.#connection, log, key)
  }

  async amend(
    log: string,
    key: StreamKey,
    seq: number,
    json: string,
    forget = false,
  ): Promise<StoredEntry | undefined> {
    const values = [key.tenant, key.stream, seq, escapeForJsonb(json), forget]
    const [row] = await this.#connection.query({ ...this.#of(log).statements.amend, values })
    return row === undefined ? undefined : { seq, ...keyOf(row[0]), at: Number(row[1]), json }
  }

  #of(log: string): KnownLog {
    const known = this.#known.get(log)
    if (known !== undefined) return known
    const made = { statements: logStatements(log), branches: new Set<string>() }
    this.#known.set(log, made)
    return made
  }
}

export function storedEntry([seq, key, at, data]: SqlRow): StoredEntry {
  return { seq: Number(seq), ...keyOf(key), at: Number(at), json: unescapeFromJsonb(String(data)) }
}

const keyOf = (key: SqlCell | undefined): { key?: string } => (typeof key === 'string' ? { key } : {})

export function headOf([, head, first, at, removed]: SqlRow): StreamHead {
  const next = Number(head) + 1
  const gone = removed === true
  return { next, first: gone ? next : Math.max(1, Number(first)), exists: !gone, removed: gone, at: Number(at ?? 0) }
}
