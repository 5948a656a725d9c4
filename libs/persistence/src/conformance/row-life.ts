import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Collection, DocumentStore, TenantStore } from '../document-store.js'
import { faultOf, freshTenantId, type Json, type Suite, untyped, upTo } from './suite.js'

const removed = { code: 'FAILED_PRECONDITION', reason: 'DOCUMENT_REMOVED' }
const taken = { code: 'ALREADY_EXISTS' }

/** Long enough that nothing expires between two calls, however busy the machine. */
const longMs = 3_600_000

/** Until the database's clock is beyond that of `at`. */
export async function past(store: DocumentStore, at: Date | undefined): Promise<void> {
  assert.ok(at !== undefined)
  while ((await store.now()) <= at) await delay(10)
}

export function testRowLife(suite: Suite): void {
  const plain = (tenant: TenantStore = suite.tenant()): Collection<Json> =>
    tenant.collection<Json>('conformance-life', { indexes: [{ on: 'n' }] })
  const timed = (tenant: TenantStore = suite.tenant()): Collection<Json> =>
    tenant.collection<Json>('conformance-timed', { ttlMs: longMs })

  describe('a document with a lifetime', () => {
    it('tells when it ends: after the collection’s time, its own, or never', async () => {
      const docs = timed()
      const inserted = await docs.insertOne({ n: 1 }, { id: 'a' })
      assert.equal(inserted.expiresAt?.getTime(), inserted.updatedAt.getTime() + longMs)
      assert.deepEqual(await docs.get('a'), inserted)
      const own = await docs.put('b', { n: 1 }, { ttlMs: 2 * longMs })
      assert.equal(own.expiresAt?.getTime(), own.updatedAt.getTime() + 2 * longMs)
      assert.deepEqual(await docs.find({ _id: 'b' }).toArray(), [own])
      const never = await docs.put('c', { n: 1 }, { ttlMs: null })
      assert.equal('expiresAt' in never, false)
      assert.deepEqual(await docs.get('c'), never)
      const [many] = await docs.insertMany([{ id: 'd', data: {} }], { ttlMs: longMs })
      assert.equal(many?.expiresAt?.getTime(), (many?.updatedAt.getTime() ?? 0) + longMs)
      await docs.load([{ id: 'e', data: {} }])
      const loaded = await docs.get('e')
      assert.equal(loaded?.expiresAt?.getTime(), (loaded?.updatedAt.getTime() ?? 0) + longMs)
      assert.equal((await plain().put('a', {})).expiresAt, undefined)
    })

    it('lives anew from each write', async () => {
      const docs = timed()
      const first = await docs.put('a', { n: 1 })
      await past(suite.store, first.updatedAt)
      const updated = await docs.updateOne('a', { $inc: { n: 1 } })
      assert.equal(updated?.expiresAt?.getTime(), (updated?.updatedAt.getTime() ?? 0) + longMs)
      assert.ok(updated.updatedAt > first.updatedAt)
      const versioned = await docs.put('a', { n: 3 }, { ifVersion: 2, ttlMs: null })
      assert.equal(versioned.expiresAt, undefined)
      assert.equal((await docs.updateOne('a', { $inc: { n: 1 } }))?.expiresAt, undefined, 'lives for ever')
      const ends = await docs.updateOne('a', { $set: { n: 4 } }, { ttlMs: 2 * longMs })
      assert.deepEqual([ends?.version, ends?.data], [5, { n: 4 }])
      assert.equal(ends?.expiresAt?.getTime(), (ends?.updatedAt.getTime() ?? 0) + 2 * longMs)
    })

    it('keeps its end when it is updated in a collection that has no lifetime, and loses it when it is put', async () => {
      const docs = plain()
      const first = await docs.put('a', { n: 1 }, { ttlMs: longMs })
      assert.deepEqual((await docs.updateOne('a', { $inc: { n: 1 } }))?.expiresAt, first.expiresAt)
      assert.deepEqual(await docs.updateMany({ n: 2 }, { $inc: { n: 1 } }), { matched: 1, modified: 1 })
      assert.deepEqual((await docs.get('a'))?.expiresAt, first.expiresAt)
      assert.equal((await docs.put('a', { n: 1 })).expiresAt, undefined)
      await docs.updateMany({ n: 1 }, { $set: { n: 2 } }, { ttlMs: longMs })
      assert.ok((await docs.get('a'))?.expiresAt !== undefined)
    })

    it('has the lifetime of the last of many writes at once', async () => {
      const docs = plain()
      await Promise.all(upTo(20).map((n) => docs.put('a', { n }, { ttlMs: (n + 1) * longMs })))
      const put = await docs.get('a')
      const n = Number(put?.data['n'])
      assert.equal(put?.expiresAt?.getTime(), (put?.updatedAt.getTime() ?? 0) + (n + 1) * longMs)
      const updates = upTo(20).map((m) =>
        docs.updateOne('a', { $set: { m } }, m % 2 === 0 ? { ttlMs: (m + 1) * longMs } : {}),
      )
      await Promise.all([...updates, docs.updateOne('a', { $set: { last: 1 } }, { ttlMs: null })])
      const last = await docs.updateOne('a', { $set: { x: 1 } })
      assert.equal(last?.version, 42)
      assert.ok(last.expiresAt === undefined || (last.expiresAt.getTime() - put.updatedAt.getTime()) / longMs > 0.9)
    })

    it('is as if it were not there once it has ended', async () => {
      const tenant = suite.tenant()
      const docs = plain(tenant)
      await docs.put('stays', { email: 's', n: 1 })
      const ended = await docs.put('x', { email: 'x', n: 1 }, { ttlMs: 1 })
      await past(suite.store, ended.expiresAt)
      assert.equal(await docs.get('x'), undefined)
      assert.deepEqual(await docs.getMany(['x', 'stays', 'x']).then((found) => found.map((one) => one?.id)), [
        undefined,
        'stays',
        undefined,
      ])
      assert.equal(await docs.findOne({ email: 'x' }), undefined)
      assert.deepEqual(
        (await docs.find({ n: 1 }, { sort: { n: -1 } }).toArray()).map(({ id }) => id),
        ['stays'],
      )
      assert.equal(await docs.count(), 1)
      assert.equal(await docs.claim({ email: 'x' }), undefined)
      assert.equal(await docs.updateOne('x', { $set: { n: 2 } }), undefined)
      assert.equal(await docs.updateOne({ email: 'x' }, { $set: { n: 2 } }), undefined)
      assert.deepEqual(await docs.updateMany({}, { $set: { seen: true } }), { matched: 1, modified: 1 })
      assert.equal(await docs.deleteOne('x'), false)
      assert.deepEqual(await docs.deleteMany({ email: 'x' }), { deleted: 0 })
      await assert.rejects(docs.put('x', {}, { ifVersion: 1 }), { code: 'ABORTED', reason: 'STALE_VERSION' })
      await tenant.transaction(async (tx) => assert.equal(await plain2(tx).get('x'), undefined))
    })

    it('that has ended is written anew, and its version grows on', async () => {
      const docs = plain()
      const ended = await Promise.all(upTo(4).map((n) => docs.put(`x${n}`, { email: n }, { ttlMs: 1 })))
      for (const { expiresAt } of ended) await past(suite.store, expiresAt)
      const put = await docs.put('x0', { n: 1 })
      const inserted = await docs.insertOne({ n: 1 }, { id: 'x1' })
      const created = await docs.put('x2', { n: 1 }, { ifVersion: 0 })
      const upserted = await docs.updateOne('x3', { $inc: { n: 1 } }, { upsert: true })
      for (const [n, one] of [put, inserted, created, upserted].entries()) {
        assert.deepEqual([one?.version, one?.data, one?.expiresAt], [2, { n: 1 }, undefined])
        assert.ok((one?.createdAt ?? 0) > (ended[n]?.createdAt ?? 0), 'is a new document')
        assert.deepEqual(await docs.get(`x${n}`), one)
      }
      await assert.rejects(docs.insertOne({}, { id: 'x1' }), taken)
    })

    it('frees its unique values when it ends', async () => {
      const docs = suite
        .tenant()
        .collection<Json>('conformance-life-unique', { indexes: [{ on: 'email', unique: true }] })
      const ended = await docs.put('x', { email: 'a@b' }, { ttlMs: 1 })
      await past(suite.store, ended.expiresAt)
      await docs.insertOne({ email: 'a@b' }, { id: 'y' })
      await assert.rejects(docs.put('z', { email: 'a@b' }), { reason: 'UNIQUE_VIOLATION' })
      assert.deepEqual(
        (await docs.find().toArray()).map(({ id }) => id),
        ['y'],
      )
    })

    it('can get a lifetime in a transaction, also as the first of its collection', async () => {
      const tenant = suite.tenant()
      const name = `conformance-t${Math.floor(Math.random() * 1e12)}`
      const made = await tenant.transaction((tx) => tx.collection<Json>(name).put('x', {}, { ttlMs: longMs }))
      assert.ok(made.expiresAt !== undefined)
      assert.deepEqual(await tenant.collection<Json>(name).get('x'), made)
    })

    it('is deleted by a sweep after it has ended, and not before', async () => {
      const docs = plain()
      await docs.insertMany(
        upTo(1_200).map((n) => ({ id: `d${n}`, data: { email: n } })),
        { ttlMs: 1 },
      )
      await docs.put('lives', { email: 'l' }, { ttlMs: longMs })
      await docs.put('stays', { email: 's' })
      await past(suite.store, (await docs.insertOne({}, { ttlMs: 1 })).expiresAt)
      const { expired } = await suite.store.sweep()
      assert.ok(expired >= 1_201, `${expired}`)
      assert.deepEqual(
        (await docs.find().toArray()).map(({ id }) => id),
        ['lives', 'stays'],
      )
      assert.equal((await docs.insertOne({}, { id: 'd1' })).version, 1, 'nothing is left of it')
    })

    it('cannot have just any lifetime', async () => {
      const docs = plain()
      for (const ttlMs of [0, -1, 1.5, NaN, Infinity, '1000', 1e14, {}]) {
        await assert.rejects(docs.put('x', {}, { ttlMs: untyped(ttlMs) }), faultOf('ttlMs'))
        await assert.rejects(docs.updateOne('x', { $set: { n: 1 } }, { ttlMs: untyped(ttlMs) }), faultOf('ttlMs'))
        await assert.rejects(docs.insertOne({}, { ttlMs: untyped(ttlMs) }), faultOf('ttlMs'))
        assert.throws(() => suite.tenant().collection('conformance-docs', { ttlMs: untyped(ttlMs) }), faultOf('ttlMs'))
      }
      assert.throws(() => suite.tenant().collection('conformance-timed', { ttlMs: 5 }), faultOf('ttlMs'))
    })
  })

  describe('a soft delete', () => {
    const soft = (tenant: TenantStore = suite.tenant()): Collection<Json> =>
      tenant.collection<Json>('conformance-soft', {
        softDelete: true,
        indexes: [{ on: 'email', unique: true }],
      })

    it('hides the document and refuses whoever writes it later', async () => {
      const tenant = suite.tenant()
      const docs = soft(tenant)
      await docs.insertMany(['a', 'b', 'c'].map((id) => ({ id, data: { email: id } })))
      assert.equal(await docs.deleteOne('a'), true)
      assert.equal(await docs.deleteOne('a'), false)
      assert.deepEqual(await docs.deleteMany({ email: 'b' }), { deleted: 1 })
      assert.equal(await docs.get('a'), undefined)
      assert.deepEqual(
        (await docs.find().toArray()).map(({ id }) => id),
        ['c'],
      )
      assert.equal(await docs.count({ email: { $in: ['a', 'b', 'c'] } }), 1)
      await assert.rejects(docs.put('a', {}), removed)
      await assert.rejects(docs.put('a', {}, { ifVersion: 1 }), removed)
      await assert.rejects(docs.put('a', {}, { ifVersion: 0 }), removed)
      await assert.rejects(docs.insertOne({}, { id: 'a' }), removed)
      await assert.rejects(
        docs.insertMany([
          { id: 'd', data: { email: 'd' } },
          { id: 'b', data: {} },
        ]),
        removed,
      )
      await assert.rejects(docs.updateOne('b', { $set: { n: 1 } }), removed)
      await assert.rejects(docs.updateOne('b', { $set: { n: 1 } }, { upsert: true }), removed)
      await assert.rejects(
        tenant.transaction((tx) => tx.collection<Json>('conformance-soft').put('a', {})),
        removed,
      )
      await assert.rejects(
        tenant.transaction((tx) =>
          tx.collection<Json>('conformance-soft').updateOne('a', { $set: { n: 1 } }, { upsert: true }),
        ),
        removed,
      )
      assert.equal(await docs.updateOne({ email: 'b' }, { $set: { n: 1 } }), undefined)
      assert.equal(await docs.count(), 1)
    })

    it('refuses each of many late writers, and only them', async () => {
      const docs = soft()
      await docs.insertMany(upTo(20).map((n) => ({ id: `d${n}`, data: { email: n } })))
      await Promise.all(upTo(10).map((n) => docs.deleteOne(`d${2 * n}`)))
      const puts = await Promise.allSettled(upTo(40).map((n) => docs.put(`d${n >> 1}`, { email: n >> 1 })))
      for (const [n, put] of puts.entries()) {
        if ((n >> 1) % 2 === 1) assert.equal(put.status, 'fulfilled')
        else assert.equal(put.status === 'rejected' && put.reason.reason, 'DOCUMENT_REMOVED')
      }
    })

    it('is taken back by restore', async () => {
      const docs = soft()
      const before = await docs.put('a', { email: 'a', n: [1] })
      await docs.deleteOne('a')
      const restored = await docs.restore('a')
      assert.deepEqual([restored?.version, restored?.data, restored?.createdAt], [2, before.data, before.createdAt])
      assert.deepEqual(await docs.get('a'), restored)
      assert.equal(await docs.restore('a'), undefined, 'it is there')
      assert.equal(await docs.restore('b'), undefined, 'it never was')
      assert.equal((await docs.put('a', { email: 'a' })).version, 3)
    })

    it('frees the unique values, so that a restore may come too late for them', async () => {
      const docs = soft()
      await docs.put('a', { email: 'a@b' })
      await docs.put('b', { email: 'a@b2' })
      await docs.deleteMany({})
      await docs.put('c', { email: 'a@b' })
      await assert.rejects(docs.restore('a'), { code: 'ALREADY_EXISTS', reason: 'UNIQUE_VIOLATION' })
      assert.equal((await docs.restore('b'))?.version, 2)
    })

    it('erases the data after its time, and then the tombstone after its', async () => {
      const docs = suite
        .tenant()
        .collection<Json>('conformance-soft-short', { softDelete: { retainMs: 1, tombstonesMs: 50 } })
      await docs.insertMany(upTo(700).map((n) => ({ id: `d${n}`, data: { n } })))
      await docs.deleteMany({})
      const deletedAt = await suite.store.now()
      await past(suite.store, new Date(deletedAt.getTime() + 1))
      assert.equal(await docs.restore('d1'), undefined)
      const { purged, tombstones } = await suite.store.sweep()
      assert.ok(purged >= 700 || tombstones >= 700, `${purged} ${tombstones}`)
      await past(suite.store, new Date(deletedAt.getTime() + 50))
      await suite.store.sweep()
      assert.equal((await docs.insertOne({}, { id: 'd1' })).version, 1)
    })

    it('can erase the data at once', async () => {
      const docs = suite.tenant().collection<Json>('conformance-soft-erase', { softDelete: { retainMs: 0 } })
      await docs.put('a', { n: 1 })
      await docs.deleteOne('a')
      assert.equal(await docs.restore('a'), undefined)
      await assert.rejects(docs.put('a', {}), removed)
      await suite.store.sweep()
      await assert.rejects(docs.put('a', {}), removed)
    })

    it('cannot be declared in just any way', () => {
      const declare = (softDelete: unknown) =>
        suite.tenant().collection('conformance-soft2', { softDelete: untyped(softDelete) })
      assert.throws(() => declare('yes'), faultOf('softDelete'))
      assert.throws(() => declare({ retainMs: -1 }), faultOf('softDelete.retainMs'))
      assert.throws(() => declare({ retainMs: 10, tombstonesMs: 5 }), faultOf('softDelete.tombstonesMs'))
      assert.throws(() => declare({ keep: 1 }), faultOf('keep'))
    })
  })

  const { openAnother } = suite
  const skip = openAnother === undefined ? 'only one process can have this data open' : false

  describe('the lives of documents, for two stores', { skip }, () => {
    it('are the same: what one writes ends for the other, and either can sweep it', async () => {
      if (openAnother === undefined) return
      const other = await openAnother({ sweepIntervalMs: 0 })
      try {
        const id = freshTenantId()
        const mine = plain(suite.store.tenant(id))
        // Opened without any word of lifetimes.
        const theirs = other.tenant(id).collection<Json>('conformance-life')
        const ended = await mine.put('x', { email: 'x' }, { ttlMs: 200 })
        assert.deepEqual(await theirs.get('x'), ended)
        await past(other, ended.expiresAt)
        assert.equal(await theirs.get('x'), undefined)
        assert.equal(await theirs.count(), 0)
        assert.equal((await theirs.put('x', { email: 'y' })).version, 2)
        await mine.put('y', { email: 'z' }, { ttlMs: 1 })
        await past(other, (await mine.put('z', { email: 'zz' }, { ttlMs: 1 })).expiresAt)
        const [a, b] = await Promise.all([suite.store.sweep(), other.sweep()])
        assert.ok(a.expired + b.expired >= 2)
        assert.equal((await theirs.put('y', {})).version, 1)
      } finally {
        await other.close()
      }
    })

    it('a soft delete by one refuses the late writes of another that knows nothing of it', async () => {
      if (openAnother === undefined) return
      const other = await openAnother({ sweepIntervalMs: 0 })
      try {
        const id = freshTenantId()
        const mine = suite.store.tenant(id).collection<Json>('conformance-soft')
        const theirs = other.tenant(id).collection<Json>('conformance-soft')
        await theirs.put('a', { email: 'a' })
        suite.store.tenant(id).collection('conformance-soft', { softDelete: true })
        await mine.deleteOne('a')
        await assert.rejects(theirs.put('a', { email: 'a' }), removed)
        await assert.rejects(theirs.insertOne({ email: 'a' }, { id: 'a' }), removed)
        assert.equal(await theirs.get('a'), undefined)
      } finally {
        await other.close()
      }
    })
  })
}

function plain2(tx: Pick<TenantStore, 'collection'>): Collection<Json> {
  return tx.collection<Json>('conformance-life')
}
