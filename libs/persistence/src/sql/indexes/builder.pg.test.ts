import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { after, before, describe, it } from 'node:test'
import { postgresForTests, type TestDatabase } from '@holdfast/test-servers'
import type { DocumentStore } from '../../document-store.js'
import type { IndexSpecification } from '../../contract/document.js'
import type { IndexState } from '../../index-report.js'
import { openDocumentStore } from '../../open.js'
import { openPostgresDriver } from '../../postgres/driver.js'
import type { SqlDriver } from '../driver.js'

interface Row {
  readonly n: number
  readonly name: string
}

describe('indexes of collections that have documents already', () => {
  let database: TestDatabase
  let driver: SqlDriver

  before(async () => {
    database = await postgresForTests()
    driver = await openPostgresDriver(database.url)
  })

  after(async () => {
    await driver.close()
    await database[Symbol.asyncDispose]()
  })

  const open = (): Promise<DocumentStore> => openDocumentStore(database.url)
  const run = (text: string) => driver.query({ text, values: [] })
  const declare = (store: DocumentStore, name: string, ...indexes: readonly IndexSpecification[]) =>
    store.collection<Row>(name, { indexes })
  const states = async (store: DocumentStore, name: string): Promise<[string, IndexState['status']][]> =>
    (await store.indexes.report(name)).indexes
      .map(({ on, status }): [string, IndexState['status']] => [on.join(), status])
      .sort(([a], [b]) => (a < b ? -1 : 1))

  /** More than are indexed at once. */
  const filled = async (name: string, rows = 3_000): Promise<void> => {
    await using store = await open()
    await store.collection<Row>(name).put('0', { n: 0, name: 'n0' })
    await run(`insert into holdfast."c_${name}" (tenant, id, version, created_at, updated_at, data)
      select 'default', n::text, 1, now(), now(), jsonb_build_object('n', n, 'name', 'n' || n) from generate_series(1, ${rows - 1}) n`)
  }

  /** A transaction that is open as long as `work` takes. A concurrent build waits for its end. */
  const whileOpen = async (work: () => Promise<void>): Promise<void> => {
    await driver.transaction(async (connection) => {
      await connection.query({ text: 'select count(*) from holdfast.relations', values: [] })
      await work()
    })
  }

  const buildIsWaiting = async (): Promise<void> => {
    for (;;) {
      const [waiting] = await run(`select count(*) from pg_stat_progress_create_index where phase like '%waiting%'`)
      if (Number(waiting?.[0]) > 0) return
      await sleep(20)
    }
  }

  it('are built once, however many processes declare them at the same moment', async () => {
    await filled('crowd')
    const stores = await Promise.all(Array.from({ length: 10 }, open))
    try {
      await Promise.all(
        stores.map(async (store, place) => {
          const rows = declare(
            store,
            'crowd',
            { on: 'name', unique: true },
            { on: ['n', 'name'] },
            { on: 'tags', array: true },
          )
          await rows.put(`by ${place}`, { n: place, name: `by ${place}` })
          await store.indexes.built()
        }),
      )
      for (const store of stores.slice(0, 2)) {
        assert.deepEqual(await states(store, 'crowd'), [
          ['n,name', 'ready'],
          ['name', 'ready'],
          ['tags', 'ready'],
        ])
      }
      const [first] = stores
      assert.ok(first !== undefined)
      assert.equal(await first.collection<Row>('crowd').count(), 3_010)
      await assert.rejects(first.collection<Row>('crowd').put('x', { n: 1, name: 'n1' }), {
        reason: 'UNIQUE_VIOLATION',
      })
    } finally {
      await Promise.all(stores.map((store) => store.close()))
    }
    assert.deepEqual(await run(`select name from holdfast.locks where name like 'index:%'`), [])
  })

  it('are built while writers go on, and other collections are made', async () => {
    await filled('busy')
    await using store = await open()
    await using other = await open()
    await whileOpen(async () => {
      const rows = declare(store, 'busy', { on: 'n' })
      await rows.put('new', { n: -1, name: 'new' })
      await other.collection<Row>('busy').put('newer', { n: -2, name: 'newer' })
      const [, status] = (await states(other, 'busy'))[0] ?? []
      assert.ok(status === 'building' || status === 'missing', status)
      await buildIsWaiting()
      assert.deepEqual(await states(other, 'busy'), [['n', 'building']])
      await declare(other, 'busy-neighbour', { on: 'n', unique: true }).put('x', { n: 1, name: 'x' })
      assert.deepEqual(await states(store, 'busy-neighbour'), [['n', 'ready']])
      assert.equal((await rows.find({ n: -2 }).toArray()).length, 1)
    })
    await store.indexes.built()
    assert.deepEqual(await states(store, 'busy'), [['n', 'ready']])
    assert.deepEqual((await run(`select reltuples > 0 from pg_class where relname = 'c_busy'`))[0], [true])
  })

  it('are dropped and built anew when a build has left an invalid one', async () => {
    await filled('broken')
    {
      await using store = await open()
      await declare(store, 'broken', { on: 'n' }).count()
      await store.indexes.built()
      await run(
        `update pg_index set indisvalid = false where indrelid = 'holdfast.c_broken'::regclass and not indisprimary`,
      )
      assert.deepEqual(await states(store, 'broken'), [['n', 'invalid']])
    }
    await using store = await open()
    await declare(store, 'broken', { on: 'n' }).count()
    await store.indexes.built()
    assert.deepEqual(await states(store, 'broken'), [['n', 'ready']])
  })

  it('are refused if they are unique and documents break them, and leave nothing that forbids anything', async () => {
    await filled('twins')
    await run(`update holdfast.c_twins set data = '{"n": 1, "name": "same"}' where id in ('5', '6')`)
    await using store = await open()
    const rows = declare(store, 'twins', { on: 'name', unique: true })
    await assert.rejects(rows.count(), { code: 'ALREADY_EXISTS', reason: 'UNIQUE_VIOLATION' })
    assert.deepEqual(
      await run(
        `select indexrelid::regclass::text from pg_index where indrelid = 'holdfast.c_twins'::regclass and not indisprimary`,
      ),
      [],
    )
    const [state] = (await store.indexes.report('twins')).indexes
    assert.equal(state?.status, 'missing')
    assert.match(state?.error ?? '', /could not create unique index/)
    await using plain = await open()
    await plain.collection<Row>('twins').put('7', { n: 1, name: 'same' })
    await plain.collection<Row>('twins').deleteMany({ _id: { $in: ['6', '7'] } })
    assert.equal(await rows.count(), 2_998)
    assert.deepEqual(await states(store, 'twins'), [['name', 'ready']])
  })

  it('are left to the next process by one that closes meanwhile', { timeout: 60_000 }, async () => {
    await filled('interrupted')
    await whileOpen(async () => {
      const store = await open()
      await declare(store, 'interrupted', { on: 'n' }).count()
      await buildIsWaiting()
      const before = performance.now()
      const closed = store.close()
      await Promise.race([closed, sleep(10_000)])
      assert.ok(performance.now() - before < 10_000, 'closing waits for the build')
      await closed
    })
    await using store = await open()
    await declare(store, 'interrupted', { on: 'n' }).count()
    await store.indexes.built()
    assert.deepEqual(await states(store, 'interrupted'), [['n', 'ready']])
  })

  it(
    'of a process that died in the middle are built by another when its lease has run out',
    { timeout: 60_000 },
    async () => {
      await filled('orphan')
      await run(
        `insert into holdfast.locks (name, taken_at) values ('index:orphan', clock_timestamp() - interval '14 seconds')`,
      )
      await using store = await open()
      await declare(store, 'orphan', { on: 'name', unique: true }).count()
      assert.deepEqual(await states(store, 'orphan'), [['name', 'ready']])
    },
  )

  it('stay when they are not declared any more, and can be dropped then', async () => {
    {
      await using store = await open()
      await declare(store, 'changed', { on: 'n' }, { on: 'name' }).put('x', { n: 1, name: 'x' })
    }
    await using store = await open()
    await declare(store, 'changed', { on: 'n' }).count()
    assert.deepEqual(await states(store, 'changed'), [
      ['n', 'ready'],
      ['name', 'undeclared'],
    ])
    const { indexes } = await store.indexes.report('changed')
    await store.indexes.drop(indexes.find(({ status }) => status === 'undeclared')?.name ?? '')
    assert.deepEqual(await states(store, 'changed'), [['n', 'ready']])
    // Whoever declares none keeps what others declare.
    await using unaware = await open()
    await unaware.collection<Row>('changed').count()
    assert.deepEqual(await states(unaware, 'changed'), [['n', 'ready']])
  })

  it('are reported as used or unused, and as missing with what would serve', async () => {
    await filled('asked', 30_000)
    const filter = { n: 77 }
    {
      await using store = await open()
      const rows = declare(store, 'asked', { on: 'name' }, { on: 'other' })
      await rows.count()
      await store.indexes.built()
      await rows.find({ name: 'n5' }).toArray()
      for (let time = 0; time < 10; time += 1)
        await rows.find({ ...filter, city: 'x' }, { sort: { at: -1, by: 1 } }).toArray()
      await rows.find({ n: { $gt: 5 } }, { limit: 5 }).toArray()
      await rows.find({ _id: '5' }).toArray()
      const { missing } = await store.indexes.report('asked')
      assert.deepEqual(
        missing.map(({ equality, range, sort, count, suggestion }) => ({ equality, range, sort, count, suggestion })),
        [
          {
            equality: ['city', 'n'],
            range: [],
            sort: { at: -1, by: 1 },
            count: 10,
            suggestion: { on: ['city', 'n', 'at', 'by'], direction: [1, 1, -1, 1] },
          },
          { equality: [], range: ['n'], sort: {}, count: 1, suggestion: { on: 'n' } },
        ],
      )
      const withoutTimes = missing.map((shape) => ({ ...shape, totalMs: 0 }))
      assert.doesNotMatch(JSON.stringify(withoutTimes), /77|"x"/)
    }
    // What was expensive is left for the next process, and goes when the index is there.
    await using store = await open()
    const kept = (await store.indexes.report('asked')).missing
    assert.deepEqual([kept[0]?.equality, kept[0]?.count], [['city', 'n'], 10])
    await driver.query({ text: 'select pg_stat_force_next_flush()', values: [] })
    for (let time = 0; time < 40; time += 1) {
      const { indexes } = await store.indexes.report('asked')
      const unused = indexes.filter((index) => index.unused).map(({ on }) => on.join())
      if (unused.join() === 'other' || time === 39) assert.deepEqual(unused, ['other'])
      if (unused.join() === 'other') break
      await sleep(100)
    }
    await declare(store, 'asked', { on: ['city', 'n', 'at', 'by'], direction: [1, 1, -1, 1] }).count()
    await store.indexes.built()
    assert.deepEqual(
      (await store.indexes.report('asked')).missing.filter(({ equality }) => equality.length > 0),
      [],
    )
  })
})
