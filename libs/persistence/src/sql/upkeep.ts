import type { CollectionSpec, SoftDelete, StreamKey } from '../backend.js'
import type { Duties, LogRetention, OverdueStreams, UpkeepOperations } from '../expiry/upkeep-operations.js'
import type { SqlConnection, Statement } from './driver.js'
import type { SqlFeeds } from './feed.js'
import { collectionTable, logTables, quoteIdentifier } from './names.js'
import type { Schema } from './schema.js'
import { expired } from './visibility.js'

/** Notes in the database that documents of the collection expire or leave tombstones, so that any process can do the upkeep, and
 *  makes the indexes for it. Other collections have none of that. */
export async function ensureUpkeep(schema: Schema, collection: string, spec: CollectionSpec): Promise<void> {
  const table = collectionTable(collection)
  const index = (prefix: string, column: string, where: string) =>
    `create index if not exists ${quoteIdentifier(`${prefix}_${collection}`)} on ${table} (${column}) where ${where}`
  if (spec.expires === true) {
    const dueToExpire = index('e', 'expires_at', 'expires_at is not null and removed_at is null')
    await schema.ensure('expiry', collection, '{}', [dueToExpire])
  }
  if (spec.softDelete !== undefined) {
    await schema.ensure('tombstones', collection, JSON.stringify(spec.softDelete), [
      index('p', 'removed_at', 'removed_at is not null and data is not null'),
      index('r', 'removed_at', 'removed_at is not null'),
    ])
  }
}

export function expireStatement(collection: string, limit: number): Statement {
  return {
    name: `expire:${collection}`,
    text: `${picked(collection, `${expired('t')} and t.removed_at is null`, 't.expires_at', '$1')}
      delete from ${collectionTable(collection)} t using picked d where t.tenant = d.tenant and t.id = d.id
      returning t.tenant, t.id, t.version`,
    values: [limit],
    records: { collection, op: 'delete' },
  }
}

/** Deletes the expired documents of a collection, whose unique values may stand in the way of others. @returns whether it is worth to
 *  try again: also if a sweeper is just deleting the one in the way, for whose commit the next try waits */
export async function freeExpired(connection: SqlConnection, collection: string): Promise<boolean> {
  const limit = 1_000
  const [expiring] = await connection.query({
    text: `select true from holdfast.relations where kind = 'expiry' and name = $1`,
    values: [collection],
    readOnly: true,
  })
  if (expiring === undefined) return false
  while ((await connection.query(expireStatement(collection, limit))).length === limit);
  return true
}

/** The rows of a batch are locked before they go, those that somebody else has locked left to him: sweepers never wait, neither
 *  for each other nor for writers, so that they cannot be part of a deadlock. */
export class SqlUpkeep implements UpkeepOperations {
  readonly #connection: SqlConnection
  readonly #schema: Schema
  readonly #feeds: SqlFeeds

  constructor(connection: SqlConnection, schema: Schema, feeds: SqlFeeds) {
    this.#connection = connection
    this.#schema = schema
    this.#feeds = feeds
  }

  async duties(): Promise<Duties> {
    const rows = await this.#connection.query({
      name: 'duties',
      text: `select kind, name, definition from holdfast.relations where kind in ('expiry', 'tombstones', 'retention')
        order by name`,
      values: [],
      readOnly: true,
    })
    const of = (kind: string) => rows.filter((row) => row[0] === kind).map(([, name]) => String(name))
    const declared = (kind: string) =>
      rows.filter((row) => row[0] === kind).map(([, name, definition]) => [String(name), String(definition)] as const)
    return {
      expiring: of('expiry'),
      softDeleting: declared('tombstones').map(([collection, definition]) => ({
        collection,
        softDelete: JSON.parse(definition) as SoftDelete,
      })),
      retaining: declared('retention').map(([log, definition]) => ({
        log,
        retention: JSON.parse(definition) as LogRetention,
      })),
    }
  }

  /** A document's end is a change, which its feed tells like any deletion. */
  async expire(collection: string, limit: number): Promise<number> {
    // This process may not have opened the collection.
    await this.#feeds.ensure(collection, undefined)
    const rows = await this.#feeds.recording().query(expireStatement(collection, limit))
    return rows.length
  }

  purge(collection: string, { retainMs }: SoftDelete, limit: number): Promise<number> {
    return this.#rows({
      name: `purge:${collection}`,
      text: `${picked(collection, `t.removed_at <= ${ago('$2')} and t.data is not null`, 't.removed_at', '$1')}
        update ${collectionTable(collection)} t set data = null from picked d
        where t.tenant = d.tenant and t.id = d.id returning t.version`,
      values: [limit, retainMs],
    })
  }

  async forget(collection: string, { tombstonesMs }: SoftDelete, limit: number): Promise<number> {
    if (tombstonesMs === null) return 0
    return this.#rows({
      name: `forget:${collection}`,
      text: `${picked(collection, `t.removed_at <= ${ago('$2')}`, 't.removed_at', '$1')}
        delete from ${collectionTable(collection)} t using picked d
        where t.tenant = d.tenant and t.id = d.id returning t.version`,
      values: [limit, tombstonesMs],
    })
  }

  retain(log: string, { keepLast, olderThanMs }: LogRetention): Promise<void> {
    return this.#schema.ensure('retention', log, JSON.stringify({ keepLast, olderThanMs }), [])
  }

  /** A branch may begin in the entries of its parent, which only `trim` looks for: it is always asked. */
  async overdue(
    log: string,
    { keepLast, olderThanMs }: LogRetention,
    after: StreamKey | undefined,
    limit: number,
  ): Promise<OverdueStreams> {
    const { streams, entries } = logTables(log)
    const rows = await this.#connection.query({
      name: `overdue:${log}`,
      text: `with page as (
          select tenant, stream, head, greatest(first, 1) as first, parent, removed_at from ${streams}
          where (tenant, stream) > ($1, $2) order by tenant, stream limit $3)
        select p.tenant, p.stream, p.removed_at is null and p.head >= p.first and (
          coalesce(p.head + 1 - p.first > $4::bigint, false) or $5::bigint is not null and (p.parent is not null or exists (
            select from ${entries} e where e.tenant = p.tenant and e.stream = p.stream and e.seq = p.first
              and e.at < ${ago('$5')})))
        from page p order by p.tenant, p.stream`,
      values: [after?.tenant ?? '', after?.stream ?? '', limit, keepLast ?? null, olderThanMs ?? null],
      readOnly: true,
    })
    const keys = rows.map(([tenant, stream]) => ({ tenant: String(tenant), stream: String(stream) }))
    const overdue = keys.filter((_, index) => rows[index]?.[2] === true)
    const last = keys.at(-1)
    return keys.length < limit || last === undefined ? { streams: overdue } : { streams: overdue, next: last }
  }

  async #rows(statement: { name: string; text: string; values: readonly (number | null)[] }): Promise<number> {
    return (await this.#connection.query(statement)).length
  }
}

function picked(collection: string, condition: string, order: string, limit: string): string {
  return `with picked as materialized (
          select t.tenant, t.id from ${collectionTable(collection)} t where ${condition}
          order by ${order} limit ${limit}::bigint for update skip locked)`
}

function ago(milliseconds: string): string {
  return `now() - ${milliseconds}::bigint * interval '1 millisecond'`
}
