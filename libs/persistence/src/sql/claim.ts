import { HoldfastError } from '@holdfast/errors'
import type { ClaimQuery, CollectionSpec, LeasedDocument, SettledLease, SettleRow } from '../backend.js'
import { type Declared, named, queryParts } from './document-query.js'
import type { SqlConnection, SqlRow, Statement } from './driver.js'
import { unescapeFromJsonb } from './json-text.js'
import { byKey } from './look-ups.js'
import { collectionTable } from './names.js'
import { int8Array, textArray } from './parameters.js'
import { visible } from './visibility.js'

/** Expired leases count as none. */
const unleased = '(t.lease_until is null or t.lease_until <= now())'

const leaseColumns =
  't.tenant, t.id, t.version, t.created_at, t.updated_at, t.data, t.expires_at, t.lease_token, t.lease_until'

/** Claims as SQL: one statement takes any number of documents, skipping those that another claim is taking at this moment. A server
 *  that does not lock rows that way is asked for candidates first, and then for those that are still as they were seen. */
export class SqlClaims {
  readonly #connection: SqlConnection
  readonly #specs: ReadonlyMap<string, CollectionSpec>
  #skipsLocked: boolean

  /** @param skipsLocked `false`: do not even try `for update skip locked` */
  constructor(connection: SqlConnection, specs: ReadonlyMap<string, CollectionSpec>, skipsLocked = true) {
    this.#connection = connection
    this.#specs = specs
    this.#skipsLocked = skipsLocked
  }

  async claim(collection: string, query: ClaimQuery): Promise<LeasedDocument[]> {
    if (!this.#skipsLocked) return this.#compareAndSet(collection, query)
    try {
      return await this.#take(claimStatement(collection, this.#declared(collection), query))
    } catch (error) {
      if (!isUnsupported(error)) throw error
      const taken = await this.#compareAndSet(collection, query)
      this.#skipsLocked = false
      return taken
    }
  }

  async settle(collection: string, rows: readonly SettleRow[]): Promise<(SettledLease | undefined)[]> {
    // In the order in which all batches lock rows.
    const sorted = rows.toSorted((a, b) => compare(a.tenant, b.tenant) || compare(a.id, b.id))
    const answered = await this.#connection.query({
      name: `settle:${collection}`,
      text: `update ${collectionTable(collection)} as t set
          lease_until = case when u.ms is null then t.lease_until when u.ms > 0 then ${after('u.ms')} end,
          lease_token = case when u.ms is null or u.ms > 0 then t.lease_token end
        from unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) as u(tenant, id, token, ms)
        where t.tenant = u.tenant and t.id = u.id and ${byKey} and t.lease_token = u.token and t.lease_until is not null and ${visible('t')}
        returning u.token, t.id, t.version, t.lease_until`,
      values: [
        textArray(sorted.map(({ tenant }) => tenant)),
        textArray(sorted.map(({ id }) => id)),
        textArray(sorted.map(({ token }) => token)),
        int8Array(sorted.map(({ leaseMs }) => leaseMs ?? null)),
      ],
    })
    const settled = new Map(
      answered.map(([token, id, version, until]): [string, SettledLease] => [
        `${String(token)}:${String(id)}`,
        { version: Number(version), leaseUntil: until === null ? 0 : Number(until) },
      ]),
    )
    return rows.map(({ token, id }) => settled.get(`${token}:${id}`))
  }

  async #take(statement: Statement): Promise<LeasedDocument[]> {
    return (await this.#connection.query(statement)).map(leased)
  }

  /** Others may take the same candidates, so that later rounds look at more of them and choose among those at random. */
  async #compareAndSet(collection: string, query: ClaimQuery): Promise<LeasedDocument[]> {
    const taken: LeasedDocument[] = []
    for (let round = 0; round < maxRounds && taken.length < query.limit; round += 1) {
      const missing = query.limit - taken.length
      const limit = missing * 2 ** round
      const {
        parameters,
        selects,
        orderBy,
        limit: limited,
      } = queryParts(collection, this.#declared(collection), { ...query, limit }, unleased)
      const candidates = await this.#connection.query(
        named(`select t.id, t.version from ${together(selects, orderBy)} ${limited}`, parameters),
      )
      if (candidates.length === 0) return taken
      const chosen = choose(candidates, missing)
      const got = await this.#take({
        name: `claim-seen:${collection}`,
        text: `update ${collectionTable(collection)} as t set ${leaseSet('$5::bigint', '$4::bigint')}
          from unnest($2::text[], $3::bigint[]) as u(id, expected)
          where t.tenant = $1 and t.id = u.id and t.version = u.expected and ${unleased} and ${visible('t')}
          returning ${leaseColumns}`,
        values: [
          query.tenant,
          textArray(chosen.map(([id]) => String(id))),
          int8Array(chosen.map(([, version]) => Number(version))),
          query.leaseMs,
          query.bump,
        ],
        ...recording(collection, query),
      })
      taken.push(...got)
      if (candidates.length < limit && got.length === chosen.length) return taken
    }
    return taken
  }

  #declared(collection: string): Declared {
    return this.#specs.get(collection) ?? { indexes: [] }
  }
}

