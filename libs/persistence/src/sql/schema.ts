import { HoldfastError } from '@holdfast/errors'
import type { MigrationReport } from '../backend.js'
import { retryConflicts, wait } from '../conflict-retry.js'
import { secureTables } from '../row-security/row-security.js'
import type { SqlConnection, SqlDriver } from './driver.js'
import { IndexBuilder } from './indexes/builder.js'
import { QueryShapes } from './indexes/query-shapes.js'
import { migrations } from './migrations/index.js'
import { serverKindOf } from './server-kind.js'

/** The schema and the two tables that the migrations themselves need. `holdfast.locks` is locked by row, because advisory
 *  locks do nothing on CockroachDB. */
const bootstrap = `
  create schema if not exists holdfast;
  create table if not exists holdfast.migrations (
    version bigint primary key,
    name text not null,
    applied_at timestamptz(3) not null default now()
  );
  create table if not exists holdfast.locks (name text primary key, taken_at timestamptz(3) not null default now());
  insert into holdfast.locks (name) values ('schema') on conflict do nothing;
`

/** What "if not exists" answers when two processes create the same thing at the same moment. */
const bootstrapRaces = new Set(['UNIQUE_VIOLATION', 'DUPLICATE_OBJECT', 'TRANSACTION_CONFLICT'])

export type Statements = readonly string[] | ((before: string | undefined) => readonly string[])

export type RelationKind = 'collection' | 'log' | 'feed' | 'expiry' | 'tombstones' | 'retention' | 'subject'

/** Keeps the database's tables in step with what the code declares. */
export class Schema {
  /** Makes indexes on tables that have data already. */
  readonly indexes: IndexBuilder
  /** What the tables have been asked for. */
  readonly shapes: QueryShapes = new QueryShapes()
  readonly #driver: SqlDriver
  readonly #known = new Map<string, string>()
  readonly #underWay = new Map<string, Promise<void>>()
  #server: string | undefined
  #vectors: Promise<boolean> | undefined

  constructor(driver: SqlDriver) {
    this.#driver = driver
    this.indexes = new IndexBuilder(driver, this)
  }

