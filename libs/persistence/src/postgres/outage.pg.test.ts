import assert from 'node:assert/strict'
import { type PostgresServer, startPostgres, startProxy } from '@holdfast/test-servers'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { SqlDriver } from '../sql/driver.js'
import { openPostgresDriver } from './driver.js'

describe('the PostgreSQL driver when the server', () => {
  const limits = { connectTimeoutMs: 400, statementTimeoutMs: 400 }
  const read = { name: 'read', text: 'select count(*) from entries', values: [], readOnly: true }
  const write = { name: 'write', text: 'insert into entries values (1)', values: [] }
  let server: PostgresServer
  let driver: SqlDriver

  before(async () => {
    server = await startPostgres()
    driver = await openPostgresDriver(server.url, limits)
    await driver.script('create table entries (id int)')
  })
  after(async () => {
    await driver.close()
    await server.stop()
  })
  beforeEach(() => driver.query({ text: 'truncate entries', values: [] }))

  test('hangs: calls fail within their time limit, writes with an unknown outcome, and work again when it goes on', async () => {
    await server.pause()
    const startedAt = performance.now()
    const [reading, writing] = await Promise.allSettled([driver.query(read), driver.query(write)])
    const tookMs = performance.now() - startedAt
    await server.resume()
    assert.deepEqual(outcomeOf(reading), ['UNAVAILABLE', 'CONNECTION_LOST'])
    // The write may have had to make a connection first, and then was not sent.
    assert.ok(['UNKNOWN', 'UNAVAILABLE'].includes(String(outcomeOf(writing)[0])))
    assert.ok(tookMs < 3_000, `${tookMs} ms`)
    await driver.query(write)
    assert.ok(Number((await driver.query(read))[0]?.[0]) >= 1)
  })

  test('hangs in the middle of a write: the outcome is unknown', async () => {
    await driver.query(write)
    await server.pause()
    const [writing] = await Promise.allSettled([driver.query(write)])
    await server.resume()
    assert.deepEqual(outcomeOf(writing), ['UNKNOWN', 'CONNECTION_LOST'])
  })

  test('hangs at COMMIT: the outcome is unknown; before it: nothing was written', async () => {
    const commits = driver.transaction(async (tx) => {
      await tx.query(write)
      await server.pause()
    })
    const [committing] = await Promise.allSettled([commits])
    await server.resume()
    assert.deepEqual(outcomeOf(committing), ['UNKNOWN', 'CONNECTION_LOST'])

    await driver.query({ text: 'truncate entries', values: [] })
    const breaks = driver.transaction(async (tx) => {
      await tx.query(write)
      await server.pause()
      await tx.query(write)
    })
    const [breaking] = await Promise.allSettled([breaks])
    await server.resume()
    assert.deepEqual(outcomeOf(breaking), ['UNAVAILABLE', 'CONNECTION_LOST'])
    assert.deepEqual(await driver.query(read), [[0]])
  })

  test('crashes and comes back: reads and writes fail at once as unavailable meanwhile, and then work', async () => {
    await driver.query(write)
    await server.kill()
    const startedAt = performance.now()
    await assert.rejects(driver.query(read), { code: 'UNAVAILABLE' })
    await assert.rejects(driver.query(write), { code: 'UNAVAILABLE', reason: 'SERVER_UNREACHABLE' })
    await assert.rejects(
      driver.transaction((tx) => tx.query(write)),
      { code: 'UNAVAILABLE' },
    )
    await assert.rejects(driver.health(), { code: 'UNAVAILABLE' })
    assert.ok(performance.now() - startedAt < 2_000)
    await server.restart()
    assert.deepEqual(await driver.query(read), [[1]])
    await driver.query(write)
    assert.deepEqual(await driver.query(read), [[2]])
  })

  test('is cut off during a statement: a read is asked again on a new connection, a write is unknown', async () => {
    const proxy = await startProxy(server.url)
    const cut = await openPostgresDriver(proxy.url)
    try {
      const sleep = 'select pg_sleep(0.3)::text'
      const calls = Promise.allSettled([
        cut.query({ text: sleep, values: [], readOnly: true }),
        cut.query({ text: sleep, values: [] }),
      ])
      const sleepers = { text: `select count(*) from pg_stat_activity where wait_event = 'PgSleep'`, values: [] }
      while (Number((await driver.query(sleepers))[0]?.[0]) < 2);
      assert.equal(proxy.cut(), 2)
      const [reading, writing] = await calls
      assert.equal(reading.status, 'fulfilled')
      assert.deepEqual(outcomeOf(writing), ['UNKNOWN', 'CONNECTION_LOST'])
    } finally {
      await cut.close()
      await proxy.stop()
    }
  })

  test('is restarted while many callers are at it: no error but UNAVAILABLE and UNKNOWN, and all connections heal', async () => {
    const many = await openPostgresDriver(server.url, { connectTimeoutMs: 5_000, maxConnections: 5 })
    const codes = new Set<string>()
    const state = { done: false, acknowledged: 0 }
    const callers = Array.from({ length: 20 }, async () => {
      while (!state.done) {
        const [result] = await Promise.allSettled([many.query(write)])
        if (result.status === 'fulfilled') state.acknowledged++
        else codes.add(String(outcomeOf(result)[0]))
      }
    })
    await server.restart()
    await server.kill()
    await server.restart()
    const enough = state.acknowledged + 100
    while (state.acknowledged < enough) await new Promise((resolve) => setImmediate(resolve))
    state.done = true
    await Promise.all(callers)
    assert.deepEqual(
      [...codes].filter((code) => code !== 'UNAVAILABLE' && code !== 'UNKNOWN'),
      [],
    )
    assert.ok(Number((await many.query(read))[0]?.[0]) >= state.acknowledged)
    await many.close()
  })
})

function outcomeOf(result: PromiseSettledResult<unknown>): readonly unknown[] {
  return result.status === 'fulfilled' ? ['answered'] : [result.reason.code, result.reason.reason]
}
