import { HoldfastError } from '@holdfast/errors'
import type { ChangeKind, FeedEntry, FeedHead, FeedOperations, FeedPage, FeedSpec } from '../feed/feed-operations.js'
import { trimmedError } from '../feed/feed-position.js'
import type { Recording, SqlConnection, SqlDriver, SqlRow, Statement } from './driver.js'
import {
  feedDdl,
  feedStatements,
  type FeedStatements,
  feedTable,
  placesInRow,
  recordingStatement,
  recordingText,
} from './feed-statements.js'
import { int8Array, textArray } from './parameters.js'
import type { Schema } from './schema.js'

/** Rows that one statement deletes, so that none takes long. */
const sweepBatch = 5_000
const tenantBatch = 200

/** The change feeds as SQL: how they are read, and the connections on which writes record themselves. Statements that carry
 *  `records` are recorded if the feed of their collection is on; all others pass through as they are. */
export class SqlFeeds implements FeedOperations {
  readonly #driver: SqlDriver
  readonly #schema: Schema
  /** The collections whose changes are recorded. */
  readonly #on = new Set<string>()
  /** Those that had none when this process looked. */
  readonly #off = new Set<string>()
  readonly #statements = new Map<string, FeedStatements>()
  /** By the name of the statement that does not record. */
  readonly #recordingTexts = new Map<string, string>()
  readonly #listeners: ((collection: string) => void)[] = []

  constructor(driver: SqlDriver, schema: Schema) {
    this.#driver = driver
    this.#schema = schema
  }

  /** Makes the feed's tables if it is declared. A feed that another program declared is on for this one too. */
  async ensure(collection: string, spec: FeedSpec | undefined): Promise<boolean> {
    if (this.#on.has(collection)) return true
    if (spec !== undefined) {
      await this.#assertOrdered(collection)
      await this.#schema.ensure('feed', collection, '1', feedDdl(collection))
    } else if (!(await this.#isKnown(collection))) {
      this.#off.add(collection)
      return false
    }
    this.#off.delete(collection)
    this.#on.add(collection)
    return true
  }

  /** The driver's connection, recording each statement's changes with it. */
  recording(): SqlConnection {
    const driver = this.#driver
    return {
      query: (statement) => {
        const { records } = statement
        if (records === undefined) return driver.query(statement)
        if (this.#on.has(records.collection)) return this.#record(statement, records)
        if (this.#off.has(records.collection)) return driver.query(statement)
        return this.#find(statement, records)
      },
      isRecorded: (collection) => this.#on.has(collection),
      // COPY knows no policies.
      ...(driver.wall?.isUp === true
        ? {}
        : { copyIn: (text: string, chunks: Parameters<SqlDriver['copyIn']>[1]) => driver.copyIn(text, chunks) }),
    }
  }

  /** A transaction's connection, which gathers the changes for its last statement. */
  gathering(connection: SqlConnection): GatheredChanges {
    return new GatheredChanges(connection, this.#on, (collection) => this.#of(collection))
  }

  recorded(collections: Iterable<string>): void {
    for (const collection of collections) for (const listener of this.#listeners) listener(collection)
  }

  onRecorded(listener: (collection: string) => void): void {
    this.#listeners.push(listener)
  }

  async read(collection: string, tenant: string, after: number, limit: number): Promise<FeedPage> {
    // A row may have one change or thousands: few rows are unpacked for a page, and the page may come out short.
    const mostRows = Math.min(limit, Math.max(32, Math.ceil(limit / 4)))
    const values = [tenant, Math.floor(after / placesInRow), after % placesInRow, limit, mostRows]
    const rows = await this.#driver.query({ ...this.#of(collection).read, values })
    const trimmed = Number(rows[0]?.[0] ?? 0)
    if (after < trimmed) throw trimmedError(collection)
    const entries = rows.flatMap(([, position, place, id, version, at]): FeedEntry[] =>
      typeof position === 'number' ? [entryOf(position, Number(place), String(id), Number(version), Number(at))] : [],
    )
    return { entries, more: entries.length === limit || rows.at(-1)?.[6] === mostRows }
  }

  async heads(collection: string, tenants: readonly string[]): Promise<FeedHead[]> {
    const rows = await this.#driver.query({ ...this.#of(collection).heads, values: [textArray(tenants)] })
    const heads = tenants.map((): FeedHead => ({ last: 0, trimmed: 0 }))
    for (const [place, position, count, trimmed] of rows) {
      const last = Number(position) * placesInRow + Number(count)
      heads[Number(place) - 1] = { last: Math.max(last, Number(trimmed)), trimmed: Number(trimmed) }
    }
    return heads
  }

  async trim(collection: string, retainMs: number): Promise<number> {
    const { tenants } = this.#of(collection)
    let gone = 0
    for (let seen = ''; ;) {
      const rows = await this.#driver.query({ ...tenants, values: [seen, tenantBatch] })
      for (const [tenant] of rows) gone += await this.#trim(collection, String(tenant), retainMs)
      if (rows.length < tenantBatch) return gone
      seen = String(rows.at(-1)?.[0])
    }
  }

  /** Of every feed, whether the tenant has one or not: an erasure that a crash cut short can be repeated. */
  async erase(tenant: string): Promise<ReadonlyMap<string, number>> {
    const feeds = await this.#driver.query({
      text: `select name from holdfast.relations where kind = 'feed'`,
      values: [],
      readOnly: true,
    })
    const gone = new Map<string, number>()
    for (const [name] of feeds) {
      const collection = String(name)
      // It waits for writers under way; what they wrote is for the next statement, which sees it.
      await this.#driver.query({
        text: `delete from holdfast.feeds where tenant = $1 and collection = $2`,
        values: [tenant, collection],
      })
      const [row] = await this.#driver.query({
        text: `with e as (delete from ${feedTable(collection)} where tenant = $1 returning cardinality(ids) as changes)
          select coalesce(sum(changes), 0)::bigint from e`,
        values: [tenant],
      })
      if (Number(row?.[0]) > 0) gone.set(collection, Number(row?.[0]))
    }
    return gone
  }

