import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { Client } from 'pg'
import { postgresForTests, type PostgresServer, startPostgres, startProxy } from '@holdfast/test-servers'
import { assertVersionsGrow, history, rebuilt, shape, take, versionsOf } from '../conformance/feed.js'
import type { DocumentStore, TenantStore } from '../document-store.js'
import type { Collection } from '../contract/scope.js'
import { LogHub } from '../log-hub.js'
import { openDocumentStore } from '../open.js'
import { openPostgresDriver } from '../postgres/driver.js'
import { openSqlBackend } from '../sql/sql-backend.js'
import type { FeedEvent } from './change-feed.js'
import { ChangeFeeds } from './change-feeds.js'

interface Numbered {
  readonly n: number
}

const fed = (scope: Pick<TenantStore, 'collection'>): Collection<Numbered> =>
  scope.collection<Numbered>('fed', { feed: true })

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index)

/** A server that has just lost many connections may have too many for a moment. */
const passing = ['UNAVAILABLE', 'UNKNOWN', 'ABORTED', 'RESOURCE_EXHAUSTED', 'DEADLINE_EXCEEDED']

const patient = { maxAttempts: 1_000, timeoutMs: 60_000 }

/** Watches from the start until the document `end` is written, again and again behind the last event when the watch fails or,
 *  if `breakAfter` says so, by itself. */
async function watchToEnd(
  docs: Collection<Numbered>,
  breakAfter: (seen: number) => number = () => Infinity,
): Promise<FeedEvent<Numbered>[]> {
  const seen: FeedEvent<Numbered>[] = []
  for (;;) {
    const last = seen.at(-1)
    let left = breakAfter(seen.length)
    try {
      for await (const event of docs.watch(last === undefined ? { from: 'start' } : { after: last.position })) {
        seen.push(event)
        if (event.id === 'end') return seen
        if ((left -= 1) <= 0) break
      }
    } catch (error) {
      assert.ok(error instanceof HoldfastError && passing.includes(error.code), String(error))
    }
  }
}

async function assertWholeHistory(docs: Collection<Numbered>, seen: readonly FeedEvent<Numbered>[]): Promise<void> {
  const all = await history(docs)
  assert.deepEqual(
    seen.map(({ position }) => position),
    all.map(({ position }) => position),
  )
  assert.deepEqual(rebuilt(seen), await versionsOf(docs))
  assertVersionsGrow(seen)
}

