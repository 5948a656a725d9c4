import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import type { SqlDriver } from '../sql/driver.js'

/** What every SqlDriver has to do, run over each of them. */
export function testSqlDriver(
  name: string,
  open: () => Promise<{ readonly driver: SqlDriver; readonly close: () => Promise<void> }>,
): void {
  describe(name, () => {
    let driver: SqlDriver
    let close: () => Promise<void>
    before(async () => {
      ;({ driver, close } = await open())
      await driver.script(`
      create table counters (id text primary key, n bigint not null);
      create table altered (id int)`)
    })
    after(() => close())

    test('returns each column as the seam says', async () => {
      const rows = await driver.query({
        text: `select 1::int2, 2::int4, $1::int8, 1.5::float8, 'NaN'::float8, true, false, null::text, '\\xff00'::bytea, '{"b": 1, "a":2}'::jsonb,
        timestamptz '2026-01-02 03:04:05.678+00', timestamptz '2026-01-02 03:04:05+05:30', timestamptz '1850-06-01 00:00:00.5+00',
        timestamptz '0044-03-15 00:00:00+00', timestamptz '2026-01-02 03:04:05.000001+00', '', $2::text, $3::boolean, $4::text`,
        values: [Number.MAX_SAFE_INTEGER, 'ü\t"\\', false, null],
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
          '',
          'ü\t"\\',
          false,
          null,
        ],
      ])
    })

    test('returns as many rows as there are, of any size', async () => {
      const rows = await driver.query({
        text: `select n, repeat('é', n::int) from generate_series(1, 3000) n`,
        values: [],
      })
      assert.equal(rows.length, 3000)
      assert.deepEqual(rows.at(-1), [3000, 'é'.repeat(3000)])
      const [large] = await driver.query({ text: 'select $1::text', values: ['x'.repeat(3_000_000)] })
      assert.equal(String(large?.[0]).length, 3_000_000)
    })

    test('answers many statements at once, each its own', async () => {
      const answers = await Promise.all(
        Array.from({ length: 200 }, (_, i) =>
          driver.query({ name: `echo_${i % 3}`, text: `select $1::int4, ${i % 3}`, values: [i], readOnly: true }),
        ),
      )
      assert.deepEqual(
        answers.map(([row]) => row),
        Array.from({ length: 200 }, (_, i) => [i, i % 3]),
      )
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
      await assert.rejects(driver.query({ text: `select 9007199254740993::int8`, values: [] }), {
        code: 'OUT_OF_RANGE',
      })
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

    test('says of statements that were asked together why the first failed, and keeps none, also prepared ones', async () => {
      const insert = (id: string) => ({
        name: 'insert-counter',
        text: 'insert into counters values ($1, 1)',
        values: [id],
      })
      await assert.rejects(
        driver.transaction(async (tx) => {
          const all = [
            insert('together-1'),
            { text: 'select 1/0', values: [] },
            insert('together-2'),
            { name: 'never-parsed', text: 'select $1::int4', values: [1] },
          ].map((statement) => tx.query(statement))
          const told = await Promise.allSettled(all)
          const codes = told.map((one) => (one.status === 'rejected' ? one.reason.metadata['sqlState'] : one.status))
          assert.deepEqual(codes, ['fulfilled', '22012', '22012', '22012'])
          await tx.query(insert('together-3'))
        }),
        { code: 'INVALID_ARGUMENT' },
      )
      const text = `select id from counters where id like 'together%'`
      assert.deepEqual(await driver.query({ text, values: [] }), [])
      // What was refused unseen is prepared anew.
      await driver.transaction((tx) => Promise.all([tx.query(insert('together-4')), tx.query(insert('together-5'))]))
      const never = { name: 'never-parsed', text: 'select $1::int4', values: [7] }
      assert.deepEqual(await driver.transaction((tx) => tx.query(never)), [[7]])
      assert.deepEqual(await driver.query({ text: `${text} order by id`, values: [] }), [
        ['together-4'],
        ['together-5'],
      ])
    })

    test('prepares a statement anew now and then, and again if that failed', async () => {
      const count = { name: 'count-of-two', text: `select count(*)::int4 from counters where id = $1`, values: ['-'] }
      const rename = (from: string, to: string) =>
        driver.query({ text: `alter table ${from} rename to ${to}`, values: [] })
      // The 16th use prepares it anew, and so does each one after it until that succeeds.
      for (let n = 1; n < 16; n += 1) assert.deepEqual(await driver.query(count), [[0]])
      await rename('counters', 'counters_away')
      for (let n = 0; n < 2; n += 1) {
        await assert.rejects(driver.query(count), (error) => {
          assert.ok(error instanceof HoldfastError && error.metadata['sqlState'] === '42P01', String(error))
          return true
        })
      }
      await rename('counters_away', 'counters')
      for (let n = 0; n < 40; n += 1) assert.deepEqual(await driver.query(count), [[0]])
      const inRow = await driver.transaction((tx) => Promise.all(Array.from({ length: 40 }, () => tx.query(count))))
      assert.deepEqual(inRow.flat(2), Array(40).fill(0))
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
      assert.deepEqual(await driver.query({ text: `select n from counters where id = 'not awaited'`, values: [] }), [
        [1],
      ])
    })

    test('isolates a transaction from its first statement on', async () => {
      const isolation = { text: `select current_setting('transaction_isolation')`, values: [] }
      assert.deepEqual(await driver.transaction((tx) => tx.query(isolation)), [['serializable']])
      await assert.rejects(
        driver.transaction((tx) => tx.query({ text: 'select 1/0', values: [] })),
        { code: 'INVALID_ARGUMENT' },
      )
      assert.deepEqual(await driver.query(isolation), [['read committed']])
    })

    test('commits what a transaction did as one', async () => {
      const result = await driver.transaction(async (tx) => {
        await tx.query({ text: `insert into counters values ('one', 1)`, values: [] })
        const all = await Promise.all([1, 2].map((n) => tx.query({ text: 'select $1::int4', values: [n] })))
        await tx.query({ text: `insert into counters values ('two', 2)`, values: [] })
        return all
      })
      assert.deepEqual(result, [[[1]], [[2]]])
      const text = `select id, n from counters where id in ('one', 'two') order by n`
      assert.deepEqual(await driver.query({ text, values: [] }), [
        ['one', 1],
        ['two', 2],
      ])
    })

    test('runs transactions that all want the same, none of them lost', async () => {
      await driver.query({ text: `insert into counters values ('contended', 0)`, values: [] })
      const increment = async (): Promise<void> => {
        for (;;) {
          const [result] = await Promise.allSettled([
            driver.transaction(async (tx) => {
              const [row] = await tx.query({ text: `select n from counters where id = 'contended'`, values: [] })
              const values = [Number(row?.[0]) + 1]
              await tx.query({ text: `update counters set n = $1::int8 where id = 'contended'`, values })
            }),
          ])
          if (result.status === 'fulfilled') return
          assert.equal(result.reason.reason, 'TRANSACTION_CONFLICT')
        }
      }
      await Promise.all(Array.from({ length: 8 }, increment))
      const text = `select n from counters where id = 'contended'`
      assert.deepEqual(await driver.query({ text, values: [] }), [[8]])
    })

    test('takes rows by COPY, all or none, and goes on whatever becomes of one', async () => {
      const text = 'copy counters (id, n) from stdin'
      const count = async () =>
        (await driver.query({ text: `select count(*) from counters where id like 'copied%'`, values: [] }))[0]?.[0]
      async function* slowly(): AsyncIterable<Uint8Array> {
        for (let n = 0; n < 3; n += 1) yield Buffer.from(`copied-${n}\t${n}\n`)
      }
      await driver.copyIn(text, slowly())
      // Large enough for the sending to be held up.
      const many = Array.from({ length: 40 }, (_, chunk) =>
        Buffer.from(Array.from({ length: 2_000 }, (__, n) => `copied-${chunk}-${n}\t1\n`).join('')),
      )
      await driver.copyIn(text, many)
      assert.equal(await count(), 80_003)
      const failure = new Error('the source broke')
      async function* broken(): AsyncIterable<Uint8Array> {
        yield Buffer.from('copied-more\t1\n')
        throw failure
      }
      await assert.rejects(driver.copyIn(text, broken()), failure)
      const wrong = [Buffer.from('copied-more\t1\n'), Buffer.from('copied-wrong\tno number\n'), ...many]
      await assert.rejects(driver.copyIn(text, wrong), { code: 'INVALID_ARGUMENT' })
      await assert.rejects(driver.copyIn(text, slowly()), { code: 'ALREADY_EXISTS', reason: 'UNIQUE_VIOLATION' })
      await assert.rejects(driver.copyIn('copy nowhere from stdin', slowly()), { code: 'INTERNAL' })
      assert.equal(await count(), 80_003)
    })

    test('refuses text that the database cannot hold with INVALID_ARGUMENT', async () => {
      await assert.rejects(driver.query({ text: 'select $1::text', values: ['a\0b'] }), { code: 'INVALID_ARGUMENT' })
      await assert.rejects(driver.query({ text: 'select $1::jsonb', values: ['{'] }), { code: 'INVALID_ARGUMENT' })
    })
  })
}
