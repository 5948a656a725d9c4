import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { DocumentQuery } from '../../backend.js'
import type { IndexSpecification } from '../../contract/document.js'
import { parseIndexes } from '../../index-options.js'
import { openPostgresDriver } from '../../postgres/driver.js'
import { parseFilter } from '../../query/filter.js'
import { documentPosition } from '../../query/sort-position.js'
import { parseSort } from '../../query/sort.js'
import { countStatement, queryStatement } from '../document-query.js'
import type { SqlConnection, SqlDriver, SqlValue, Statement } from '../driver.js'
import { quoteLiteral } from '../names.js'
import { openSqlBackend } from '../sql-backend.js'
import { indexName } from './index-sql.js'

/** 1,000,000 with HOLDFAST_TEST_INDEX_ROWS=1000000, see docs/guides/indexes.md. */
const rows = Number(process.env['HOLDFAST_TEST_INDEX_ROWS'] ?? 100_000)
const collection = 'people'

const specifications = {
  email: { on: 'email', unique: true },
  city: { on: 'city' },
  teamAt: { on: ['team', 'at'] },
  at: { on: 'at' },
  nested: { on: ['address.zip', 'name'] },
  cityAt: { on: ['city', 'at'], direction: [1, -1] },
  open: { on: 'priority', where: { state: 'open' } },
  vip: { on: 'phone', unique: true, where: { points: { $gte: 1_000_000 } } },
  tags: { on: 'tags', array: true },
  roles: { on: 'teams.roles', array: true },
  text: { on: ['title', 'body'], text: { language: 'english' } },
} satisfies Record<string, IndexSpecification>

type Name = keyof typeof specifications

const names = Object.keys(specifications) as Name[]
const indexes = parseIndexes(Object.values(specifications))

/** Values are spread so that neither the order of the table nor that of the ids is the order of a field. A fifth is another tenant's. */
const fill = `insert into holdfast.c_people (tenant, id, version, created_at, updated_at, data)
  select case when n % 5 = 0 then 'other' else 'default' end, 'p' || n, 1, now(), now(), jsonb_build_object(
    'email', 'p' || n || '@example.org', 'city', 'c' || n * 7 % 1009, 'team', n % 101, 'at', n * 7919::bigint % 999983,
    'address', jsonb_build_object('zip', n * 11 % 5003), 'name', 'n' || n * 13 % 30011,
    'state', case when n % 97 = 0 then 'open' else 'done' end, 'priority', n * 3 % 1013,
    'phone', '+' || n, 'points', case when n % 89 = 0 then 1000000 + n else n % 1000 end,
    'tags', case when n % 7 = 0 then to_jsonb('t' || n % 2003) else jsonb_build_array('t' || n % 2003, 'u' || n % 3) end,
    'teams', jsonb_build_array(jsonb_build_object('roles', jsonb_build_array('r' || n % 1999)), jsonb_build_object('roles', 'all')),
    'title', 'Report ' || n % 1501, 'body', 'running over hills, number' || n % 1777)
  from generate_series(1, ${rows}) n`

interface Case {
  readonly what: string
  readonly filter: object
  readonly sort?: object
  /** Goes on behind a document with this data. */
  readonly after?: object
  readonly by: Name
  /** The rows come from the index in the order of the sort, so that no more of them are read than a page has. */
  readonly ordered: boolean
}

