import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { testSqlDriver } from '../postgres/sql-driver-suite.js'
import type { SqlDriver } from '../sql/driver.js'
import { openEmbeddedDriver } from './driver.js'
import { Upkeep } from './upkeep.js'

testSqlDriver('the embedded driver as a SqlDriver', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-embedded-'))
  const driver = await openEmbeddedDriver(folder)
  const close = async (): Promise<void> => {
    await driver.close()
    await rm(folder, { recursive: true })
  }
  return { driver, close }
})

describe('the embedded driver', () => {
  let folder: string
  let driver: SqlDriver
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-embedded-'))
    driver = await openEmbeddedDriver(folder, { transactionWaitMs: 300, statementTimeoutMs: 2_000 })
    await driver.script('create table entries (id int primary key, text text)')
  })
  after(async () => {
    await driver.close()
    await rm(folder, { recursive: true })
  })

  test('is durable: fsync reaches the disk and every commit waits for it', async () => {
    const text = `select current_setting('fsync'), current_setting('synchronous_commit'), current_setting('wal_sync_method')`
    assert.deepEqual(await driver.query({ text, values: [] }), [['on', 'on', 'fsync']])
  })

  test('does not hold up the event loop', async () => {
    let turns = 0
    const counting = setInterval(() => turns++, 1)
    try {
      await driver.query({ text: 'select count(*) from generate_series(1, 500000)', values: [] })
    } finally {
      clearInterval(counting)
    }
    assert.ok(turns > 5, `${turns} turns`)
  })

  test('makes others wait while a transaction is open, in order', async () => {
    const order: string[] = []
    const note =
      (name: string) =>
      (result: unknown): void => {
        order.push(name)
        void result
      }
    const count = { text: 'select count(*) from entries', values: [], readOnly: true }
    const first = driver.transaction(async (tx) => {
      await tx.query({ text: `insert into entries values (1, 'a')`, values: [] })
      await tx.query({ text: `insert into entries values (2, 'b')`, values: [] })
    })
    const seen = driver.query(count)
    const second = driver.transaction(async (tx) => {
      await tx.query({ text: 'delete from entries', values: [] })
    })
    const after = driver.query(count)
    await Promise.all([
      first.then(note('first')),
      seen.then(note('seen')),
      second.then(note('second')),
      after.then(note('after')),
    ])
    assert.deepEqual(order, ['first', 'seen', 'second', 'after'])
    assert.deepEqual([await seen, await after], [[[2]], [[0]]])
  })

  test('says so when a transaction callback waits for the store that waits for it', async () => {
    await assert.rejects(
      driver.transaction(async () => {
        await driver.query({ text: 'select 1', values: [] })
      }),
      { code: 'FAILED_PRECONDITION', reason: 'TRANSACTION_OPEN', message: /instead of its tx/ },
    )
    assert.deepEqual(await driver.query({ text: 'select 1', values: [] }), [[1]])
  })

  test('a statement that never ends is ended with its thread, and the database goes on with all that was committed', async () => {
    await driver.query({ text: `insert into entries values (7, 'kept')`, values: [] })
    const endless = 'select count(*) from generate_series(1, 1000000000)'
    const [reading, waiting] = await Promise.allSettled([
      driver.query({ text: endless, values: [], readOnly: true }),
      driver.query({ text: `insert into entries values (8, 'unknown')`, values: [] }),
    ])
    assert.equal(reading.status === 'rejected' && reading.reason.code, 'UNAVAILABLE')
    assert.equal(waiting.status === 'rejected' && waiting.reason.code, 'UNKNOWN')
    const text = 'select text from entries where id = 7'
    assert.deepEqual(await driver.query({ name: 'kept', text, values: [], readOnly: true }), [['kept']])
  })

  test('a transaction whose thread dies writes nothing and does not go on in the next one', async () => {
    const broken = driver.transaction(async (tx) => {
      await tx.query({ text: `insert into entries values (9, 'gone')`, values: [] })
      await tx.query({ text: 'select count(*) from generate_series(1, 1000000000)', values: [] }).catch(() => {})
      await tx.query({ text: `insert into entries values (10, 'gone')`, values: [] })
    })
    await assert.rejects(broken, { code: 'UNAVAILABLE', reason: 'DATABASE_STOPPED' })
    assert.deepEqual(await driver.query({ text: 'select * from entries where id in (9, 10)', values: [] }), [])
  })

  test('makes checkpoints while it is written to, so that the log stays short', async () => {
    await driver.script('alter table entries alter column text set storage external')
    const fill = `insert into entries select g, repeat(md5(g::text), 10000) from generate_series(1000, 1030) g
      on conflict (id) do update set text = excluded.text || 'x'`
    const log = `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), redo_lsn)::float8 from pg_control_checkpoint()`
    let before = 0
    let bytes = 0
    for (let round = 0; bytes >= before; round++) {
      assert.ok(round < 100, `${bytes} bytes of log and no checkpoint`)
      await driver.query({ text: fill, values: [] })
      before = bytes
      bytes = Number((await driver.query({ text: log, values: [], readOnly: true }))[0]?.[0])
    }
  })

  test('vacuums and analyzes the tables that need it', async () => {
    await driver.script('create table "Odd name" (id int primary key, n int) with (fillfactor = 100)')
    await driver.script('insert into "Odd name" select g, 0 from generate_series(1, 1000) g')
    await driver.script('update "Odd name" set n = 1')
    // They are counted once in a second otherwise.
    await driver.query({ text: 'select pg_stat_force_next_flush()::text', values: [] })
    const upkeep = new Upkeep((statement) => driver.query(statement), 0)
    await upkeep.stop()
    const text = `select reltuples::int8, (select count(*) from pg_stats where tablename = relname) > 0, n_dead_tup
      from pg_class join pg_stat_user_tables using (relname) where relname = 'Odd name'`
    await upkeep.look()
    assert.deepEqual(await driver.query({ text, values: [] }), [[1000, true, 0]])
  })

  test('analyzes a table that has doubled without waiting for the next vacuum', async () => {
    const upkeep = new Upkeep((statement) => driver.query(statement), 3_600_000)
    await upkeep.stop()
    await upkeep.look()
    await driver.script('create table growing (id int primary key)')
    const known = async (count: number): Promise<unknown> => {
      await driver.script(`insert into growing select g from generate_series(${count} - 999, ${count}) g`)
      await driver.query({ text: 'select pg_stat_force_next_flush()::text', values: [] })
      await upkeep.look()
      const text = `select reltuples::int8 from pg_class where relname = 'growing'`
      return (await driver.query({ text, values: [] }))[0]?.[0]
    }
    const seen: unknown[] = []
    for (const count of [1_000, 2_000, 3_000]) seen.push(await known(count))
    assert.deepEqual(seen, [1_000, 1_000, 3_000])
  })

  test('tells what it is', async () => {
    const { server, latencyMs } = await driver.health()
    assert.match(server, /^PGlite \d+\.\d+\.\d+ \(PostgreSQL \d+\.\d+\)$/)
    assert.ok(latencyMs > 0)
  })
})

test('a closed embedded driver refuses, lets go of its folder, and may be closed again', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-embedded-'))
  const driver = await openEmbeddedDriver(folder)
  await driver.script('create table entries (id int)')
  const write = { name: 'write', text: 'insert into entries values (1)', values: [] }
  const answers = [driver.query(write), driver.transaction((tx) => tx.query(write)), driver.query(write)]
  await driver.close()
  await driver.close()
  assert.equal((await Promise.allSettled(answers)).filter(({ status }) => status === 'fulfilled').length, 3)
  await assert.rejects(driver.query(write), { code: 'FAILED_PRECONDITION', reason: 'STORE_CLOSED' })
  await assert.rejects(
    driver.transaction((tx) => tx.query(write)),
    { code: 'FAILED_PRECONDITION' },
  )
  const again = await openEmbeddedDriver(folder)
  assert.deepEqual(await again.query({ text: 'select count(*) from entries', values: [] }), [[3]])
  await again.close()
  await rm(folder, { recursive: true })
})