  async #trim(collection: string, tenant: string, retainMs: number): Promise<number> {
    const { mark, sweep } = this.#of(collection)
    let gone = 0
    for (;;) {
      const marked = await this.#driver.query({ ...mark, values: [tenant, retainMs, sweepBatch] })
      const [row] = await this.#driver.query({ ...sweep, values: [tenant, sweepBatch] })
      gone += Number(row?.[1] ?? 0)
      if (marked.length === 0 && Number(row?.[0] ?? 0) < sweepBatch) return gone
    }
  }

  /** Sweeps and imports write to collections that this process has not opened. */
  async #find(statement: Statement, records: Recording): Promise<SqlRow[]> {
    const isOn = await this.ensure(records.collection, undefined)
    return isOn ? this.#record(statement, records) : this.#driver.query(statement)
  }

  async #record(statement: Statement, records: Recording): Promise<SqlRow[]> {
    const { name } = statement
    let text = name === undefined ? undefined : this.#recordingTexts.get(name)
    if (text === undefined) {
      text = recordingText(statement.text, records)
      if (name !== undefined) this.#recordingTexts.set(name, text)
    }
    const rows = await this.#driver.query(recordingStatement(statement, text))
    if (rows.length > 0) this.recorded([records.collection])
    return rows
  }

  /** A server whose sessions keep numbers of a sequence in stock hands them out in another order than that of the lock.
   *  @throws FAILED_PRECONDITION */
  async #assertOrdered(collection: string): Promise<void> {
    const { server } = await this.#driver.health()
    if (!server.includes('-YB-')) return
    throw new HoldfastError(
      'FAILED_PRECONDITION',
      `Collection ${collection} cannot have a change feed on ${server}: its sequences give no order, use another server`,
      { reason: 'FEED_UNSUPPORTED' },
    )
  }

  async #isKnown(collection: string): Promise<boolean> {
    const rows = await this.#driver.query({
      text: `select 1 from holdfast.relations where kind = 'feed' and name = $1`,
      values: [collection],
      readOnly: true,
    })
    return rows.length > 0
  }

  #of(collection: string): FeedStatements {
    const known = this.#statements.get(collection)
    if (known !== undefined) return known
    const made = feedStatements(collection)
    this.#statements.set(collection, made)
    return made
  }
}

