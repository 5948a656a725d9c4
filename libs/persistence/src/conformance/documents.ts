import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { Collection } from '../document-store.js'
import { type Json, type Suite, upTo } from './suite.js'

const taken = { code: 'ALREADY_EXISTS' }
const stale = { code: 'ABORTED', reason: 'STALE_VERSION' }

export function testDocuments(suite: Suite): void {
  const collection = <T = Json>(): Collection<T> => suite.tenant().collection<T>('conformance-docs')

  describe('a document', () => {
    it('has version 1 and the time of its insertion', async () => {
      const docs = collection()
      const before = await suite.store.now()
      const inserted = await docs.insertOne({ a: 1 }, { id: 'x' })
      const after = await suite.store.now()
      assert.equal(inserted.id, 'x')
      assert.equal(inserted.version, 1)
      assert.deepEqual(inserted.data, { a: 1 })
      assert.deepEqual(inserted.updatedAt, inserted.createdAt)
      assert.ok(before <= inserted.createdAt && inserted.createdAt <= after)
      assert.deepEqual(await docs.get('x'), inserted)
    })

    it('gets an id of its own if none is given', async () => {
      const docs = collection()
      const [first, second] = await Promise.all([docs.insertOne({ n: 1 }), docs.insertOne({ n: 2 })])
      assert.notEqual(first.id, second.id)
      assert.deepEqual((await docs.get(second.id))?.data, { n: 2 })
    })

    it('takes the version that a put names, above the one that it expects', async () => {
      const docs = collection()
      assert.equal((await docs.put('x', { a: 1 }, { ifVersion: 0, version: 7 })).version, 7)
      assert.equal((await docs.put('x', { a: 2 }, { ifVersion: 7, version: 20 })).version, 20)
      assert.equal((await docs.get('x'))?.version, 20)
      await assert.rejects(docs.put('x', { a: 3 }, { ifVersion: 7, version: 30 }), stale)
      await assert.rejects(docs.put('x', { a: 3 }, { ifVersion: 20, version: 20 }), { code: 'INVALID_ARGUMENT' })
      await assert.rejects(docs.put('x', { a: 3 }, { version: 30 }), { code: 'INVALID_ARGUMENT' })
      assert.deepEqual((await docs.get('x'))?.data, { a: 2 })
    })

    it('is not inserted over another', async () => {
      const docs = collection()
      await docs.insertOne({ a: 1 }, { id: 'x' })
      await assert.rejects(docs.insertOne({ a: 2 }, { id: 'x' }), taken)
      assert.deepEqual((await docs.get('x'))?.data, { a: 1 })
    })

    it('is inserted by exactly one of many who try', async () => {
      const docs = collection()
      const tries = await Promise.allSettled(upTo(20).map((n) => docs.insertOne({ n }, { id: 'x' })))
      const won = tries.filter((one) => one.status === 'fulfilled')
      assert.equal(won.length, 1)
      for (const one of tries) if (one.status === 'rejected') assert.equal(one.reason.code, 'ALREADY_EXISTS')
      assert.deepEqual((await docs.get('x'))?.data, won[0]?.value.data)
    })

    it('is inserted with others, all or none', async () => {
      const docs = collection()
      const made = await docs.insertMany([{ id: 'a', data: { n: 1 } }, { data: { n: 2 } }, { id: 'c', data: { n: 3 } }])
      assert.deepEqual(
        made.map(({ version, data }) => [version, data['n']]),
        [
          [1, 1],
          [1, 2],
          [1, 3],
        ],
      )
      await assert.rejects(
        docs.insertMany([
          { id: 'd', data: {} },
          { id: 'a', data: {} },
        ]),
        taken,
      )
      assert.equal(await docs.get('d'), undefined)
      assert.deepEqual(await docs.insertMany([]), [])
      const many = await docs.insertMany(upTo(1_200).map((n) => ({ id: `m${n}`, data: { n } })))
      assert.deepEqual(
        many.map(({ id }) => id),
        upTo(1_200).map((n) => `m${n}`),
      )
    })

    it('that is not there is undefined', async () => {
      const docs = collection()
      await docs.put('a', { n: 1 })
      assert.equal(await docs.get('b'), undefined)
      const found = await docs.getMany(['b', 'a', 'c', 'a'])
      assert.deepEqual(
        found.map((one) => one?.id),
        [undefined, 'a', undefined, 'a'],
      )
      assert.deepEqual(await docs.getMany([]), [])
    })

    it('is put whether it was there or not', async () => {
      const docs = collection()
      const first = await docs.put('x', { n: 1 })
      const second = await docs.put('x', { n: 2 })
      assert.equal(first.version, 1)
      assert.equal(second.version, 2)
      assert.deepEqual(second.createdAt, first.createdAt)
      assert.ok(second.updatedAt >= first.updatedAt)
      assert.deepEqual(await docs.get('x'), second)
    })

    it('is put only at the version that is asked for', async () => {
      const docs = collection()
      await assert.rejects(docs.put('x', { n: 0 }, { ifVersion: 1 }), stale)
      assert.equal((await docs.put('x', { n: 1 }, { ifVersion: 0 })).version, 1)
      await assert.rejects(docs.put('x', { n: 2 }, { ifVersion: 0 }), stale)
      assert.equal((await docs.put('x', { n: 2 }, { ifVersion: 1 })).version, 2)
      await assert.rejects(docs.put('x', { n: 3 }, { ifVersion: 1 }), stale)
      await assert.rejects(docs.put('x', { n: 3 }, { ifVersion: 3 }), stale)
      assert.deepEqual((await docs.get('x'))?.data, { n: 2 })
    })

    it('grows by one version with each of many puts at once, and the last one stays', async () => {
      const docs = collection<number>()
      const written = await Promise.all(upTo(100).map((n) => docs.put('x', n)))
      assert.deepEqual(
        written.map(({ version }) => version).sort((a, b) => a - b),
        upTo(100).map((n) => n + 1),
      )
      const final = await docs.get('x')
      assert.equal(final?.version, 100)
      assert.equal(final.data, written.find(({ version }) => version === 100)?.data)
    })

    it('is written by exactly one of many who ask for the same version', async () => {
      const docs = collection<number>()
      await docs.put('x', -1)
      const tries = await Promise.allSettled(upTo(20).map((n) => docs.put('x', n, { ifVersion: 1 })))
      const won = tries.filter((one) => one.status === 'fulfilled')
      assert.equal(won.length, 1)
      assert.deepEqual(await docs.get('x'), won[0]?.value)
    })

    it('is seen by whoever reads after the write was answered', async () => {
      const docs = collection<number>()
      await Promise.all(
        upTo(50).map(async (n) => {
          await docs.put(`x${n % 10}`, n)
          const seen = await docs.get(`x${n % 10}`)
          assert.ok(seen !== undefined)
          const { version } = await docs.put(`x${n % 10}`, n)
          assert.ok(((await docs.get(`x${n % 10}`))?.version ?? 0) >= version)
        }),
      )
    })

    it('shares nothing with what the caller holds', async () => {
      const docs = collection<{ list: number[] }>()
      const data = { list: [1] }
      const put = docs.put('x', data)
      data.list.push(2)
      await put
      const read = await docs.get('x')
      assert.deepEqual(read?.data, { list: [1] })
      read.data.list.push(3)
      assert.deepEqual((await docs.get('x'))?.data, { list: [1] })
    })

    it('may be any JSON value', async () => {
      const docs = collection<unknown>()
      const values = [null, true, 0, '', [], {}, [[null]], 'text', -1.5e-7, { a: [{ b: null }] }]
      for (const [index, value] of values.entries()) await docs.put(`v${index}`, value)
      const read = await docs.getMany(values.map((_, index) => `v${index}`))
      assert.deepEqual(
        read.map((one) => one?.data),
        values,
      )
    })

    it('keeps Dates as ISO strings and leaves undefined members out', async () => {
      const docs = collection()
      await docs.put('x', { at: new Date(0), gone: undefined, nested: { gone: undefined, kept: null } })
      assert.deepEqual((await docs.get('x'))?.data, { at: '1970-01-01T00:00:00.000Z', nested: { kept: null } })
    })

    it(`comes back as it was written, whatever it is (${suite.cases} cases, seed ${suite.seed})`, async () => {
      const docs = collection<unknown>()
      const json = fc.jsonValue({ maxDepth: 6, stringUnit: 'binary' })
      const named = fc.dictionary(fc.constantFrom('__proto__', 'constructor', 'a.b', '$set', '', '\0', '\ufdd0'), json)
      await fc.assert(
        fc.asyncProperty(fc.oneof(json, named), async (value) => {
          await docs.put('x', value)
          // Through JSON, which has no -0.
          assert.deepEqual((await docs.get('x'))?.data, JSON.parse(JSON.stringify(value)))
        }),
        { numRuns: suite.cases, seed: suite.seed },
      )
    })
  })

  describe('an update of documents', () => {
    it('changes the document of an id, or the first that a filter finds', async () => {
      const docs = collection()
      await docs.insertMany(['a', 'b', 'c'].map((id) => ({ id, data: { kind: 'k', n: 1 } })))
      const byId = await docs.updateOne('b', { $set: { 'x.y': 1 }, $inc: { n: 2 }, $unset: { kind: '' } })
      assert.deepEqual([byId?.version, byId?.data], [2, { n: 3, x: { y: 1 } }])
      assert.deepEqual(await docs.get('b'), byId)
      const byFilter = await docs.updateOne({ kind: 'k' }, { $push: { tags: 'first' } })
      assert.deepEqual([byFilter?.id, byFilter?.data], ['a', { kind: 'k', n: 1, tags: ['first'] }])
      assert.deepEqual((await docs.get('c'))?.data, { kind: 'k', n: 1 })
    })

    it('of nothing is undefined', async () => {
      const docs = collection()
      assert.equal(await docs.updateOne('x', { $set: { a: 1 } }), undefined)
      assert.equal(await docs.updateOne({ a: 1 }, { $set: { a: 2 } }), undefined)
      assert.deepEqual(await docs.updateMany({ a: 1 }, { $set: { a: 2 } }), { matched: 0, modified: 0 })
      assert.equal(await docs.count(), 0)
    })

    it('takes the rest of the filter into account when it names the id', async () => {
      const docs = collection()
      await docs.put('x', { state: 'done' })
      assert.equal(await docs.updateOne({ _id: 'x', state: 'open' }, { $set: { state: 'taken' } }), undefined)
      assert.deepEqual((await docs.get('x'))?.data, { state: 'done' })
    })

    it('heeds the version that is asked for', async () => {
      const docs = collection()
      await docs.put('x', { n: 1 })
      assert.equal((await docs.updateOne('x', { $inc: { n: 1 } }, { ifVersion: 1 }))?.version, 2)
      await assert.rejects(docs.updateOne('x', { $inc: { n: 1 } }, { ifVersion: 1 }), stale)
      await assert.rejects(docs.updateOne({ n: 2 }, { $inc: { n: 1 } }, { ifVersion: 1 }), stale)
      assert.deepEqual((await docs.get('x'))?.data, { n: 2 })
    })

    it('can make the document that it did not find', async () => {
      const docs = collection()
      const byId = await docs.updateOne('x', { $inc: { n: 5 } }, { upsert: true })
      assert.deepEqual([byId?.id, byId?.version, byId?.data], ['x', 1, { n: 5 }])
      const again = await docs.updateOne('x', { $inc: { n: 5 } }, { upsert: true })
      assert.deepEqual([again?.version, again?.data], [2, { n: 10 }])
      const seeded = await docs.updateOne(
        { team: 'a', 'at.place': 1, n: { $gt: 50 } },
        { $set: { n: 51 } },
        { upsert: true },
      )
      assert.deepEqual([seeded?.version, seeded?.data], [1, { team: 'a', at: { place: 1 }, n: 51 }])
      assert.equal(await docs.count(), 2)
    })

    it('never loses one of many at once', async () => {
      const docs = collection<{ n: number; list?: number[] }>()
      await docs.put('x', { n: 0 })
      const updates = await Promise.all(
        upTo(60).map((n) =>
          docs.updateOne(n % 2 === 0 ? 'x' : { n: { $gte: 0 } }, { $inc: { n: 1 }, $push: { list: n } }),
        ),
      )
      const final = await docs.get('x')
      assert.equal(final?.version, 61)
      assert.equal(final.data.n, 60)
      assert.deepEqual(
        final.data.list?.toSorted((a, b) => a - b),
        upTo(60),
      )
      // Each answer is the document as its own update left it.
      for (const one of updates) assert.equal(one?.data.n, (one?.version ?? 0) - 1)
    })

    it('never loses one of many that make the document', async () => {
      const docs = collection<{ n: number }>()
      await Promise.all(upTo(20).map(() => docs.updateOne('x', { $inc: { n: 1 } }, { upsert: true })))
      const final = await docs.get('x')
      assert.deepEqual([final?.version, final?.data], [20, { n: 20 }])
    })

    it('of many says how many it found and how many it changed', async () => {
      const docs = collection()
      await docs.insertMany(upTo(700).map((n) => ({ id: `d${n}`, data: { odd: n % 2 === 1, n } })))
      assert.deepEqual(await docs.updateMany({ odd: true }, { $set: { seen: true } }), { matched: 350, modified: 350 })
      assert.equal(await docs.count({ seen: true }), 350)
      assert.deepEqual(await docs.updateMany({ n: { $lt: 4 } }, { $set: { seen: true } }), { matched: 4, modified: 2 })
      assert.equal((await docs.get('d1'))?.version, 2)
    })

    it('that does not fit the data leaves the document alone', async () => {
      const docs = collection()
      await docs.put('x', { text: 'a' })
      await assert.rejects(docs.updateOne('x', { $set: { y: 1 }, $inc: { text: 1 } }), {
        code: 'FAILED_PRECONDITION',
        reason: 'UPDATE_NOT_APPLICABLE',
      })
      const after = await docs.get('x')
      assert.deepEqual([after?.version, after?.data], [1, { text: 'a' }])
    })

    it('that does not fit fails alone among many at once', async () => {
      const docs = collection()
      await docs.put('x', { n: 0, text: 'a' })
      const results = await Promise.allSettled(
        upTo(30).map((n) => docs.updateOne('x', n % 3 === 0 ? { $inc: { text: 1 } } : { $inc: { n: 1 } })),
      )
      assert.deepEqual(
        results.map(({ status }) => status),
        upTo(30).map((n) => (n % 3 === 0 ? 'rejected' : 'fulfilled')),
      )
      assert.deepEqual((await docs.get('x'))?.data, { n: 20, text: 'a' })
    })
  })

  describe('a deletion of documents', () => {
    it('says whether there was one', async () => {
      const docs = collection()
      await docs.insertMany(['a', 'b', 'c'].map((id) => ({ id, data: { id } })))
      assert.equal(await docs.deleteOne('a'), true)
      assert.equal(await docs.deleteOne('a'), false)
      assert.equal(await docs.deleteOne({ id: { $gte: 'a' } }), true)
      assert.equal(await docs.deleteOne({ id: 'none' }), false)
      assert.deepEqual(
        (await docs.find().toArray()).map(({ id }) => id),
        ['c'],
      )
    })

    it('heeds the version that is asked for', async () => {
      const docs = collection()
      await docs.put('x', {})
      await assert.rejects(docs.deleteOne('x', { ifVersion: 2 }), stale)
      await assert.rejects(docs.deleteOne('y', { ifVersion: 2 }), stale)
      assert.equal(await docs.deleteOne('x', { ifVersion: 1 }), true)
    })

    it('of many deletes what matches and nothing else', async () => {
      const docs = collection()
      await docs.insertMany(upTo(700).map((n) => ({ data: { n } })))
      assert.deepEqual(await docs.deleteMany({ n: { $lt: 600 } }), { deleted: 600 })
      assert.equal(await docs.count(), 100)
      assert.deepEqual(await docs.deleteMany({}), { deleted: 100 })
    })

    it('makes the id free: the next document starts at version 1', async () => {
      const docs = collection()
      await docs.put('x', { n: 1 })
      await docs.put('x', { n: 2 })
      await docs.deleteOne('x')
      assert.equal((await docs.insertOne({ n: 3 }, { id: 'x' })).version, 1)
    })

    it('is done by exactly one of many who try', async () => {
      const docs = collection()
      await docs.put('x', {})
      const tries = await Promise.all(upTo(20).map((n) => docs.deleteOne(n % 2 === 0 ? 'x' : { _id: 'x' })))
      assert.equal(tries.filter(Boolean).length, 1)
    })
  })
}