  /** Applies what is missing of the migrations, and learns which collections and logs exist. Safe from many processes at once. */
  async migrate(): Promise<MigrationReport> {
    let applied = await this.#appliedVersions()
    if (applied === undefined) {
      await this.#bootstrap()
      applied = new Set()
    }
    const newest = migrations.at(-1)?.version ?? 0
    const ahead = [...applied].find((version) => version > newest)
    if (ahead !== undefined) {
      throw new HoldfastError(
        'FAILED_PRECONDITION',
        `The database is at schema version ${ahead}, newer than this program's ${newest}: upgrade the program`,
        { reason: 'SCHEMA_TOO_NEW' },
      )
    }
    const names: string[] = []
    for (const migration of migrations) {
      if (applied.has(migration.version)) continue
      const ran = await this.exclusively(async (connection) => {
        const [done] = await connection.query({
          text: 'select 1 from holdfast.migrations where version = $1',
          values: [migration.version],
        })
        if (done !== undefined) return false
        for (const statement of statementsOf(migration.sql)) await connection.query({ text: statement, values: [] })
        if (migration.tuning !== undefined && (await isPostgres(connection))) {
          for (const statement of statementsOf(migration.tuning))
            await connection.query({ text: statement, values: [] })
        }
        await connection.query({
          text: 'insert into holdfast.migrations (version, name) values ($1, $2)',
          values: [migration.version, migration.name],
        })
        return true
      })
      if (ran) names.push(migration.name)
    }
    if (this.#driver.wall?.isUp === true) await this.exclusively(secureTables)
    const relations = await this.#driver.query({
      text: 'select kind, name, definition from holdfast.relations',
      values: [],
      readOnly: true,
    })
    for (const [kind, name, definition] of relations)
      this.#known.set(`${String(kind)}:${String(name)}`, String(definition))
    return { version: newest, applied: names }
  }

  /** How the relation was declared when it was last made, as far as this process knows; `undefined`: not made. */
  definition(kind: RelationKind, name: string): string | undefined {
    return this.#known.get(`${kind}:${name}`)
  }

  /** Makes a collection's or log's tables and indexes by `statements` (each safe to repeat; they may depend on the definition that
   *  stands in the database) unless that was done before with the same definition. */
  async ensure(kind: RelationKind, name: string, definition: string, statements: Statements): Promise<void> {
    const relation = `${kind}:${name}`
    if (this.#known.get(relation) === definition) return
    const key = `${relation}:${definition}`
    const running = this.#underWay.get(key)
    if (running !== undefined) return running
    const work = this.#make(kind, name, definition, statements).finally(() => this.#underWay.delete(key))
    this.#underWay.set(key, work)
    await work
    this.#known.set(relation, definition)
  }

  async #make(kind: RelationKind, name: string, definition: string, statements: Statements): Promise<void> {
    await this.exclusively(async (connection) => {
      const [row] = await connection.query({
        text: 'select definition from holdfast.relations where kind = $1 and name = $2',
        values: [kind, name],
      })
      const before = row === undefined ? undefined : String(row[0])
      if (before === definition) return
      const needed = typeof statements === 'function' ? statements(before) : statements
      for (const statement of needed) await connection.query({ text: statement, values: [] })
      if (this.#driver.wall?.isUp === true) await secureTables(connection)
      await connection.query({
        text: `insert into holdfast.relations (kind, name, definition) values ($1, $2, $3)
               on conflict (kind, name) do update set definition = excluded.definition`,
        values: [kind, name, definition],
      })
    })
  }

  /** One process at a time: the first statement writes the lock row, so that whoever waited for it conflicts and starts again
   *  with a snapshot that sees what the other did. */
  exclusively<R>(work: (connection: SqlConnection) => Promise<R>): Promise<R> {
    return retryConflicts(
      () =>
        this.#driver.transaction(async (connection) => {
          await connection.query({
            text: `update holdfast.locks set taken_at = now() where name = 'schema'`,
            values: [],
          })
          return work(connection)
        }),
      { maxAttempts: 100, timeoutMs: 600_000 },
    )
  }

  /** YugabyteDB has none (https://docs.yugabyte.com/stable/explore/ysql-language-features/postgresql-compatibility). */
  async hasGeneratedColumns(): Promise<boolean> {
    this.#server ??= (await this.#driver.health()).server
    return !this.#server.includes('-YB-')
  }

  /** Whether the server compares vectors: it has pgvector, or lets us turn it on. */
  hasVectors(): Promise<boolean> {
    this.#vectors ??= this.#turnVectorsOn().catch((error: unknown) => {
      this.#vectors = undefined
      throw error
    })
    return this.#vectors
  }

  async #turnVectorsOn(): Promise<boolean> {
    try {
      // halfvec came with 0.7.
      const [row] = await this.#driver.query({
        text: `select exists(select 1 from pg_type where typname = 'halfvec' and pg_type_is_visible(oid)), exists(
          select 1 from pg_available_extension_versions where name = 'vector' and version ~ '^(0[.]([7-9]|[0-9][0-9])|[1-9])')`,
        values: [],
        readOnly: true,
      })
      if (row?.[0] === true || row?.[1] !== true) return row?.[0] === true
      await this.#driver.script('create extension if not exists vector')
      return true
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'UNAVAILABLE') throw error
      // The user may not, or a server that only speaks like PostgreSQL has no list of extensions: vectors are compared elsewhere.
      return false
    }
  }

  /** `undefined`: this database has never seen Holdfast. */
  async #appliedVersions(): Promise<Set<number> | undefined> {
    const [exists] = await this.#driver.query({
      text: `select to_regclass('holdfast.locks') is not null and to_regclass('holdfast.migrations') is not null`,
      values: [],
      readOnly: true,
    })
    if (exists?.[0] !== true) return undefined
    const rows = await this.#driver.query({
      text: 'select version from holdfast.migrations order by version',
      values: [],
      readOnly: true,
    })
    return new Set(rows.map(([version]) => Number(version)))
  }

  async #bootstrap(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#driver.script(bootstrap)
        return
      } catch (error) {
        const raced = error instanceof HoldfastError && bootstrapRaces.has(error.reason)
        if (!raced || attempt >= 20) throw error
        await wait(Math.random() * 50)
      }
    }
  }
}

async function isPostgres(connection: SqlConnection): Promise<boolean> {
  const [row] = await connection.query({ text: 'select version()', values: [], readOnly: true })
  return serverKindOf(String(row?.[0])) === 'postgresql'
}

/** Migrations hold plain statements: no semicolon stands inside one. */
function statementsOf(sql: string): string[] {
  return sql
    .split(';')
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
}
