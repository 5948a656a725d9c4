import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { postgresForTests, type TestDatabase } from '@holdfast/test-servers'
import { openPostgresDriver } from '../postgres/driver.js'
import { parseFilter } from '../query/filter.js'
import { parseSort } from '../query/sort.js'
import { documentPosition } from '../query/sort-position.js'
import { queryStatement } from './document-query.js'
import type { SqlDriver } from './driver.js'
import { openSqlBackend } from './sql-backend.js'

const indexes = [
  { on: [['email']], unique: true },
  { on: [['team'], ['address', 'since']], unique: false },
]
const rows = 20_000

describe('declared indexes on PostgreSQL', () => {
  let database: TestDatabase
  let driver: SqlDriver

  before(async () => {
    database = await postgresForTests()
    driver = await openPostgresDriver(database.url)
    const backend = openSqlBackend(driver)
    await backend.migrate()
    await backend.documents.ensure('people', { indexes })
    for (let start = 0; start < rows; start += 2000) {
      const batch = Array.from({ length: 2000 }, (_, index) => {
        const n = start + index
        const data = { email: `p${n}@example.org`, team: n % 100, address: { since: `2026-${n % 12}` }, name: `n${n}` }
        return { tenant: 'default', id: `p${n}`, json: JSON.stringify(data) }
      })
      await backend.documents.insert('people', batch)
    }
    await driver.query({ text: 'analyze holdfast."c_people"', values: [] })
  })

  after(async () => {
    await driver.close()
    await database[Symbol.asyncDispose]()
  })

  const plan = async (filter: object, sort?: object, options: { generic?: boolean; after?: unknown } = {}) => {
    const keys = parseSort(sort)
    const position = { id: 'p5', version: 1, createdAt: 0, updatedAt: 0, data: options.after }
    const query = { tenant: 'default', where: parseFilter(filter), sort: keys, limit: 20 }
    const { text, values } = queryStatement(
      'people',
      indexes,
      options.after === undefined ? query : { ...query, after: documentPosition(position, keys) },
    )
    return driver.transaction(async (connection) => {
      await connection.query({
        text: `set local plan_cache_mode = ${options.generic === true ? 'force_generic_plan' : 'auto'}`,
        values: [],
      })
      const lines = await connection.query({ text: `explain (costs off) ${text}`, values })
      return lines.map(([line]) => String(line)).join('\n')
    })
  }

  for (const generic of [false, true]) {
    const under = generic ? 'under a generic plan' : 'under a custom plan'

    it(`serves equality from the unique index ${under}`, async () => {
      const text = await plan({ email: 'p77@example.org' }, undefined, { generic })
      assert.match(text, /Index Scan using x_people_|Bitmap Index Scan on x_people_/)
      assert.doesNotMatch(text, /Seq Scan/)
    })

    it(`serves filter, sort and keyset from the compound index ${under}, without sorting`, async () => {
      const after = { team: 7, address: { since: '2026-3' } }
      for (const options of [{ generic }, { generic, after }]) {
        const text = await plan({ team: 7 }, { team: -1, 'address.since': -1 }, options)
        assert.match(text, /Index Scan Backward using x_people_/, text)
        // Two ordered scans of at most a page each: documents with the team, and those with it in an array.
        assert.equal([...text.matchAll(/Limit\n\s+-> {2}Index Scan Backward using x_people_/g)].length, 2, text)
        assert.doesNotMatch(text, /Seq Scan/, text)
      }
    })
  }

  it('refuses a second document with the same value of a unique field, naming the index', async () => {
    const backend = openSqlBackend(driver)
    await assert.rejects(
      backend.documents.insert('people', [{ tenant: 'default', id: 'new', json: '{"email":"p1@example.org"}' }]),
      { code: 'ALREADY_EXISTS', reason: 'UNIQUE_VIOLATION' },
    )
  })

  it('lets another tenant have the same value', async () => {
    const backend = openSqlBackend(driver)
    const [written] = await backend.documents.insert('people', [
      { tenant: 'other', id: 'new', json: '{"email":"p1@example.org"}' },
    ])
    assert.equal(written?.version, 1)
  })
})
