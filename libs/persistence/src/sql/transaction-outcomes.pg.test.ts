import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { postgresForTests } from '@holdfast/test-servers'
import { openPostgresDriver } from '../postgres/driver.js'
import { Store } from '../store.js'
import { openSqlBackend } from './sql-backend.js'

describe('the results of transactions with a key', () => {
  it('are forgotten after seven days, by the sweep', async () => {
    await using database = await postgresForTests()
    const driver = await openPostgresDriver(database.url)
    const backend = openSqlBackend(driver)
    await backend.migrate()
    await using store = new Store(backend)
    let runs = 0
    const work = async (): Promise<number> => (runs += 1)
    for (const key of ['old', 'new']) await store.transaction(work, { key })
    await driver.query({
      text: `update holdfast.transactions set at = now() - interval '7 days 1 minute' where key = 'old'`,
      values: [],
    })
    assert.equal((await store.sweep()).outcomes, 1)
    assert.equal(await store.transaction(work, { key: 'new' }), 2)
    assert.equal(await store.transaction(work, { key: 'old' }), 3)
    assert.equal((await store.sweep()).outcomes, 0)
  })
})
