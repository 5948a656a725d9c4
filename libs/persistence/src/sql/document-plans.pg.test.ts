import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { postgresForTests, type TestDatabase } from '@holdfast/test-servers'
import { openPostgresDriver } from '../postgres/driver.js'
import { documentStatements } from './document-statements.js'
import type { SqlDriver, SqlValue } from './driver.js'
import { int8Array, textArray } from './parameters.js'
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
