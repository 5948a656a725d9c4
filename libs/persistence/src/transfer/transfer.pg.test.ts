import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { postgresForTests, type TestDatabase } from '@holdfast/test-servers'
import { collect, upTo } from '../conformance/suite.js'
import type { DocumentStore } from '../document-store.js'
import { openDocumentStore } from '../open.js'

describe('moving everything', () => {
  let database: TestDatabase
  let other: TestDatabase
  let folder: string

  before(async () => {
    database = await postgresForTests()
    other = await postgresForTests()
    folder = await mkdtemp(join(tmpdir(), 'holdfast-transfer-'))
  })

  after(async () => {
    await database[Symbol.asyncDispose]()
    await other[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })

  it('goes from each kind of store to the next, with all tenants, and comes back byte-identical', async () => {
    await using origin = await openDocumentStore('memory:')
    for (const id of ['acme', 'zeta', 'ü 😀', '\uffee']) {
      const tenant = origin.tenant(id)
      await tenant
        .collection('notes', { indexes: [{ on: ['n', 'a.b'], unique: true }] })
        .load(upTo(50).map((n) => ({ id: `${n} ü`, data: { n, text: 'NUL \0', number: n * 1e19 + 0.1 } })))
      await tenant.log('events').append(
        'stream 😀',
        upTo(30).map((n) => ({ key: `k${n}`, data: { n } })),
      )
      await tenant.log('events').fork('stream 😀', 10, 'a branch')
      await tenant.log('events').amend('stream 😀', 3, { amended: true })
      const { hash } = await tenant.blobs.put(Buffer.alloc(600_000, id))
      await tenant.blobs.link(hash, 'somebody')
    }
    await origin.collection('empty').count()
    await origin.log('empty').head('none')
    const lines = await collect(origin.export())
    const urls = [database.url, `embedded:${join(folder, 'embedded')}`, other.url, 'memory:']
    let passed: AsyncIterable<string> | Iterable<string> = lines
    const opened: DocumentStore[] = []
    try {
      for (const url of urls) {
        const store = await openDocumentStore(url, { sweepIntervalMs: 0 })
        opened.push(store)
        await store.import(passed)
        passed = store.export()
      }
      const last = await collect(opened.at(-1)?.export() ?? assert.fail('It was not opened'))
      assert.ok(last.join('') === lines.join(''), 'It came back otherwise')
      // The amended entry is still known by what it was.
      const repeated = await opened[2]
        ?.tenant('acme')
        .log('events')
        .append('stream 😀', [{ key: 'k2', data: { n: 2 } }])
      assert.deepEqual(repeated?.[0]?.data, { amended: true })
    } finally {
      for (const store of opened) await store.close()
    }
  })

  it('is of one moment, whatever is written meanwhile', async () => {
    await using store = await openDocumentStore(database.url)
    const tenant = store.tenant('moment')
    const [first, last] = [tenant.collection('a-first'), tenant.collection('z-last')]
    await first.load(upTo(3_000).map((n) => ({ id: `f-${n}`, data: { n } })))
    await last.put('counter', { n: 0 })
    let isOver = false
    const writing = (async () => {
      for (let n = 1; !isOver; n += 1) {
        await tenant.transaction(async (tx) => {
          await tx.collection('a-first').put('zz-counter', { n })
          await tx.collection('z-last').put('counter', { n })
        })
      }
    })()
    try {
      for (const _ of upTo(5)) {
        const lines = await collect(store.export({ tenant: 'moment' }))
        const counters = lines.flatMap((line) => /counter".*"data":\{"n":(\d+)\}/.exec(line)?.[1] ?? [])
        assert.ok(counters.length === 1 || counters[0] === counters[1], `Two moments: ${counters.join(' and ')}`)
      }
    } finally {
      isOver = true
      await writing
    }
  })

  it('records loads and imports in feeds', async () => {
    await using store = await openDocumentStore(database.url)
    await using source = await openDocumentStore('memory:')
    await source.tenant('fed').collection('fed').put('imported', {})
    const collection = store.tenant('fed').collection('fed', { feed: true })
    const start = await collection.feedPosition()
    await collection.load(upTo(3).map((n) => ({ id: `loaded-${n}`, data: {} })))
    await store.import(source.export())
    const seen: string[] = []
    for await (const { id } of collection.watch({ after: start, signal: AbortSignal.timeout(60_000) })) {
      seen.push(id)
      if (seen.length === 4) break
    }
    assert.deepEqual(seen, ['loaded-0', 'loaded-1', 'loaded-2', 'imported'])
  })

  it('makes each batch of a load whole or nothing, also when a later one fails', async () => {
    await using store = await openDocumentStore(database.url)
    const collection = store.tenant('batches').collection('batches')
    await collection.put('b-45000', {})
    const items = upTo(50_000).map((n) => ({ id: `b-${n}`, data: {} }))
    await assert.rejects(collection.load(items), {
      code: 'ALREADY_EXISTS',
      metadata: { id: 'b-45000', loaded: '40000' },
    })
    assert.equal(await collection.count(), 40_001)
    assert.deepEqual(await collection.load(items, { onConflict: 'skip' }), { loaded: 9_999, skipped: 40_001 })
  })
})