function entryOf(position: number, place: number, id: string, version: number, at: number): FeedEntry {
  const op = version < 0 ? 'delete' : 'write'
  return { position: position * placesInRow + place, op, id, version: Math.abs(version), at }
}

interface GatheredChange {
  readonly tenant: string
  readonly op: ChangeKind
  readonly id: string
  readonly version: number
}

/** A transaction's connection. What its statements changed is recorded by one more statement for each collection, right before
 *  COMMIT: the lock that gives positions their order is then held for as short as can be. */
export class GatheredChanges implements SqlConnection {
  readonly #connection: SqlConnection
  readonly #on: ReadonlySet<string>
  readonly #statements: (collection: string) => FeedStatements
  readonly #changes = new Map<string, GatheredChange[]>()
  /** The last write that was asked for; those before it end before it. */
  #last: Promise<unknown> = Promise.resolve()
  #sealed = false

  constructor(connection: SqlConnection, on: ReadonlySet<string>, statements: (collection: string) => FeedStatements) {
    this.#connection = connection
    this.#on = on
    this.#statements = statements
  }

  get collections(): Iterable<string> {
    return this.#changes.keys()
  }

  query(statement: Statement): Promise<SqlRow[]> {
    const { records } = statement
    if (records === undefined || !this.#on.has(records.collection)) return this.#connection.query(statement)
    if (this.#sealed) return Promise.reject(endedError())
    const work = this.#write(statement, records)
    this.#last = work.catch(() => undefined)
    return work
  }

  /** Records everything, also what the transaction's work did not wait for. */
  async flush(): Promise<void> {
    for (let last: unknown; last !== this.#last;) {
      last = this.#last
      await last
    }
    this.#sealed = true
    const names = [...this.#changes.keys()].sort()
    for (const name of names) {
      const changes = this.#changes.get(name) ?? []
      await this.#connection.query({
        ...this.#statements(name).append,
        values: [
          textArray(changes.map(({ tenant }) => tenant)),
          textArray(changes.map(({ id }) => id)),
          int8Array(changes.map(({ op, version }) => (op === 'delete' ? -version : version))),
        ],
      })
    }
  }

  async #write(statement: Statement, records: Recording): Promise<SqlRow[]> {
    const rows = await this.#connection.query(statement)
    this.#note(statement, records, rows)
    return rows
  }

  #note({ values }: Statement, { collection, op, keyed }: Recording, rows: readonly SqlRow[]): void {
    if (rows.length === 0) return
    const changes = this.#changes.get(collection) ?? []
    this.#changes.set(collection, changes)
    for (const row of rows) {
      const [tenant, id] = keyed === 'parameters' ? values : row
      const version = keyed === 'parameters' ? row[0] : row[2]
      if (typeof tenant !== 'string' || typeof id !== 'string' || typeof version !== 'number') {
        throw new HoldfastError('INTERNAL', `A write to ${collection} did not answer what it wrote`)
      }
      changes.push({ tenant, op, id, version })
    }
  }
}

function endedError(): HoldfastError {
  return new HoldfastError(
    'FAILED_PRECONDITION',
    'A transaction was used after its end: await everything inside the callback',
    { reason: 'TRANSACTION_ENDED' },
  )
}
