import { HoldfastError } from '@holdfast/errors'
import type { IndexDefinition } from '../../backend.js'
import { wait } from '../../conflict-retry.js'
import type { SqlConnection, SqlDriver } from '../driver.js'
import { collectionTable } from '../names.js'
import { findIndexes, type FoundIndex, isSmall, validIndexNames } from './catalog.js'
import { commentSql, createIndexSql, dropIndexSql, indexName } from './index-sql.js'

/** Below it an index is made in a few milliseconds, in which writers may as well wait. */
const smallTableRows = 1_000

/** Another takes over from who builds when it was not renewed for so long. */
const leaseMs = 15_000

/** One process at a time changes the schema; the work may run several times. */
export interface SchemaLock {
  exclusively<R>(work: (connection: SqlConnection) => Promise<R>): Promise<R>
}

/** A row of `holdfast.locks`. */
export function leaseName(collection: string): string {
  return `index:${collection}`
}

/** The names of the leases that are held now. */
export async function heldLeases(connection: SqlConnection): Promise<Set<string>> {
  const rows = await connection.query({
    text: `select name from holdfast.locks
      where name like 'index:%' and taken_at > clock_timestamp() - interval '${leaseMs} milliseconds'`,
    values: [],
    readOnly: true,
  })
  return new Set(rows.map(([name]) => String(name)))
}

/** Makes what is declared and not there, on tables that may have data and writers. (The embedded database has a single session:
 *  there a build keeps everyone waiting, and no other process.)
 *
 *  On a server, `create index concurrently`: writers go on. One process at a time builds on a table, because two such builds on one
 *  table wait for each other; which one it is, a row of `holdfast.locks` says (a lease: a transaction that held a lock for
 *  so long would keep the build itself from its end). What a build left behind that failed or whose process died is invalid:
 *  it is dropped and made anew.
 *
 *  Unique indexes are waited for, because callers rely on them. Others are built in the background: queries are
 *  right without them, only slower. */
export class IndexBuilder {
  readonly #driver: SqlDriver
  readonly #schema: SchemaLock
  readonly #abort = new AbortController()
  readonly #underWay = new Map<string, Promise<void>>()
  readonly #failures = new Map<string, unknown>()
  #valid: Promise<Set<string>> | undefined

  constructor(driver: SqlDriver, schema: SchemaLock) {
    this.#driver = driver
    this.#schema = schema
  }

  failure(name: string): unknown {
    return this.#failures.get(name)
  }

  /** To be called when the collection's table is there. @throws ALREADY_EXISTS if stored documents break a unique index */
  async ensure(collection: string, indexes: readonly IndexDefinition[]): Promise<void> {
    let missing = await this.#missing(collection, indexes)
    if (missing.length === 0) return
    // They may have been made since this was last looked at.
    this.#valid = undefined
    missing = await this.#missing(collection, indexes)
    if (missing.length === 0) return
    const small = await isSmall(this.#driver, collectionTable(collection), smallTableRows)
    if (small && (await this.#buildAtOnce(collection, missing))) return
    const unique = missing.filter((index) => index.unique)
    const others = missing.filter((index) => !index.unique)
    await this.#build(collection, unique)
    // Failures are kept for built() and the report.
    void this.#build(collection, others).catch(() => {})
  }

  async built(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay.values())
    const [failed] = this.#failures
    if (failed === undefined) return
    this.#failures.delete(failed[0])
    throw failed[1]
  }

  /** Ends builds that are under way; the next process takes them up again. */
  async close(): Promise<void> {
    this.#abort.abort()
    await Promise.allSettled(this.#underWay.values())
  }

  async drop(name: string): Promise<void> {
    await this.#driver.maintain(dropIndexSql(name, this.#driver.kind !== 'embedded'))
    this.#valid = undefined
  }

  async #missing(collection: string, indexes: readonly IndexDefinition[]): Promise<IndexDefinition[]> {
    if (indexes.length === 0) return []
    this.#valid ??= validIndexNames(this.#driver)
    const valid = await this.#valid.catch((error: unknown) => {
      this.#valid = undefined
      throw error
    })
    return indexes.filter((index) => !valid.has(indexName(collection, index)))
  }

  /** In a transaction, writers waiting. `false`: they would have had to wait too long. */
  async #buildAtOnce(collection: string, indexes: readonly IndexDefinition[]): Promise<boolean> {
    const found = new Map((await findIndexes(this.#driver, collection)).map((index) => [index.name, index]))
    try {
      await this.#schema.exclusively(async (connection) => {
        await connection.query({ text: `set local lock_timeout = '2s'`, values: [] })
        for (const index of indexes) {
          const name = indexName(collection, index)
          const statements = [createIndexSql(collection, index), commentSql(collection, index)]
          if (found.get(name)?.valid === false) statements.unshift(dropIndexSql(name, false))
          for (const text of statements) await connection.query({ text, values: [] })
        }
      })
    } catch (error) {
      if (error instanceof HoldfastError && error.metadata['sqlState'] === '55P03') return false
      throw error
    }
    this.#valid = undefined
    for (const index of indexes) this.#failures.delete(indexName(collection, index))
    return true
  }

