import assert from 'node:assert/strict'
import { HoldfastError } from '@holdfast/errors'
import { type TestDatabase, postgresForTests } from '@holdfast/test-servers'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { inspect } from 'node:util'
import { Client } from 'pg'
import type { SqlDriver } from '../sql/driver.js'
import { openPostgresDriver } from './driver.js'

describe('the PostgreSQL driver', () => {
  let database: TestDatabase
  let driver: SqlDriver
  before(async () => {
    database = await postgresForTests()
    driver = await openPostgresDriver(database.url)
    await driver.script(`
      create table counters (id text primary key, n bigint not null);
      create table altered (id int)`)
  })
  after(async () => {
    await driver.close()
    await database[Symbol.asyncDispose]()
  })

  test('returns each column as the seam says, whatever the time zone and date style of the database', async () => {
    const name = new URL(database.url).pathname.slice(1)
    await driver.script(
      `alter database ${name} set timezone = 'Asia/Kolkata'; alter database ${name} set datestyle = 'SQL, DMY'`,
    )
    const other = await openPostgresDriver(database.url)
    try {
      const rows = await other.query({
        text: `select 1::int2, 2::int4, $1::int8, 1.5::float8, 'NaN'::float8, true, false, null::text, '\\xff00'::bytea, '{"b": 1, "a":2}'::jsonb,
          timestamptz '2026-01-02 03:04:05.678+00', timestamptz '2026-01-02 03:04:05+05:30', timestamptz '1850-06-01 00:00:00.5+00',
          timestamptz '0044-03-15 00:00:00+00', timestamptz '2026-01-02 03:04:05.000001+00'`,
        values: [Number.MAX_SAFE_INTEGER],
      })
      assert.deepEqual(rows, [
        [
          1,
          2,
          Number.MAX_SAFE_INTEGER,
          1.5,
          Number.NaN,
          true,
          false,
          null,
          Buffer.from([255, 0]),
          '{"a": 2, "b": 1}',
          Date.UTC(2026, 0, 2, 3, 4, 5, 678),
          Date.UTC(2026, 0, 1, 21, 34, 5),
          Date.UTC(1850, 5, 1, 0, 0, 0, 500),
          Date.parse('0044-03-15T00:00:00Z'),
          Date.UTC(2026, 0, 2, 3, 4, 5),
        ],
      ])
    } finally {
      await other.close()
    }
  })

  test('binds arrays: nulls, none at all, every kind of text, numbers at the limits', async () => {
    const texts = [
      '',
      'plain',
      null,
      'comma, "quote" \\ {brace}',
      'ümläut',
      '日本語',
      '🎉',
      'NULL',
      `${'x'.repeat(70_000)}é`,
    ]
    const integers = [0, 1, -1, null, 4_294_967_295, -4_294_967_296, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]
    const rows = await driver.query({
      text: `select to_json($1::text[])::text, to_json($2::bigint[])::text, to_json($3::boolean[])::text, $4::text[] = '{}', $5::bytea`,
      values: [
        { type: 'text', items: texts },
        { type: 'int8', items: integers },
        { type: 'bool', items: [true, null, false] },
        { type: 'text', items: [] },
        new Uint8Array([0, 1, 254, 255]),
      ],
    })
    const [text, integer, boolean, empty, bytes] = rows[0] ?? []
    assert.deepEqual(JSON.parse(String(text)), texts)
    assert.deepEqual(JSON.parse(String(integer)), integers)
    assert.deepEqual(JSON.parse(String(boolean)), [true, null, false])
    assert.equal(empty, true)
    assert.deepEqual(bytes, Buffer.from([0, 1, 254, 255]))
  })

  test('throws on an integer beyond 2^53 and goes on', async () => {
    await assert.rejects(driver.query({ text: `select 9007199254740993::int8`, values: [] }), { code: 'OUT_OF_RANGE' })
    assert.deepEqual(await driver.query({ text: 'select 1', values: [] }), [[1]])
    await assert.rejects(driver.query({ text: 'select $1::int8[]', values: [{ type: 'int8', items: [2 ** 53] }] }), {
      code: 'INVALID_ARGUMENT',
    })
  })

  test('keeps named statements usable after their first run failed, in Parse as in Execute', async () => {
    const insert = { name: 'once', text: 'insert into counters values ($1, $2::int8)' }
    await driver.query({ ...insert, values: ['once', 1] })
    await assert.rejects(driver.query({ ...insert, values: ['once', 1] }), {
      code: 'ALREADY_EXISTS',
      reason: 'UNIQUE_VIOLATION',
      metadata: { sqlState: '23505', constraint: 'counters_pkey' },
    })
    await driver.query({ ...insert, values: ['twice', 1] })
    const later = { name: 'later', text: 'select count(*) from not_there_yet', values: [] }
    await assert.rejects(driver.query(later), { code: 'INTERNAL', metadata: { sqlState: '42P01' } })
    await driver.script('create table not_there_yet (id int)')
    assert.deepEqual(await driver.query(later), [[0]])
  })

  test('prepares a statement anew when its table was altered', async () => {
    const select = { name: 'select_altered', text: 'select * from altered', values: [], readOnly: true }
    await driver.script('insert into altered values (1)')
    assert.deepEqual(await driver.query(select), [[1]])
    await driver.script(`alter table altered add column name text default 'new'`)
    assert.deepEqual(await driver.query(select), [[1, 'new']])
    await driver.script(`alter table altered add column size int default 5`)
    await assert.rejects(
      driver.transaction((tx) => tx.query(select)),
      { code: 'ABORTED', reason: 'TRANSACTION_CONFLICT' },
    )
    assert.deepEqual(await driver.transaction((tx) => tx.query(select)), [[1, 'new', 5]])
  })

  test('runs a script as one transaction', async () => {
    await assert.rejects(driver.script(`create table half (id int); insert into half values (1); select 1/0`), {
      code: 'INVALID_ARGUMENT',
    })
    assert.deepEqual(await driver.query({ text: `select to_regclass('half')::text`, values: [] }), [[null]])
  })

  test('transactions that depend on each other: one commits, the others are ABORTED as conflicts', async () => {
    await driver.query({ text: `insert into counters values ('shared', 0)`, values: [] })
    const read = { name: 'read', text: `select n from counters where id = 'shared'`, values: [], readOnly: true }
    let readers = 0
    const increment = async (): Promise<void> =>
      driver.transaction(async (tx) => {
        const [row] = await tx.query(read)
        readers++
        while (readers < 4) await delay(1)
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

  test('rolls back when the work throws, also after it swallowed the error of a statement', async () => {
    const failure = new Error('no')
    await assert.rejects(
      driver.transaction(async (tx) => {
        await tx.query({ text: `insert into counters values ('gone', 1)`, values: [] })
        throw failure
      }),
      failure,
    )
    await assert.rejects(
      driver.transaction(async (tx) => {
        await tx.query({ text: `insert into counters values ('gone', 1)`, values: [] })
        await tx.query({ text: 'select 1/0', values: [] }).catch(() => {})
      }),
      { code: 'INVALID_ARGUMENT' },
    )
    assert.deepEqual(await driver.query({ text: `select * from counters where id = 'gone'`, values: [] }), [])
  })

  test('waits for statements that the work did not await, and refuses those after the end', async () => {
    let used: Promise<unknown> = Promise.resolve()
    let late = (): Promise<unknown> => Promise.resolve()
    await driver.transaction(async (tx) => {
      used = tx.query({ text: `insert into counters values ('not awaited', 1)`, values: [] })
      late = () => tx.query({ text: 'select 1', values: [] })
      return Promise.resolve()
    })
    await used
    await assert.rejects(late(), { code: 'FAILED_PRECONDITION', reason: 'TRANSACTION_ENDED' })
    assert.deepEqual(await driver.query({ text: `select n from counters where id = 'not awaited'`, values: [] }), [[1]])
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
      test(`${url.replace(secret, '…')}`, async () => {
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
