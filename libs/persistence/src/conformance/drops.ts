import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { TenantStore } from '../document-store.js'
import { type Json, type Suite, upTo } from './suite.js'

export function testDrops(suite: Suite): void {
  const soft = (tenant: TenantStore) =>
    tenant.collection<Json>('conformance-dropped', {
      softDelete: true,
      feed: true,
      indexes: [{ on: 'n', unique: true }],
    })

  describe('dropping a collection', () => {
    it('deletes all that the tenant has of it, and nothing of others', async () => {
      const [tenant, other] = [suite.tenant(), suite.tenant()]
      const docs = soft(tenant)
      for (const one of [tenant, other]) {
        await soft(one).insertMany(upTo(1_200).map((n) => ({ id: `d${n}`, data: { n } })))
      }
      await docs.deleteOne('d7')
      const { expiresAt } = await docs.insertOne({ n: 'ended' }, { ttlMs: 1 })
      while ((await suite.store.now()) <= (expiresAt ?? 0)) await delay(5)
      assert.deepEqual(await docs.drop(), { deleted: 1_199 })
      assert.equal(await docs.count(), 0)
      assert.equal(await soft(other).count(), 1_200)
      assert.deepEqual(await docs.drop(), { deleted: 0 })
    })

    it('leaves ids, unique values and tombstones free, and the collection as it was declared', async () => {
      const docs = soft(suite.tenant())
      await docs.put('a', { n: 1 })
      await docs.put('b', { n: 2 })
      await docs.deleteOne('b')
      await assert.rejects(docs.put('b', { n: 3 }), { reason: 'DOCUMENT_REMOVED' })
      await docs.drop()
      assert.equal(await docs.restore('b'), undefined)
      assert.equal((await docs.put('b', { n: 1 })).version, 1)
      await assert.rejects(docs.put('c', { n: 1 }), { reason: 'UNIQUE_VIOLATION' })
    })

    it('tells the feed of each document once', async () => {
      const docs = soft(suite.tenant())
      await docs.put('a', { n: 1 })
      await docs.put('b', { n: 2 })
      await docs.deleteOne('b')
      await docs.drop()
      await docs.put('end', { n: 3 })
      const seen: string[] = []
      for await (const { op, id } of docs.watch({ from: 'start' })) {
        seen.push(`${op} ${id}`)
        if (id === 'end') break
      }
      assert.deepEqual(seen, ['write a', 'write b', 'delete b', 'delete a', 'write end'])
    })

    it('unlinks the blobs of its documents', async () => {
      const tenant = suite.tenant()
      const docs = tenant.collection<Json>('conformance-dropped2')
      const [own, shared] = await Promise.all(
        ['own', 'shared'].map((text) => tenant.blobs.put(Buffer.from(`${text} ${tenant.tenantId}`))),
      )
      assert.ok(own !== undefined && shared !== undefined)
      await docs.put('a', {})
      await tenant.blobs.link(own.hash, { collection: docs.name, id: 'a' })
      await tenant.blobs.link(shared.hash, { collection: docs.name, id: 'a' })
      await tenant.blobs.link(shared.hash, 'elsewhere')
      await docs.drop()
      assert.equal((await tenant.blobs.collect({ olderThanMs: 0 })).blobs, 1)
      assert.equal(await tenant.blobs.stat(own.hash), undefined)
      assert.deepEqual(await tenant.blobs.links(shared.hash), ['elsewhere'])
    })

    it('is refused inside a transaction', async () => {
      const tenant = suite.tenant()
      await tenant.collection<Json>('conformance-dropped2').put('a', {})
      const dropping = tenant.transaction((tx) => tx.collection('conformance-dropped2').drop())
      await assert.rejects(dropping, { code: 'FAILED_PRECONDITION' })
      assert.equal(await tenant.collection('conformance-dropped2').count(), 1)
    })
  })

  describe('the collections of a tenant', () => {
    it('are those in which it has documents, by name', async () => {
      const [tenant, other] = [suite.tenant(), suite.tenant()]
      assert.deepEqual(await tenant.collections(), [])
      await other.collection('conformance-dropped').put('a', { n: 1 })
      await tenant.collection('conformance-dropped2').put('a', {})
      await soft(tenant).put('a', { n: 1 })
      await tenant.collection('conformance-listed').count()
      assert.deepEqual(await tenant.collections(), ['conformance-dropped', 'conformance-dropped2'])
      await soft(tenant).deleteOne('a')
      assert.deepEqual(await tenant.collections(), ['conformance-dropped2'])
      await tenant.collection('conformance-dropped2').drop()
      assert.deepEqual(await tenant.collections(), [])
      assert.deepEqual(await other.collections(), ['conformance-dropped'])
    })

    it('are seen by another store on the same data', { skip: suite.openAnother === undefined }, async () => {
      const tenant = suite.tenant()
      await using another = await suite.openAnother?.()
      await tenant.collection('conformance-listed').put('a', {})
      assert.deepEqual(await another?.tenant(tenant.tenantId).collections(), ['conformance-listed'])
    })
  })
}
