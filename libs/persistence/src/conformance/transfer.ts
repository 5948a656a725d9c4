import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Collection } from '../document-store.js'
import type { BulkOperation } from '../transfer/bulk-operations.js'
import { faultOf, type Suite, untyped, upTo } from './suite.js'

interface Item {
  readonly n: number
  readonly text?: string
  readonly [name: string]: unknown
}

export function testTransfer(suite: Suite): void {
  const open = (): Collection<Item> => suite.tenant().collection<Item>('conformance-transfer')
  const items = (count: number, from = 0) => upTo(count).map((n) => ({ id: `item-${from + n}`, data: { n: from + n } }))

  describe('a load', () => {
    it('puts in what an iterable or an async iterable brings, as inserts would', async () => {
      const collection = open()
      async function* slowly(): AsyncIterable<{ id: string; data: Item }> {
        for (const item of items(3)) yield item
      }
      assert.deepEqual(await collection.load(slowly()), { loaded: 3, skipped: 0 })
      assert.deepEqual(await collection.load(items(2_500, 3)), { loaded: 2_500, skipped: 0 })
      assert.deepEqual(await collection.load([]), { loaded: 0, skipped: 0 })
      assert.equal(await collection.count(), 2_503)
      const { createdAt, updatedAt, ...rest } = (await collection.get('item-2502')) ?? assert.fail('It is missing')
      assert.deepEqual(rest, { id: 'item-2502', version: 1, data: { n: 2_502 } })
      assert.deepEqual(createdAt, updatedAt)
      assert.ok(Math.abs(createdAt.getTime() - (await suite.store.now()).getTime()) < 60_000)
    })

    it('gives ids to items without one', async () => {
      const collection = open()
      await collection.load([{ data: { n: 1 } }, { data: { n: 2 } }])
      const found = await collection.find({}, { sort: { n: 1 } }).toArray()
      assert.deepEqual(
        found.map(({ data }) => data.n),
        [1, 2],
      )
    })

    it('keeps every text that JavaScript can hold', async () => {
      const collection = open()
      const text =
        'NUL \0, halves \ud800 and \udc00, a pair 😀, \ufdd0, "quotes", \\back\\slashes\\, \t tabs \n and lines \u2028'
      await collection.load([
        { id: 'ü \t 😀 \\.', data: { n: 1, text } },
        { id: 'x', data: { n: 2, [text]: text } },
      ])
      assert.equal((await collection.get('ü \t 😀 \\.'))?.data.text, text)
      assert.deepEqual((await collection.get('x'))?.data, { n: 2, [text]: text })
    })

    it('takes documents of any size, also more than a buffer holds', async () => {
      const collection = open()
      const texts = upTo(40).map((n) => 'ü'.repeat(n * 10_000))
      await collection.load(texts.map((text, n) => ({ id: String(n), data: { n, text } })))
      for (const [n, text] of texts.entries()) assert.equal((await collection.get(String(n)))?.data.text, text)
    })

    it('ends with ALREADY_EXISTS at an id that is taken, and puts in nothing of the batch', async () => {
      const collection = open()
      await collection.put('item-700', { n: -1 })
      await assert.rejects(collection.load(items(1_500)), {
        code: 'ALREADY_EXISTS',
        metadata: { id: 'item-700', loaded: '0' },
      })
      assert.equal(await collection.count(), 1)
      await assert.rejects(collection.load([...items(2), ...items(1)]), {
        code: 'ALREADY_EXISTS',
        metadata: { id: 'item-0', loaded: '0' },
      })
      assert.equal(await collection.count(), 1)
    })

    it('leaves what is there, or replaces it, if told so', async () => {
      const collection = open()
      await collection.put('item-1', { n: -1 })
      assert.deepEqual(await collection.load(items(3), { onConflict: 'skip' }), { loaded: 2, skipped: 1 })
      assert.deepEqual((await collection.get('item-1'))?.data, { n: -1 })
      const twice = [...items(3), { id: 'item-2', data: { n: 22 } }]
      assert.deepEqual(await collection.load(twice, { onConflict: 'replace' }), { loaded: 3, skipped: 1 })
      assert.deepEqual((await collection.get('item-1'))?.data, { n: 1 })
      assert.equal((await collection.get('item-1'))?.version, 2)
      assert.deepEqual((await collection.get('item-2'))?.data, { n: 22 })
      const firstWins = [
        { id: 'new', data: { n: 1 } },
        { id: 'new', data: { n: 2 } },
      ]
      assert.deepEqual(await collection.load(firstWins, { onConflict: 'skip' }), { loaded: 1, skipped: 1 })
      assert.deepEqual((await collection.get('new'))?.data, { n: 1 })
    })

    it('ends with what its source throws', async () => {
      const collection = open()
      const failure = new Error('the source broke')
      function* broken(): Iterable<{ data: Item }> {
        yield { data: { n: 1 } }
        throw failure
      }
      await assert.rejects(collection.load(broken()), failure)
      assert.equal(await collection.count(), 0)
    })

    it('can be stopped between two batches, and gone on with', async () => {
      const collection = open()
      const stop = new AbortController()
      const seen: number[] = []
      const onProgress = (done: number): void => {
        seen.push(done)
        stop.abort()
      }
      await assert.rejects(collection.load(items(45_000), { signal: stop.signal, onProgress }), { code: 'CANCELLED' })
      assert.ok(seen.length > 0 && (await collection.count()) < 45_000)
      await collection.load(items(45_000), { onConflict: 'skip' })
      assert.equal(await collection.count(), 45_000)
    })

    it('is part of a transaction when called in one', async () => {
      const tenant = suite.tenant()
      const failure = new Error('no')
      await assert.rejects(
        tenant.transaction(async (tx) => {
          await tx.collection<Item>('conformance-transfer').load(items(10))
          throw failure
        }),
        failure,
      )
      assert.equal(await tenant.collection('conformance-transfer').count(), 0)
      await tenant.transaction((tx) => tx.collection<Item>('conformance-transfer').load(items(10)))
      assert.equal(await tenant.collection('conformance-transfer').count(), 10)
    })

    it('finds fault with what is no item', async () => {
      const collection = open()
      await assert.rejects(collection.load(untyped(5)), faultOf('items'))
      await assert.rejects(collection.load(untyped([null])), faultOf('items[0]'))
      await assert.rejects(collection.load([{ id: '', data: { n: 1 } }]), faultOf('items[0].id'))
      await assert.rejects(collection.load([{ data: untyped({ n: NaN }) }]), faultOf('items[0].data.n'))
      await assert.rejects(collection.load([], untyped({ onConflict: 'ask' })), faultOf('onConflict'))
      await assert.rejects(collection.load([], untyped({ on: 'skip' })), faultOf('on'))
    })
  })

  describe('a bulk call', () => {
    const operations: readonly BulkOperation<Item>[] = [
      { insert: { id: 'a', data: { n: 1 } } },
      { put: { id: 'b', data: { n: 2 } } },
      { put: { id: 'b', data: { n: 3 } } },
      { update: { filter: 'a', update: { $inc: { n: 10 } } } },
      { insert: { id: 'a', data: { n: 0 } } },
      { update: { filter: { n: { $gt: 0 } }, update: { $inc: { n: 1 } }, many: true } },
      { delete: { filter: 'b' } },
    ]

    it('stops after the first failure when it is ordered', async () => {
      const collection = open()
      const report = await collection.bulk(operations)
      assert.deepEqual(
        report.results.map(({ status }) => status),
        ['done', 'done', 'done', 'done', 'failed', 'skipped', 'skipped'],
      )
      assert.deepEqual([report.done, report.failed, report.skipped], [4, 1, 2])
      const refused = report.results[4]
      assert.equal(refused?.status === 'failed' && refused.error.code, 'ALREADY_EXISTS')
      const updated = report.results[3]
      assert.deepEqual(updated?.status === 'done' && updated.document?.data, { n: 11 })
      assert.deepEqual((await collection.get('b'))?.data, { n: 3 })
    })

    it('tries everything when it is not', async () => {
      const collection = open()
      await collection.put('gone', { n: 1 })
      const report = await collection.bulk(
        [
          { insert: { id: 'gone', data: { n: 0 } } },
          ...upTo(600).map((n) => ({ put: { id: `p-${n}`, data: { n } } })),
          { put: { id: 'q', data: { n: 1 }, ifVersion: 7 } },
          { update: { filter: 'none', update: { $set: { n: 1 } } } },
          { update: { filter: 'made', update: { $set: { n: 1 } }, upsert: true } },
        ],
        { ordered: false },
      )
      assert.deepEqual([report.done, report.failed, report.skipped], [602, 2, 0])
      const stale = report.results[601]
      assert.equal(stale?.status === 'failed' && stale.error.code, 'ABORTED')
      assert.deepEqual(report.results[602], { status: 'done', matched: 0 })
      assert.equal(await collection.count(), 602)
      assert.deepEqual(await collection.bulk([{ delete: { filter: {}, many: true } }]), {
        results: [{ status: 'done', deleted: 602 }],
        done: 1,
        failed: 0,
        skipped: 0,
      })
    })

    it('does nothing at all if an operation is not understood', async () => {
      const collection = open()
      const bulk = (operation: unknown) => collection.bulk([{ insert: { data: { n: 1 } } }, untyped(operation)])
      await assert.rejects(bulk({ upsert: {} }), faultOf('operations[1]'))
      await assert.rejects(bulk({ insert: {}, put: {} }), faultOf('operations[1]'))
      await assert.rejects(bulk({ put: { id: 'a', data: {}, ifVersoin: 1 } }), faultOf('operations[1].put.ifVersoin'))
      await assert.rejects(bulk({ delete: null }), faultOf('operations[1].delete'))
      await assert.rejects(collection.bulk(untyped({})), faultOf('operations'))
      await assert.rejects(collection.bulk([], untyped({ order: true })), faultOf('order'))
      assert.equal(await collection.count(), 0)
    })
  })
}