const cases: readonly Case[] = [
  { what: 'equality, from a unique index', filter: { email: 'p77@example.org' }, by: 'email', ordered: false },
  { what: '$in', filter: { email: { $in: ['p77@example.org', 'p78@example.org'] } }, by: 'email', ordered: false },
  { what: 'equality, by id', filter: { city: 'c5' }, by: 'city', ordered: true },
  { what: 'the order of one field', filter: {}, sort: { at: 1 }, by: 'at', ordered: true },
  { what: 'the opposite order', filter: {}, sort: { at: -1 }, by: 'at', ordered: true },
  {
    what: 'a range in its order',
    filter: { at: { $gt: 500, $lt: 900_000 } },
    sort: { at: 1 },
    by: 'at',
    ordered: true,
  },
  { what: 'a range without order', filter: { at: { $gte: 100, $lt: 500 } }, by: 'at', ordered: false },
  { what: 'equality and order', filter: { team: 7 }, sort: { at: -1 }, by: 'teamAt', ordered: true },
  {
    what: 'equality on a prefix, in the order of all',
    filter: { team: 7 },
    sort: { team: 1, at: 1 },
    by: 'teamAt',
    ordered: true,
  },
  {
    what: 'equality and a later page',
    filter: { team: 7 },
    sort: { at: 1 },
    after: { team: 7, at: 500_000 },
    by: 'teamAt',
    ordered: true,
  },
  {
    what: 'equality and a later page, newest first',
    filter: { team: 7 },
    sort: { at: -1 },
    after: { team: 7, at: 999_000 },
    by: 'teamAt',
    ordered: true,
  },
  { what: 'equality and a range', filter: { team: 7, at: { $gte: 1000, $lt: 3000 } }, by: 'teamAt', ordered: false },
  { what: 'paths into objects', filter: { 'address.zip': 77, name: 'n91' }, by: 'nested', ordered: false },
  {
    what: 'a path into objects, in its order',
    filter: {},
    sort: { 'address.zip': 1, name: 1 },
    by: 'nested',
    ordered: true,
  },
  {
    what: 'a path into objects, and the order of another field',
    filter: { 'address.zip': 77 },
    sort: { name: -1 },
    by: 'nested',
    ordered: true,
  },
  { what: 'a sort in two directions', filter: {}, sort: { city: 1, at: -1 }, by: 'cityAt', ordered: true },
  { what: 'that sort upside down', filter: {}, sort: { city: -1, at: 1 }, by: 'cityAt', ordered: true },
  {
    what: 'the condition of a partial index, in its order',
    filter: { state: 'open' },
    sort: { priority: -1 },
    by: 'open',
    ordered: true,
  },
  { what: 'more than the condition', filter: { priority: 77, state: { $in: ['open'] } }, by: 'open', ordered: false },
  { what: 'less than the condition', filter: { points: { $gt: 1_000_500 }, phone: '+979' }, by: 'vip', ordered: false },
  { what: 'an element of an array', filter: { tags: 't77' }, by: 'tags', ordered: false },
  { what: 'some elements of arrays', filter: { tags: { $in: ['t77', 't78'] } }, by: 'tags', ordered: false },
  { what: 'an element of arrays in objects in arrays', filter: { 'teams.roles': 'r77' }, by: 'roles', ordered: false },
  { what: 'a word', filter: { $text: { $search: 'number77' } }, by: 'text', ordered: false },
  { what: 'words of two fields', filter: { $text: { $search: '"report 77" hill' } }, by: 'text', ordered: false },
]