  /** One after the other, each once at a time. */
  async #build(collection: string, indexes: readonly IndexDefinition[]): Promise<void> {
    if (indexes.length === 0) return
    const names = indexes.map((index) => indexName(collection, index))
    const running = names.map((name) => this.#underWay.get(name))
    const [other] = running
    if (other !== undefined && running.every((one) => one === other)) return other
    const work = this.#buildAll(collection, indexes).finally(() => {
      for (const name of names) if (this.#underWay.get(name) === work) this.#underWay.delete(name)
      this.#valid = undefined
    })
    for (const name of names) this.#underWay.set(name, work)
    return work
  }

  async #buildAll(collection: string, indexes: readonly IndexDefinition[]): Promise<void> {
    const lease = leaseName(collection)
    const missing = async (): Promise<Map<string, FoundIndex>> =>
      new Map((await findIndexes(this.#driver, collection)).map((index) => [index.name, index]))
    for (let attempt = 0; ; attempt += 1) {
      this.#checkOpen()
      if (await this.#takeLease(lease)) break
      const found = await missing()
      // Another process does the work; it is done when all are valid.
      if (indexes.every((index) => found.get(indexName(collection, index))?.valid === true)) return
      await wait(Math.min(2_000, 50 * 2 ** attempt))
    }
    const heartbeat = setInterval(() => void this.#renewLease(lease).catch(() => {}), leaseMs / 3)
    try {
      const failures: unknown[] = []
      let made = 0
      for (const index of indexes) {
        const name = indexName(collection, index)
        try {
          if (await this.#buildOne(collection, index)) made += 1
          this.#failures.delete(name)
        } catch (error) {
          if (!this.#abort.signal.aborted) this.#failures.set(name, error)
          failures.push(error)
        }
      }
      // Until then the planner knows nothing of the expressions, and takes every index for a good one.
      if (made > 0) await this.#driver.maintain(`analyze ${collectionTable(collection)}`, this.#abort.signal)
      if (failures.length > 0) throw failures[0]
    } finally {
      clearInterval(heartbeat)
      await this.#releaseLease(lease).catch(() => {})
    }
  }

  /** @returns whether it had to be made */
  async #buildOne(collection: string, index: IndexDefinition): Promise<boolean> {
    const name = indexName(collection, index)
    for (let attempt = 1; ; attempt += 1) {
      this.#checkOpen()
      const found = (await findIndexes(this.#driver, collection)).find((one) => one.name === name)
      if (found?.valid === true) return false
      if (found?.underWay === true) {
        // Of a process that was stopped for longer than its lease, and goes on.
        await wait(500)
        continue
      }
      if (found !== undefined) await this.drop(name)
      try {
        await this.#driver.maintain(
          createIndexSql(collection, index, this.#driver.kind !== 'embedded'),
          this.#abort.signal,
        )
        await this.#driver.query({ text: commentSql(collection, index), values: [] })
        return true
      } catch (error) {
        const deadlock = error instanceof HoldfastError && error.reason === 'TRANSACTION_CONFLICT'
        // What is left of it would go on forbidding what it should forbid only if it were whole.
        if (!(error instanceof HoldfastError && error.code === 'UNAVAILABLE')) await this.drop(name).catch(() => {})
        if (!deadlock || attempt >= 5) throw error
      }
    }
  }

  #checkOpen(): void {
    if (this.#abort.signal.aborted)
      throw new HoldfastError('FAILED_PRECONDITION', 'The store is closed: the next one goes on building the indexes')
  }

  async #takeLease(name: string): Promise<boolean> {
    const rows = await this.#driver.query({
      text: `insert into holdfast.locks (name, taken_at) values ($1, clock_timestamp())
        on conflict (name) do update set taken_at = clock_timestamp()
        where locks.taken_at < clock_timestamp() - interval '${leaseMs} milliseconds' returning name`,
      values: [name],
    })
    return rows.length > 0
  }

  async #renewLease(name: string): Promise<void> {
    await this.#driver.query({
      text: 'update holdfast.locks set taken_at = clock_timestamp() where name = $1',
      values: [name],
    })
  }

  async #releaseLease(name: string): Promise<void> {
    await this.#driver.query({ text: 'delete from holdfast.locks where name = $1', values: [name] })
  }
}
