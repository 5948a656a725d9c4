import assert from 'node:assert/strict'
import { HoldfastError } from '@holdfast/errors'
import { type TestDatabase, postgresForTests } from '@holdfast/test-servers'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { inspect } from 'node:util'
import { Client } from 'pg'
import type { SqlDriver } from '../sql/driver.js'
import { openPostgresDriver } from './driver.js'
import { testSqlDriver } from './sql-driver-suite.js'

testSqlDriver('the PostgreSQL driver as a SqlDriver', async () => {
  const database = await postgresForTests()
  const driver = await openPostgresDriver(database.url)
  const close = async (): Promise<void> => {
    await driver.close()
    await database[Symbol.asyncDispose]()
  }
  return { driver, close }
})

describe('the PostgreSQL driver', () => {
  let database: TestDatabase
  let driver: SqlDriver
  before(async () => {
    database = await postgresForTests()
    driver = await openPostgresDriver(database.url)
    await driver.script('create table counters (id text primary key, n bigint not null)')
  })
  after(async () => {
    await driver.close()
    await database[Symbol.asyncDispose]()
  })

  test('reads times whatever the time zone and the date style of the database', async () => {
    const name = new URL(database.url).pathname.slice(1)
    await driver.script(
      `alter database ${name} set timezone = 'Asia/Kolkata'; alter database ${name} set datestyle = 'SQL, DMY'`,
    )
    const other = await openPostgresDriver(database.url)
    try {
      const rows = await other.query({ text: `select timestamptz '2026-01-02 03:04:05.678+00'`, values: [] })
      assert.deepEqual(rows, [[Date.UTC(2026, 0, 2, 3, 4, 5, 678)]])
    } finally {
      await other.close()
    }
  })

  test('transactions that depend on each other: one commits, the others are ABORTED as conflicts', async () => {
    await driver.query({ text: `insert into counters values ('shared', 0)`, values: [] })
    const read = { name: 'read', text: `select n from counters where id = 'shared'`, values: [], readOnly: true }
    const seen = { readers: 0 }
    const increment = async (): Promise<void> =>
      driver.transaction(async (tx) => {
        const [row] = await tx.query(read)
        seen.readers++
        while (seen.readers < 4) await delay(1)
        await tx.query({
          name: 'write',
          text: `update counters set n = $1::int8 where id = 'shared'`,
          values: [Number(row?.[0]) + 1],
        })
      })
    const results = await Promise.allSettled(Array.from({ length: 4 }, increment))
    const failures = results
      .filter((result) => result.status === 'rejected')
      .map(({ reason }) => [reason.code, reason.reason])
    assert.deepEqual(
      failures,
      Array.from({ length: 3 }, () => ['ABORTED', 'TRANSACTION_CONFLICT']),
    )
    assert.deepEqual(await driver.query(read), [[1]])
  })

  test('ends a statement that takes too long and keeps the connection', async () => {
    const impatient = await openPostgresDriver(database.url, { statementTimeoutMs: 150, maxConnections: 1 })
    try {
      const backend = { text: 'select pg_backend_pid()', values: [], readOnly: true }
      const before = await impatient.query(backend)
      await assert.rejects(impatient.query({ text: 'select pg_sleep(5)', values: [] }), {
        code: 'DEADLINE_EXCEEDED',
        reason: 'STATEMENT_TIMEOUT',
      })
      assert.deepEqual(await impatient.query(backend), before)
    } finally {
      await impatient.close()
    }
  })

  test('makes callers beyond the limit of connections wait their turn, for a limited time', async () => {
    const narrow = await openPostgresDriver(database.url, { statementTimeoutMs: 300, maxConnections: 1 })
    try {
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) => narrow.query({ text: 'select $1::int4', values: [i] })),
      )
      assert.deepEqual(
        answers.map(([row]) => row?.[0]),
        Array.from({ length: 20 }, (_, i) => i),
      )
      let release = (): void => {}
      const held = narrow.transaction(
        () =>
          new Promise<void>((resolve) => {
            release = resolve
          }),
      )
      await assert.rejects(narrow.query({ text: 'select 1', values: [] }), {
        code: 'UNAVAILABLE',
        reason: 'CONNECTIONS_BUSY',
      })
      release()
      await held
    } finally {
      await narrow.close()
    }
  })

  test('closes after what is under way, and then refuses', async () => {
    const closing = await openPostgresDriver(database.url, { maxConnections: 2 })
    const answers = Array.from({ length: 6 }, () => closing.query({ text: 'select pg_sleep(0.05)::text', values: [] }))
    await closing.close()
    await closing.close()
    assert.equal((await Promise.all(answers)).length, 6)
    await assert.rejects(closing.query({ text: 'select 1', values: [] }), {
      code: 'FAILED_PRECONDITION',
      reason: 'STORE_CLOSED',
    })
  })

  test('tells what the server is', async () => {
    const { server, latencyMs } = await driver.health()
    assert.match(server, /^PostgreSQL \d+\.\d+$/)
    assert.ok(latencyMs > 0 && latencyMs < 5_000)
  })

  test('calls a statement unavailable, not unknown, when the server says that it ended the session before it was done', async () => {
    const single = await openPostgresDriver(database.url, { maxConnections: 1 })
    try {
      const sleep = 'select pg_sleep(5)::text, pg_backend_pid()'
      const terminated = terminateWhenSleeping(database.url)
      await assert.rejects(single.query({ text: sleep, values: [] }), {
        code: 'UNAVAILABLE',
        reason: 'SERVER_SHUT_DOWN',
      })
      await terminated
      assert.deepEqual(await single.query({ text: 'select 1', values: [] }), [[1]])
    } finally {
      await single.close()
    }
  })

  test('a database that is not UTF-8 is refused', async () => {
    const admin = new Client({ connectionString: database.url })
    await admin.connect()
    const name = `${new URL(database.url).pathname.slice(1)}_latin1`
    await admin.query(`create database ${name} encoding 'LATIN1' locale_provider libc locale 'C' template template0`)
    try {
      const url = new URL(database.url)
      url.pathname = `/${name}`
      await assert.rejects(openPostgresDriver(url.href), { code: 'FAILED_PRECONDITION', reason: 'DATABASE_NOT_UTF8' })
    } finally {
      await admin.query(`drop database ${name} with (force)`)
      await admin.end()
    }
  })

  describe('says what is wrong with the connection string, without the password in it', () => {
    const secret = 'S3cr3t-%41-pass'
    const cases = [
      ['a wrong password', (url: URL) => (url.password = secret), 'UNAUTHENTICATED', /refused the login of postgres/],
      [
        'an unknown user',
        (url: URL) => ([url.username, url.password] = ['nobody', secret]),
        'UNAUTHENTICATED',
        /nobody/,
      ],
      ['no password', (url: URL) => (url.password = ''), 'UNAUTHENTICATED', /password/],
      [
        'an unknown database',
        (url: URL) => (url.pathname = '/nowhere'),
        'FAILED_PRECONDITION',
        /has no database nowhere/,
      ],
      [
        'a port where nobody listens',
        (url: URL) => ([url.port, url.password] = ['1', secret]),
        'UNAVAILABLE',
        /127\.0\.0\.1:1 cannot be reached/,
      ],
      [
        'a host that does not exist',
        (url: URL) => ([url.hostname, url.password] = ['host.invalid', secret]),
        'UNAVAILABLE',
        /host\.invalid/,
      ],
      [
        'a server without TLS',
        (url: URL) => url.searchParams.set('sslmode', 'verify-full'),
        'FAILED_PRECONDITION',
        /sslmode/,
      ],
    ] as const
    for (const [name, change, code, message] of cases) {
      test(name, async () => {
        const url = new URL(database.url)
        change(url)
        const error = await openPostgresDriver(url.href, { connectTimeoutMs: 3_000 }).then(
          () => assert.fail('opened'),
          (error: unknown) => error,
        )
        assert.ok(error instanceof HoldfastError)
        assert.equal(error.code, code)
        assert.match(error.message, message)
        for (const text of [secret, decodeURIComponent(secret), new URL(database.url).password]) {
          assert.ok(!inspect(error, { depth: 10, showHidden: true }).includes(text))
        }
      })
    }

    for (const url of [
      `postgres://user:${secret}@host:port/database`,
      `mysql://user:${secret}@host/database`,
      secret,
    ]) {
      test(url.replace(secret, '…'), async () => {
        const error = await openPostgresDriver(url).then(
          () => assert.fail('opened'),
          (error: unknown) => error,
        )
        assert.ok(error instanceof HoldfastError)
        assert.equal(error.code, 'INVALID_ARGUMENT')
        assert.equal(error.fields[0]?.field, 'url')
        assert.ok(!inspect(error, { depth: 10, showHidden: true }).includes(secret))
      })
    }
  })
})

async function terminateWhenSleeping(url: string): Promise<void> {
  const admin = new Client({ connectionString: url })
  await admin.connect()
  const text = `select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and wait_event = 'PgSleep'`
  while ((await admin.query(text)).rowCount === 0) await delay(10)
  await admin.end()
}