/** Whether each kind of declared index serves its filters and sorts. @param open makes an empty database */
export function describePlans(name: string, open: () => Promise<{ readonly url: string } & AsyncDisposable>): void {
  describe(`declared indexes on ${name}, among ${rows} documents`, () => {
    let database: { readonly url: string } & AsyncDisposable
    let driver: SqlDriver

    before(async () => {
      database = await open()
      driver = await openPostgresDriver(database.url, { statementTimeoutMs: 280_000 })
      const backend = openSqlBackend(driver)
      await backend.migrate()
      await backend.documents.ensure(collection, { indexes: [] })
      await driver.query({ text: fill, values: [] })
      await backend.documents.ensure(collection, { indexes })
      await backend.indexes.built()
    })

    after(async () => {
      await driver.close()
      await database[Symbol.asyncDispose]()
    })

    const statementOf = ({ filter, sort, after: data }: Omit<Case, 'what' | 'by' | 'ordered'>): Statement => {
      const keys = parseSort(sort)
      const query: DocumentQuery = { tenant: 'default', where: parseFilter(filter), sort: keys, limit: 20 }
      if (data === undefined) return queryStatement(collection, { indexes }, query)
      const position = documentPosition({ id: 'p5', version: 1, createdAt: 0, updatedAt: 0, data }, keys)
      return queryStatement(collection, { indexes }, { ...query, after: position })
    }

    const explain = async (connection: SqlConnection, statement: string, values: readonly SqlValue[] = []) => {
      const lines = await connection.query({
        text: `explain (analyze, timing off, costs off, summary off) ${statement}`,
        values,
      })
      return lines.map(([line]) => String(line)).join('\n')
    }

    /** As the server plans it for these values; and if it is kept, for any values, and what it settles on after a time. */
    const plans = async ({ name, text, values }: Statement): Promise<ReadonlyMap<string, string>> =>
      driver.transaction(async (connection) => {
        const run = (sql: string) => connection.query({ text: sql, values: [] })
        await run('set local plan_cache_mode = force_custom_plan')
        const custom = await explain(connection, text, values)
        if (name === undefined) return new Map([['custom', custom]])
        await run(`prepare p as ${text}`)
        const call = `execute p${values.length === 0 ? '' : `(${values.map(literal).join(', ')})`}`
        await run('set local plan_cache_mode = force_generic_plan')
        const generic = await explain(connection, call)
        await run('set local plan_cache_mode = auto')
        await run('deallocate p')
        await run(`prepare p as ${text}`)
        for (let time = 0; time < 6; time += 1) await run(call)
        const settled = await explain(connection, call)
        await run('deallocate p')
        return new Map(Object.entries({ custom, generic, settled }))
      })

    for (const one of cases) {
      it(`serve ${one.what}`, async () => {
        for (const [kind, plan] of await plans(statementOf(one))) {
          const its = `${JSON.stringify(one.filter)} ${JSON.stringify(one.sort)} ${kind}\n${plan}`
          assert.ok(usedIndexes(plan).includes(one.by), its)
          assert.doesNotMatch(plan, /Seq Scan/, its)
          // What is read is at most a page in order, or what matches.
          assert.ok(rowsRead(plan) <= (one.ordered ? 45 : rows / 50), `reads ${rowsRead(plan)} for ${its}`)
          if (one.ordered) assert.doesNotMatch(plan.replace(/^Limit\n.*Sort/, ''), /->\s+Incremental Sort/, its)
        }
      })
    }

    it('serve a range against the order of another index as its values are: such a statement is not kept', async () => {
      const range = (least: number, sort?: object): Statement =>
        statementOf({ filter: { at: { $gte: least } }, ...(sort === undefined ? {} : { sort }) })
      assert.equal(range(5).name, undefined)
      assert.equal(range(5, { city: 1 }).name, undefined)
      assert.notEqual(range(5, { at: -1 }).name, undefined)
      const narrow = (await plans(range(999_900))).get('custom') ?? ''
      const wide = (await plans(range(5))).get('custom') ?? ''
      assert.deepEqual([usedIndexes(narrow), usedIndexes(wide).filter((name) => name !== 'at')], [['at'], []])
      for (const plan of [narrow, wide]) assert.ok(rowsRead(plan) <= rows / 1000, plan)
    })

    it('serve counting', async () => {
      for (const filter of [
        { tags: 't77' },
        { city: 'c5' },
        { state: 'open', priority: 77 },
        { team: 7, at: { $lt: 5000 } },
      ]) {
        for (const [kind, plan] of await plans(
          countStatement(collection, { indexes }, 'default', parseFilter(filter)),
        )) {
          assert.ok(usedIndexes(plan).length > 0, `${kind} ${plan}`)
          assert.ok(rowsRead(plan) <= rows / 50, `reads ${rowsRead(plan)} for ${kind} ${plan}`)
          assert.doesNotMatch(plan, /Seq Scan/, plan)
        }
      }
    })

    it('find what reading everything finds', async () => {
      for (const one of cases.filter(({ ordered, after: page }) => !ordered || page !== undefined)) {
        const statement = statementOf(one)
        const ids = (found: readonly (readonly unknown[])[]) => found.map(([id]) => id)
        const found = ids(await driver.query(statement))
        const slowly = await driver.transaction(async (connection) => {
          for (const way of ['indexscan', 'bitmapscan', 'indexonlyscan']) {
            await connection.query({ text: `set local enable_${way} = off`, values: [] })
          }
          return ids(await connection.query({ text: statement.text, values: statement.values }))
        })
        assert.deepEqual(found, slowly, one.what)
        assert.ok(found.length > 0, one.what)
      }
    })

    it('refuse a second document with the same value of a unique field, and let another tenant have it', async () => {
      const { documents } = openSqlBackend(driver)
      const insert = (tenant: string, data: object) =>
        documents.insert(collection, [{ tenant, id: 'new', json: JSON.stringify(data) }])
      const refused = { code: 'ALREADY_EXISTS', reason: 'UNIQUE_VIOLATION' }
      await assert.rejects(insert('default', { email: 'p1@example.org', phone: 'x' }), refused)
      await assert.rejects(insert('default', { email: 'x', phone: '+89', points: 1_000_000 }), refused)
      assert.equal((await insert('third', { email: 'p1@example.org', phone: '+89', points: 1_000_000 }))[0]?.version, 1)
      assert.equal((await insert('default', { email: 'x', phone: '+89', points: 999_999 }))[0]?.version, 1)
    })
  })
}

function usedIndexes(plan: string): Name[] {
  const used = new Set(
    [...plan.matchAll(/(?:Scan|Scan Backward) (?:using|on) "?(x_[\w-]+)"?/g)].map(([, name]) => name),
  )
  return names.filter((name) => {
    const definition = indexes[names.indexOf(name)]
    return definition !== undefined && used.has(indexName(collection, definition))
  })
}

/** By all scans of the table together. */
function rowsRead(plan: string): number {
  let read = 0
  for (const [, node = '', details = ''] of plan.matchAll(
    /->\s+((?:Index|Bitmap Heap|Seq) [^\n]*)((?:\n(?!\s*->)[^\n]*)*)/g,
  )) {
    read += Number(/actual rows=(\d+)/.exec(node)?.[1] ?? 0)
    for (const [, removed] of details.matchAll(/Rows Removed by [\w ]+: (\d+)/g)) read += Number(removed)
  }
  return read
}

function literal(value: SqlValue): string {
  if (value === null) return 'null'
  if (typeof value === 'object' && 'items' in value) {
    return quoteLiteral(`{${value.items.map((item) => (item === null ? 'null' : JSON.stringify(item))).join(',')}}`)
  }
  return quoteLiteral(String(value))
}
