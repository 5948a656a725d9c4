import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { HoldfastError } from '@holdfast/errors'
import { type TestDatabase, postgresForTests } from '@holdfast/test-servers'
import type { SqlDriver } from '../sql/driver.js'
import { openPostgresDriver } from './driver.js'

const gone = new HoldfastError('DEADLINE_EXCEEDED', 'The caller has gone')
const slow = { text: 'select pg_sleep(20)', values: [], readOnly: true }

describe('a read whose caller has gone', () => {
  let database: TestDatabase
  let driver: SqlDriver
  before(async () => {
    database = await postgresForTests()
    driver = await openPostgresDriver(database.url, { maxConnections: 2 })
  })
  after(async () => {
    await driver.close()
    await database[Symbol.asyncDispose]()
  })

  const sleeping = async (): Promise<number> => {
    const text = `select count(*) from pg_stat_activity where query like '%pg_sleep(20)%' and state = 'active' and pid <> pg_backend_pid()`
    const [row] = await driver.query({ text, values: [], readOnly: true })
    return Number(row?.[0])
  }

  const begun = async (statements: number): Promise<void> => {
    while ((await sleeping()) < statements) await delay(5)
  }

  it('ends at the server, with the reason of the signal, and its connection serves on', async () => {
    const control = new AbortController()
    const read = driver.query({ ...slow, signal: control.signal })
    const outcome = assert.rejects(read, gone)
    await begun(1)
    control.abort(gone)
    await outcome
    assert.equal(await sleeping(), 0)
    // More than there are connections, so that the one is among those that are used.
    const rows = await Promise.all(
      Array.from({ length: 8 }, (_, n) => driver.query({ text: 'select $1::int', values: [n], readOnly: true })),
    )
    assert.deepEqual(
      rows.map(([row]) => row?.[0]),
      [0, 1, 2, 3, 4, 5, 6, 7],
    )
    assert.equal(driver.connections?.()?.used, 0)
  })

  it('gives up waiting for a connection, and others get theirs', async () => {
    const holders = new AbortController()
    const held = [1, 2].map(() => driver.query({ ...slow, signal: holders.signal }))
    const ended = Promise.all(held.map((one) => assert.rejects(one, gone)))
    const control = new AbortController()
    const waiting = driver.query({ text: 'select 1', values: [], readOnly: true, signal: control.signal })
    const next = driver.query({ text: 'select 2', values: [], readOnly: true })
    assert.equal(driver.connections?.()?.waiting, 2)
    control.abort(gone)
    await assert.rejects(waiting, gone)
    assert.equal(driver.connections?.()?.waiting, 1)
    // They may not have got to the server yet; what is asked for is that both end.
    holders.abort(gone)
    await ended
    assert.deepEqual(await next, [[2]])
  })

  it('is not begun when the signal has aborted before', async () => {
    await assert.rejects(driver.query({ ...slow, signal: AbortSignal.abort(gone) }), gone)
    assert.equal(await sleeping(), 0)
  })

  it('never ends a statement that comes after it on the same connection', async () => {
    for (let round = 0; round < 30; round += 1) {
      const control = new AbortController()
      const short = driver.query({ text: 'select pg_sleep(0.002)', values: [], readOnly: true, signal: control.signal })
      const outcome = short.then(
        () => 'read',
        (error: unknown) => error,
      )
      await delay(round % 5)
      control.abort(gone)
      const after = driver.transaction(async (tx) => {
        await tx.query({ text: 'select pg_sleep(0.003)', values: [] })
        return tx.query({ text: 'select 7', values: [] })
      })
      assert.ok([gone, 'read'].includes((await outcome) as never))
      assert.deepEqual(await after, [[7]])
    }
  })
})