describe('a change feed over several processes', { timeout: 240_000 }, () => {
  let server: PostgresServer
  let url: string
  let stores: DocumentStore[]

  before(async () => {
    server = await startPostgres()
    url = await server.createDatabase()
    stores = []
    for (const _ of upTo(3)) stores.push(await openDocumentStore(url, { maxConnections: 8 }))
  })
  after(async () => {
    await Promise.all(stores.map((store) => store.close()))
    await server.stop()
  })

  const tenantsOf = (id: string) => stores.map((store) => store.tenant(id))

  it('is whole and in order for every watcher beside 32 writers in three stores', async () => {
    const tenants = tenantsOf('storm')
    const watchers = tenants.map((tenant, index) => watchToEnd(fed(tenant), (seen) => 1 + ((seen * (index + 3)) % 29)))
    await Promise.all(
      upTo(32).map(async (writer) => {
        const tenant = tenants[writer % 3] ?? assert.fail()
        const docs = fed(tenant)
        for (const n of upTo(8)) {
          const id = `d${(writer * 5 + n * 7) % 17}`
          if (n % 3 === 0) {
            await tenant.transaction(async (tx) => {
              await fed(tx).updateOne(id, { $inc: { n: 1 } }, { upsert: true })
              await fed(tx).put(`${id}-copy`, { n })
            }, patient)
          } else if (n % 5 === 1) await docs.deleteOne(id)
          else await docs.put(id, { n })
        }
      }),
    )
    await fed(tenants[0] ?? assert.fail()).put('end', { n: 0 })
    for (const seen of await Promise.all(watchers)) await assertWholeHistory(fed(tenants[1] ?? assert.fail()), seen)
  })

  it('has transactions in the order of their commits, not of their beginnings', async () => {
    const [a, b, c] = tenantsOf('commits')
    const docs = fed(c ?? assert.fail())
    await docs.put('first', { n: 0 })
    const gate = { open: () => {} }
    const mayEnd = new Promise<void>((resolve) => (gate.open = resolve))
    const slow = a?.transaction(async (tx) => {
      await fed(tx).put('slow', { n: 1 })
      await mayEnd
    })
    await b?.transaction(async (tx) => void (await fed(tx).put('quick', { n: 1 })))
    const before = await take(docs.watch({ from: 'start' }), 2)
    assert.deepEqual(before.map(shape), ['write first 1', 'write quick 1'])
    gate.open()
    await slow
    assert.deepEqual((await take(docs.watch({ after: before[1]?.position ?? '' }), 1)).map(shape), ['write slow 1'])
  })

  it('does not make transactions on different documents fail for each other', async () => {
    const tenants = tenantsOf('disjoint')
    await fed(tenants[0] ?? assert.fail()).put('warm', { n: 0 })
    const writing = { done: false }
    const lone = (async () => {
      for (let n = 0; !writing.done; n += 1) await fed(tenants[2] ?? assert.fail()).put('busy', { n })
    })()
    let runs = 0
    await Promise.all(
      upTo(8).map(async (writer) => {
        for (const n of upTo(5)) {
          await tenants[writer % 2]?.transaction(async (tx) => {
            runs += 1
            const docs = fed(tx)
            assert.equal((await docs.get(`t${writer}`))?.data.n, n === 0 ? undefined : n - 1)
            await new Promise((resolve) => setTimeout(resolve, 5))
            await docs.put(`t${writer}`, { n })
          }, patient)
        }
      }),
    )
    writing.done = true
    await lone
    // Reads and writes of eight documents on one index page may still conflict now and then; the feed's row never.
    assert.ok(runs < 120, `${runs} runs for 40 transactions`)
  })

  it('loses and repeats nothing through cut connections and a crash of the server', async () => {
    const proxy = await startProxy(url)
    const cut = await openDocumentStore(proxy.url, { maxConnections: 8 })
    try {
      const docs = fed(cut.tenant('cuts'))
      await docs.put('first', { n: 0 })
      const watching = watchToEnd(docs)
      const near = watchToEnd(fed(stores[1]?.tenant('cuts') ?? assert.fail()))
      const writing = { done: false }
      const writers = upTo(16).map(async (writer) => {
        for (const n of upTo(24)) {
          const tenant = cut.tenant('cuts')
          const id = `d${(writer + n * 3) % 13}`
          const write = () =>
            n % 4 === 0
              ? tenant.transaction(async (tx) => void (await fed(tx).put(id, { n })), patient)
              : n % 4 === 1
                ? fed(tenant).deleteOne(id)
                : fed(tenant).put(id, { n })
          // What came of a failed write does not matter: the feed must tell what the table has.
          await write().catch((error: unknown) => {
            assert.ok(error instanceof HoldfastError, String(error))
            assert.ok(passing.includes(error.code), String(error))
          })
          await new Promise((resolve) => setTimeout(resolve, 5))
        }
      })
      const cutting = (async () => {
        for (let round = 0; !writing.done; round += 1) {
          await new Promise((resolve) => setTimeout(resolve, 60))
          proxy.cut()
          if (round !== 2) continue
          await server.kill()
          await server.restart()
        }
      })()
      const written = await Promise.allSettled(writers)
      writing.done = true
      await cutting
      for (const outcome of written) if (outcome.status === 'rejected') throw outcome.reason
      for (;;) {
        const [end] = await Promise.allSettled([docs.put('end', { n: 0 })])
        if (end.status === 'fulfilled') break
      }
      // The end may have been written more than once.
      const all = await history(fed(stores[2]?.tenant('cuts') ?? assert.fail()))
      const first = all.findIndex(({ id }) => id === 'end')
      const expected = all.slice(0, first + 1).map(({ position }) => position)
      for (const seen of await Promise.all([watching, near])) {
        assert.deepEqual(
          seen.map(({ position }) => position),
          expected,
        )
      }
      assert.deepEqual(rebuilt(all), await versionsOf(fed(stores[2]?.tenant('cuts') ?? assert.fail())))
      assertVersionsGrow(all)
    } finally {
      await cut.close()
      await proxy.stop()
    }
  })

  it('has thousands of changes of one transaction, and is read to its end from anywhere', async () => {
    const tenant = stores[0]?.tenant('thousands') ?? assert.fail()
    const docs = fed(tenant)
    await docs.put('first', { n: 0 })
    const ids = upTo(5_000).map((n) => `d${n}`)
    await tenant.transaction(async (tx) => {
      await fed(tx).insertMany(ids.map((id, n) => ({ id, data: { n } })))
      await fed(tx).deleteOne('d0')
    })
    await docs.put('last', { n: 0 })
    const all = await history(docs)
    assert.equal(all.length, 5_003)
    assert.deepEqual(all.slice(-2).map(shape), ['delete d0 1', 'write last 1'])
    assert.equal(new Set(all.map(({ position }) => position)).size, all.length)
    assert.deepEqual(new Set(all.slice(1, -2).map(({ id }) => id)), new Set(ids))
    for (const from of [0, 1, 99, 100, 101, 3_999, 4_000, 4_001, 4_096, 5_000]) {
      const seen: FeedEvent<Numbered>[] = await take(
        docs.watch({ after: all[from]?.position ?? '' }),
        all.length - 1 - from,
      )
      assert.deepEqual(seen.map(shape), all.slice(from + 1).map(shape))
    }
  })

  it('is kept on by programs that do not declare it', async () => {
    const docs = stores[0]?.tenant('undeclared').collection<Numbered>('kept', { feed: true })
    await docs?.put('a', { n: 1 })
    await using later = await openDocumentStore(url)
    const tenant = later.tenant('undeclared')
    await tenant.collection('kept').put('b', { n: 2 })
    await tenant.transaction((tx) => tx.collection('kept').put('c', { n: 3 }))
    assert.deepEqual((await history(tenant.collection('kept'))).map(shape), ['write a 1', 'write b 1', 'write c 1'])
  })

  it('gives hints only while somebody listens, and no more than 100 a second', async () => {
    const database = await server.createDatabase()
    await using store = await openDocumentStore(database)
    const client = new Client(database)
    await client.connect()
    try {
      let hints = 0
      client.on('notification', () => (hints += 1))
      await client.query('listen holdfast')
      const write = async (ms: number) => {
        for (const end = performance.now() + ms; performance.now() < end;) {
          await Promise.all([fed(store).put('x', { n: 0 }), store.log('l').append('s', [{ data: 0 }])])
        }
      }
      await write(500)
      assert.equal(hints, 0)
      await client.query(`insert into holdfast.listeners values ('somebody', now() + interval '1 hour')`)
      await write(1_500)
      await client.query('select 1')
      assert.ok(hints > 2 && hints <= 152, `${hints} hints`)
    } finally {
      await client.end()
    }
  })

  it('wakes who waits in other processes without their looking', async () => {
    const [here, there] = stores
    await here?.log('hinted').append('s', [{ data: 0 }])
    await fed(here ?? assert.fail()).put('hinted', { n: 0 })
    const backend = openSqlBackend(await openPostgresDriver(url))
    const hints = backend.hints ?? assert.fail()
    const never = { fastestPollMs: 3_600_000, slowestPollMs: 3_600_000 }
    const logs = new LogHub(backend, { ...never, hints: { of: hints, topics: 'log:' } })
    const feeds = new ChangeFeeds(backend, never)
    try {
      const entries = logs.watch('hinted', { tenant: 'default', stream: 's' })
      const changes = feeds.hub.watch('fed', { tenant: 'default', stream: 'feed' })
      const heard = Promise.all([entries.after(1), changes.after(1)])
      const state = { heard: false }
      void heard.then(() => (state.heard = true))
      // The writers notice within a second that somebody listens now.
      while (!state.heard) {
        await there?.log('hinted').append('s', [{ data: 1 }])
        await fed(here ?? assert.fail()).put('hinted', { n: 1 })
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      assert.deepEqual(await heard, [[], []])
    } finally {
      logs.close()
      await feeds.close()
      await backend.close()
    }
  })
})

describe('consumers of changes over several processes', { timeout: 120_000 }, () => {
  let database: Awaited<ReturnType<typeof postgresForTests>>
  let url: string

  before(async () => {
    database = await postgresForTests()
    url = database.url
  })
  after(() => database[Symbol.asyncDispose]())

  it('hand over when the connections of the active one are cut off, and the results stay exact', async () => {
    await using writer = await openDocumentStore(url)
    const proxy = await startProxy(url)
    const cut = await openDocumentStore(proxy.url, { statementTimeoutMs: 1_000, connectTimeoutMs: 500 })
    try {
      const docs = fed(writer)
      const totals = (scope: Pick<TenantStore, 'collection'>) => scope.collection<{ sum: number }>('totals')
      const summing = (store: DocumentStore) =>
        fed(store).consumer(
          'sum',
          async (events, tx) => {
            for (const { document } of events) {
              await totals(tx).updateOne('total', { $inc: { sum: document?.data.n ?? 0 } }, { upsert: true })
            }
          },
          { transactional: true, batch: 5, leaseMs: 600 },
        )
      const first = summing(cut)
      const sum = async () => (await totals(writer).get('total'))?.data.sum ?? 0
      const until = async (expected: number) => {
        while ((await sum()) !== expected) await new Promise((resolve) => setTimeout(resolve, 20))
      }
      for (const n of upTo(10)) await docs.put(`a${n}`, { n })
      await until(45)
      assert.ok(first.active)
      await using second = summing(writer)
      proxy.cut()
      for (const n of upTo(10)) await docs.put(`b${n}`, { n })
      await until(90)
      await proxy.stop()
      for (const n of upTo(10)) await docs.put(`c${n}`, { n })
      await until(135)
      assert.ok(second.active)
      await first.stop()
      assert.equal(await sum(), 135)
    } finally {
      await cut.close()
    }
  })
})
