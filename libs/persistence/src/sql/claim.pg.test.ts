import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { postgresForTests, type TestDatabase } from '@holdfast/test-servers'
import type { ClaimQuery, CollectionSpec } from '../backend.js'
import { openPostgresDriver } from '../postgres/driver.js'
import { parseFilter } from '../query/filter.js'
import { parseSort } from '../query/sort.js'
import { claimStatement, SqlClaims } from './claim.js'
import type { SqlDriver } from './driver.js'
import { openSqlBackend } from './sql-backend.js'

const spec: CollectionSpec = { indexes: [{ on: [['state'], ['at']], unique: false }] }
const specs = new Map([['jobs', spec]])
const rows = 20_000

describe('claims on PostgreSQL', () => {
  let database: TestDatabase
  let driver: SqlDriver

  before(async () => {
    database = await postgresForTests()
    driver = await openPostgresDriver(database.url)
    const backend = openSqlBackend(driver)
    await backend.migrate()
    await backend.documents.ensure('jobs', spec)
    for (let start = 0; start < rows; start += 2_000) {
      const batch = Array.from({ length: 2_000 }, (_, index) => {
        const n = start + index
        const data = { state: n % 100 === 0 ? 'queued' : 'done', at: n }
        return { tenant: 'default', id: `j${n}`, json: JSON.stringify(data) }
      })
      await backend.documents.insert('jobs', batch)
    }
    await driver.query({ text: 'analyze holdfast."c_jobs"', values: [] })
  })

  after(async () => {
    await driver.close()
    await database[Symbol.asyncDispose]()
  })

  const query = (limit: number): ClaimQuery => ({
    tenant: 'default',
    where: parseFilter({ state: 'queued' }),
    sort: parseSort({ at: 1 }),
    limit,
    leaseMs: 60_000,
    bump: 1,
  })

  for (const mode of ['force_custom_plan', 'force_generic_plan']) {
    it(`read the declared index of their filter and sort in order, under ${mode}`, async () => {
      const { text, values } = claimStatement('jobs', spec, query(20))
      const lines = await driver.transaction(async (connection) => {
        await connection.query({ text: `set local plan_cache_mode = ${mode}`, values: [] })
        return connection.query({ text: `explain (costs off) ${text}`, values })
      })
      const plan = lines.map(([line]) => String(line)).join('\n')
      assert.match(plan, /LockRows\n\s+-> {2}Index Scan using x_jobs_/, plan)
      assert.match(plan, /Index Scan using c_jobs_pkey/, plan)
      assert.doesNotMatch(plan, /Seq Scan/, plan)
    })
  }

  for (const skipsLocked of [true, false]) {
    const way = skipsLocked ? 'locking rows' : 'comparing versions, where a server cannot skip locked rows'

    it(`take each document once from concurrent statements, ${way}`, async () => {
      await driver.query({ text: 'update holdfast."c_jobs" set lease_until = null, lease_token = null', values: [] })
      const claims = new SqlClaims(driver, specs, skipsLocked)
      const taken: string[] = []
      const worker = async (): Promise<void> => {
        for (;;) {
          const batch = await claims.claim('jobs', query(7))
          if (batch.length === 0) return
          taken.push(...batch.map(({ id }) => id))
        }
      }
      await Promise.all(Array.from({ length: 6 }, worker))
      assert.equal(taken.length, rows / 100)
      assert.equal(new Set(taken).size, rows / 100)
    })

    it(`take the first by the sort, ${way}`, async () => {
      await driver.query({ text: 'update holdfast."c_jobs" set lease_until = null, lease_token = null', values: [] })
      const batch = await new SqlClaims(driver, specs, skipsLocked).claim('jobs', query(5))
      assert.deepEqual(batch.map(({ id }) => id).toSorted(), ['j0', 'j100', 'j200', 'j300', 'j400'])
    })
  }

  it('leave out what another transaction is writing, and do not wait for it', async () => {
    await driver.query({ text: 'update holdfast."c_jobs" set lease_until = null, lease_token = null', values: [] })
    const claims = new SqlClaims(driver, specs)
    await driver.transaction(async (connection) => {
      await connection.query({
        text: `update holdfast."c_jobs" set version = version + 1 where tenant = 'default' and id = 'j0'`,
        values: [],
      })
      assert.deepEqual(
        (await claims.claim('jobs', query(1))).map(({ id }) => id),
        ['j100'],
      )
    })
    assert.deepEqual(
      (await claims.claim('jobs', query(1))).map(({ id }) => id),
      ['j0'],
    )
  })
})
