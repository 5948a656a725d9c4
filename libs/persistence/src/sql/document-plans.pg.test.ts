import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { postgresForTests, type TestDatabase } from '@holdfast/test-servers'
import { openPostgresDriver } from '../postgres/driver.js'
import { documentStatements } from './document-statements.js'
import type { SqlDriver, SqlValue } from './driver.js'
import { int8Array, textArray } from './parameters.js'
import { type Server, servers } from './servers.test.support.js'
import { openSqlBackend } from './sql-backend.js'

const many = 64
const ids = textArray(Array.from({ length: many }, (_, n) => `d${n}`))
const tenants = textArray(Array.from({ length: many }, () => 'default'))
const numbers = int8Array(Array.from({ length: many }, () => 1))
const texts = textArray(Array.from({ length: many }, () => '{}'))

describe('statements for many documents on PostgreSQL', () => {
  let database: TestDatabase
  let driver: SqlDriver

  before(async () => {
    database = await postgresForTests()
    driver = await openPostgresDriver(database.url)
    const backend = openSqlBackend(driver)
    await backend.migrate()
    // Few, and never analyzed: what the first statements of a new collection are planned for.
    await backend.documents.ensure('new', { indexes: [] })
    const rows = Array.from({ length: many }, (_, n) => ({ tenant: 'default', id: `d${n}`, json: '{}' }))
    await backend.documents.insert('new', rows)
  })

  after(async () => {
    await driver.close()
    await database[Symbol.asyncDispose]()
  })

  const statements = documentStatements('new')
  const cases: readonly (readonly [keyof typeof statements, readonly SqlValue[]])[] = [
    ['fetchMany', [tenants, ids]],
    ['removedMany', [tenants, ids]],
    ['replaceMany', [tenants, ids, numbers, numbers, texts]],
    ['replaceManyLiving', [tenants, ids, numbers, numbers, texts, numbers, textArray(Array(many).fill('set'))]],
    ['removeMany', [tenants, ids, numbers]],
    ['entombMany', [tenants, ids, numbers, false]],
    ['restoreMany', [tenants, ids, 1_000]],
  ]

  for (const mode of ['force_custom_plan', 'force_generic_plan']) {
    for (const [name, values] of cases) {
      it(`look up keys although the table is small: ${name}, under ${mode}`, async () => {
        const lines = await driver.transaction(async (connection) => {
          await connection.query({ text: `set local plan_cache_mode = ${mode}`, values: [] })
          return connection.query({ text: `explain (costs off) ${statements[name].text}`, values: [...values] })
        })
        const plan = lines.map(([line]) => String(line)).join('\n')
        assert.match(plan, /Index Scan using c_new_pkey/, plan)
        assert.doesNotMatch(plan, /Seq Scan|Hash/, plan)
      })
    }
  }
})

for (const [server, start] of servers) {
  describe(`plans of a table that grew on ${server}`, () => {
    let started: Server

    before(async () => {
      started = await start()
    })

    after(async () => {
      await started[Symbol.asyncDispose]()
    })

    it('do not read all of it, although they were made when it had one row', async () => {
      const { driver } = started
      const backend = openSqlBackend(driver)
      await backend.migrate()
      await backend.documents.ensure('grown', { indexes: [] })
      const run = (text: string) => driver.query({ text, values: [] })
      const put = (from: number, count: number) =>
        backend.documents.insert(
          'grown',
          Array.from({ length: count }, (_, n) => ({ tenant: 'default', id: `d${from + n}`, json: '{}' })),
        )
      await run('alter table holdfast.c_grown set (autovacuum_enabled = false)')
      await put(0, 1)
      // As the index of lifetimes does, and whoever looks at tables by the clock.
      await run('analyze holdfast.c_grown')
      const { replaceMany } = documentStatements('grown')
      let version = 0
      const replace = (id: string) => {
        version += 1
        const one = int8Array([1])
        const values = [textArray(['default']), textArray([id]), int8Array([version]), one, textArray(['{}'])]
        return driver.query({ ...replaceMany, values })
      }
      for (let n = 0; n < 8; n += 1) assert.equal((await replace('d0')).length, 1)
      const plan = async () => {
        const arrays = `array['default'], array['d0'], array[1], array[1], array['{}']`
        return (await run(`explain (costs off) execute "${replaceMany.name}" (${arrays})`)).flat().join('\n')
      }
      assert.match(await plan(), /Seq Scan on c_grown/)
      await put(1, 5_000)
      assert.match(await plan(), /Seq Scan on c_grown/)
      for (let n = 0; n < 16; n += 1) assert.equal((await replace('d0')).length, 1)
      assert.match(await plan(), /Index Scan using c_grown_pkey/)
    })
  })
}
