import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Collection } from '../document-store.js'
import { faultOf, type Json, type Suite, untyped, upTo } from './suite.js'

export function testQueries(suite: Suite): void {
  const collection = (): Collection<Json> => suite.tenant().collection<Json>('conformance-docs')
  const idsOf = (documents: readonly { readonly id: string }[]): string[] => documents.map(({ id }) => id)

  describe('a listing', () => {
    it('goes by id in code point order unless it is told otherwise', async () => {
      const docs = collection()
      const ids = ['10', '9', 'A', 'a', 'é', '\uff5e', '\u{1f600}']
      await docs.insertMany(ids.toReversed().map((id) => ({ id, data: {} })))
      assert.deepEqual(idsOf(await docs.find().toArray()), ids)
      assert.deepEqual(idsOf(await docs.find({}, { sort: { _id: -1 } }).toArray()), ids.toReversed())
    })

    it('sorts by type first, as MongoDB does, and by id what is equal', async () => {
      const docs = collection()
      const values = [
        undefined,
        null,
        -1e300,
        -5,
        0,
        1.5,
        1e300,
        '',
        '10',
        '9',
        'a',
        '\uff5e',
        '\u{1f600}',
        {},
        [],
        false,
        true,
      ]
      // Missing and null are equal, so their ids decide.
      const ids = values.map((_, index) => `d${String.fromCharCode(97 + index)}`)
      await docs.insertMany(values.map((x, index) => ({ id: ids[index] ?? '', data: { x } })).toReversed())
      assert.deepEqual(idsOf(await docs.find({}, { sort: { x: 1 } }).toArray()), ids)
      assert.deepEqual(idsOf(await docs.find({}, { sort: { x: -1 } }).toArray()), ids.toReversed())
    })

    it('sorts by several keys, each in its direction', async () => {
      const docs = collection()
      const rows = [
        [1, 'b'],
        [1, 'a'],
        [0, 'b'],
        [0, 'a'],
        [2, 'a'],
      ] as const
      await docs.insertMany(rows.map(([n, s], index) => ({ id: `d${index}`, data: { n, deep: { s } } })))
      const sorted = await docs.find({}, { sort: { n: -1, 'deep.s': 1 } }).toArray()
      assert.deepEqual(idsOf(sorted), ['d4', 'd1', 'd0', 'd3', 'd2'])
      const byTime = await docs.find({}, { sort: { _createdAt: 1, _version: -1, _id: -1 } }).toArray()
      assert.deepEqual(idsOf(byTime), ['d4', 'd3', 'd2', 'd1', 'd0'])
    })

    it('stops at the limit, and counts without it', async () => {
      const docs = collection()
      await docs.insertMany(upTo(20).map((n) => ({ data: { n } })))
      const found = await docs.find({ n: { $gte: 5 } }, { sort: { n: 1 }, limit: 3 }).toArray()
      assert.deepEqual(
        found.map(({ data }) => data['n']),
        [5, 6, 7],
      )
      assert.equal(await docs.count({ n: { $gte: 5 } }), 15)
      assert.equal(await docs.count(), 20)
      assert.equal((await docs.findOne({ n: { $lt: 9 } }, { sort: { n: -1 } }))?.data['n'], 8)
      assert.equal(await docs.findOne({ n: 20 }), undefined)
    })

    it('of thousands arrives in order, each once, and can be left at any point', async () => {
      const docs = collection()
      await docs.insertMany(upTo(2_300).map((n) => ({ data: { n, third: n % 3 } })))
      const numbers: unknown[] = []
      for await (const { data } of docs.find({}, { sort: { third: 1, n: -1 } })) numbers.push(data['n'])
      assert.deepEqual(
        numbers,
        upTo(2_300).toSorted((a, b) => (a % 3) - (b % 3) || b - a),
      )
      let seen = 0
      for await (const _ of docs.find()) if ((seen += 1) === 700) break
      assert.equal(seen, 700)
      assert.equal((await docs.find({}, { limit: 1_700 }).toArray()).length, 1_700)
    })

    it('comes in pages of 100, the last one without a cursor', async () => {
      const docs = collection()
      await docs.insertMany(upTo(200).map((n) => ({ data: { n } })))
      const first = await docs.find().page()
      assert.equal(first.items.length, 100)
      assert.ok(first.next !== undefined)
      const second = await docs.find({}, { after: first.next }).page()
      assert.equal(second.items.length, 100)
      assert.equal(second.next, undefined)
      assert.equal(new Set(idsOf([...first.items, ...second.items])).size, 200)
      assert.deepEqual(await collection().find().page(), { items: [] })
    })

    it('goes on after a cursor in an iteration too', async () => {
      const docs = collection()
      await docs.insertMany(upTo(10).map((n) => ({ id: `d${n}`, data: { n } })))
      const { next } = await docs.find({}, { limit: 4, sort: { n: -1 } }).page()
      assert.ok(next !== undefined)
      const rest = await docs.find({}, { after: next, sort: { n: -1 } }).toArray()
      assert.deepEqual(idsOf(rest), ['d5', 'd4', 'd3', 'd2', 'd1', 'd0'])
    })

    it('shows each document that stays exactly once while others write', async () => {
      const docs = collection()
      await docs.insertMany(upTo(50).map((n) => ({ id: `stays${n}`, data: { n: n * 10 } })))
      const seen: string[] = []
      let after: string | undefined
      for (let round = 0; ; round += 1) {
        const page = await docs.find({}, { sort: { n: 1 }, limit: 7, ...(after === undefined ? {} : { after }) }).page()
        seen.push(...idsOf(page.items))
        after = page.next
        if (after === undefined) break
        // Before and behind the cursor; and the very document that the cursor stands at goes, unless it is one that stays.
        await docs.insertMany([{ data: { n: -1 } }, { data: { n: round * 70 + 65 } }, { data: { n: 1_000 } }])
        const last = page.items.at(-1)
        if (last?.id.startsWith('stays') === false) await docs.deleteOne(last.id)
      }
      const stayed = seen.filter((id) => id.startsWith('stays'))
      assert.deepEqual(
        stayed,
        upTo(50).map((n) => `stays${n}`),
      )
      assert.equal(new Set(seen).size, seen.length)
    })

    it('goes on from where a document was that is gone', async () => {
      const docs = collection()
      await docs.insertMany(['a', 'b', 'c', 'd'].map((id) => ({ id, data: {} })))
      const { next } = await docs.find({}, { limit: 2 }).page()
      assert.ok(next !== undefined)
      await docs.deleteOne('b')
      assert.deepEqual(idsOf(await docs.find({}, { after: next }).toArray()), ['c', 'd'])
    })

    it('refuses a cursor from elsewhere', async () => {
      const docs = collection()
      await docs.insertMany(upTo(5).map((n) => ({ data: { n } })))
      const { next = '' } = await docs.find({}, { sort: { n: 1 }, limit: 2 }).page()
      const { next: plain = '' } = await docs.find({}, { limit: 2 }).page()
      const elsewhere = suite.tenant().collection<Json>('conformance-random')
      const wrong: (() => Promise<unknown>)[] = [
        () => docs.find({}, { sort: { n: -1 }, after: next }).page(),
        () => docs.find({}, { sort: { m: 1 }, after: next }).page(),
        () => docs.find({}, { after: next }).page(),
        () => docs.find({}, { sort: { n: 1 }, after: plain }).toArray(),
        () => elsewhere.find({}, { sort: { n: 1 }, after: next }).page(),
        () => docs.find({}, { after: '' }).page(),
        () => docs.find({}, { after: 'nonsense' }).page(),
        () => docs.find({}, { after: `${next.slice(0, -4)}AAAA`, sort: { n: 1 } }).page(),
        () => docs.find({}, { after: Buffer.from('[1,[2]]').toString('base64url') }).page(),
        () => docs.find({}, { after: untyped(5) }).page(),
      ]
      for (const [index, ask] of wrong.entries()) {
        await assert.rejects(async () => await ask(), faultOf('after'), `case ${index}`)
      }
    })

    it('finds by the times and versions that the store keeps', async () => {
      const docs = collection()
      const first = await docs.put('a', {})
      await docs.put('b', {})
      await docs.put('b', {})
      assert.deepEqual(idsOf(await docs.find({ _version: 2 }).toArray()), ['b'])
      assert.deepEqual(idsOf(await docs.find({ _createdAt: first.createdAt, _id: 'a' }).toArray()), ['a'])
      assert.equal(await docs.count({ _updatedAt: { $lt: first.createdAt } }), 0)
      assert.equal(await docs.count({ _createdAt: { $gte: first.createdAt.toISOString() } }), 2)
    })
  })
}