const maxRounds = 8

/** The rows are locked in the order of the sort, and joined back by their key as a nested loop (`byKey`). Where
 *  the filter has alternatives (see filter-sql.ts) up to twice as many are locked, until the end of the statement. */
export function claimStatement(collection: string, declared: Declared, query: ClaimQuery): Statement {
  const { parameters, selects, orderBy, limit } = queryParts(collection, declared, query, unleased)
  const locked = selects.map((select, index) => `found${index} as materialized (${select} for update skip locked)`)
  const found = together(
    selects.map((_, index) => `select * from found${index}`),
    orderBy,
  )
  const tenant = parameters.text(query.tenant)
  const leaseMs = parameters.add(query.leaseMs, 'bigint')
  const text = `with ${locked.join(', ')}
    update ${collectionTable(collection)} as t set ${leaseSet(parameters.add(query.bump, 'bigint'), leaseMs)}
    from unnest(array(select t.id from ${found} ${limit})) with ordinality as u(id, place)
    where t.tenant = ${tenant} and t.id = u.id and ${byKey}
    returning ${leaseColumns}, u.place`
  const { name, ...statement } = named(text, parameters)
  return {
    ...statement,
    ...(name === undefined ? {} : { name: name.replace(/^find:/, 'claim:') }),
    readOnly: false,
    ...recording(collection, query),
  }
}

/** A claim that does not make the version grow is no change of the document: the `replace` that follows it is. */
function recording(collection: string, { bump }: ClaimQuery): Pick<Statement, 'records'> {
  return bump > 0 ? { records: { collection, op: 'write' } } : {}
}

/** `from` this, and then a limit. */
function together(selects: readonly string[], orderBy: string): string {
  return `(${selects.map((select) => `(${select})`).join(' union all ')}) t order by ${orderBy}`
}

function leaseSet(bump: string, leaseMs: string): string {
  return `version = t.version + ${bump}, updated_at = case when ${bump} > 0 then now() else t.updated_at end,
      lease_until = ${after(leaseMs)}, lease_token = gen_random_uuid()::text`
}

function after(milliseconds: string): string {
  return `now() + ${milliseconds} * interval '1 millisecond'`
}

function leased(row: SqlRow): LeasedDocument {
  const [, id, version, createdAt, updatedAt, data, expiresAt, token, until] = row
  return {
    id: String(id),
    version: Number(version),
    createdAt: Number(createdAt),
    updatedAt: Number(updatedAt),
    json: unescapeFromJsonb(String(data)),
    ...(expiresAt == null ? {} : { expiresAt: Number(expiresAt) }),
    token: String(token),
    leaseUntil: Number(until),
  }
}

/** In the order of the input. */
function choose(candidates: readonly SqlRow[], count: number): SqlRow[] {
  const left = candidates.map((_, index) => index)
  while (left.length > count) left.splice(Math.floor(Math.random() * left.length), 1)
  return left.map((index) => candidates[index] ?? [])
}

/** 0A000: Citus, which locks no rows of several shards ("could not run distributed query with FOR UPDATE"), and what CockroachDB has not
 *  implemented. 42601: a server whose grammar has no SKIP LOCKED. */
function isUnsupported(error: unknown): boolean {
  if (!(error instanceof HoldfastError)) return false
  const { sqlState } = error.metadata as { readonly sqlState?: string }
  return sqlState === '0A000' || sqlState === '42601'
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
