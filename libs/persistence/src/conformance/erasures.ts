import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { TenantStore } from '../document-store.js'
import { faultOf, type Json, type Suite, untyped, upTo } from './suite.js'

const bytesOf = (text: string): Uint8Array => Buffer.from(text.repeat(20))

const nothing = {
  documents: 0,
  logs: { streams: 0, entries: 0 },
  blobs: 0,
  feed: 0,
  keys: 0,
  other: 0,
  remaining: 0,
}

export function testErasures(suite: Suite): void {
  describe('the erasure of a tenant', () => {
    it('counts what it deletes, leaves nothing, and nothing of other tenants', async () => {
      const [tenant, other] = [suite.tenant(), suite.tenant()]
      for (const one of [tenant, other]) await fill(one)
      const report = await tenant.eraseTenant()
      // 30 documents that are there, one expired, one tombstone; those of the feed beside them.
      assert.deepEqual(report.documents, 30 + 1 + 1 + 3)
      assert.deepEqual(report.logs, { streams: 3, entries: 12 })
      assert.equal(report.blobs, 1)
      assert.equal(report.feed, 4)
      assert.ok(report.other > 0)
      assert.equal(report.remaining, 0)
      assert.deepEqual(await tenant.eraseTenant(), nothing)
      assert.equal(await tenant.collection('conformance-erased').count(), 0)
      assert.equal((await tenant.log('conformance-erased').head('s')).exists, false)
      assert.equal((await tenant.log<number>('conformance-erased').append('s', [{ data: 1 }]))[0]?.seq, 1)
      assert.equal(await other.collection('conformance-erased').count(), 30)
      assert.equal((await other.log('conformance-erased').read('s')).length, 10)
    })

    it('lets the tenant begin anew: removed streams and ids too', async () => {
      const tenant = suite.tenant()
      await fill(tenant)
      await tenant.eraseTenant()
      await fill(tenant)
      assert.equal(await tenant.collection('conformance-erased').count(), 30)
      assert.equal((await tenant.eraseTenant()).documents, 35)
    })

    it('has to name the tenant', async () => {
      await assert.rejects(suite.store.eraseTenant(), { code: 'FAILED_PRECONDITION', reason: 'TENANT_NOT_NAMED' })
    })

    it('of large holdings goes in batches', async () => {
      const tenant = suite.tenant()
      const docs = tenant.collection<Json>('conformance-erased')
      await docs.insertMany(upTo(4_500).map((n) => ({ data: { n } })))
      const report = await tenant.eraseTenant()
      assert.deepEqual([report.documents, report.remaining], [4_500, 0])
    })
  })

  describe('the erasure of a subject', () => {
    const about = (tenant: TenantStore) =>
      tenant.collection<Json>('conformance-about', { subject: 'user.id', indexes: [{ on: 'user.id' }] })

    it('finds its documents in all collections that declare whom they are about', async () => {
      const tenant = suite.tenant()
      const docs = about(tenant)
      const second = tenant.collection<Json>('conformance-about2', { subject: 'owner' })
      await docs.insertMany(upTo(1_200).map((n) => ({ id: `d${n}`, data: { user: { id: `u${n % 2}` } } })))
      await second.insertMany(upTo(4).map((n) => ({ id: `d${n}`, data: { owner: `u${n % 2}` } })))
      const report = await tenant.eraseSubject({ id: 'u1' })
      assert.deepEqual(report, {
        documents: 602,
        logs: { streams: 0, entries: 0 },
        blobs: 0,
        remaining: { documents: 0, entries: 0, blobs: 0 },
      })
      assert.equal(await docs.count({ 'user.id': 'u1' }), 0)
      assert.deepEqual([await docs.count(), await second.count()], [600, 2])
      assert.equal((await tenant.eraseSubject({ id: 'u1' })).documents, 0)
    })

    it('takes further documents, streams and blobs by their names', async () => {
      const tenant = suite.tenant()
      const docs = tenant.collection<Json>('conformance-erased')
      await docs.insertMany([
        { id: 'a', data: { email: 'x@y' } },
        { id: 'b', data: { email: 'z@y' } },
      ])
      const log = tenant.log<string>('conformance-erased')
      await log.append('chat-1', [{ data: 'x@y' }, { data: 'x@y' }])
      await log.append('chat-2', [{ data: 'z@y' }])
      const [linked, named, shared] = await Promise.all(
        ['linked', 'named', 'shared'].map((text) => tenant.blobs.put(bytesOf(`${text} ${tenant.tenantId}`))),
      )
      assert.ok(linked !== undefined && named !== undefined && shared !== undefined)
      await tenant.blobs.link(linked.hash, { collection: 'conformance-erased', id: 'a' })
      await tenant.blobs.link(shared.hash, { log: 'conformance-erased', stream: 'chat-1', seq: 2 })
      await tenant.blobs.link(shared.hash, { collection: 'conformance-erased', id: 'b' })
      const report = await tenant.eraseSubject({
        collections: { 'conformance-erased': { email: 'x@y' } },
        logs: { 'conformance-erased': ['chat-1', 'chat-9'] },
        blobs: [named.hash],
      })
      assert.deepEqual(report, {
        documents: 1,
        logs: { streams: 1, entries: 2 },
        blobs: 2,
        remaining: { documents: 0, entries: 0, blobs: 1 },
      })
      assert.deepEqual(
        (await docs.find().toArray()).map(({ id }) => id),
        ['b'],
      )
      assert.equal(await tenant.blobs.stat(linked.hash), undefined)
      assert.ok((await tenant.blobs.stat(shared.hash)) !== undefined)
      await assert.rejects(log.append('chat-1', [{ data: 'late' }]), { code: 'FAILED_PRECONDITION' })
      assert.equal((await log.read('chat-2')).length, 1)
    })

    it('tells of entries that a branch still shows, and takes them with the branch', async () => {
      const tenant = suite.tenant()
      const log = tenant.log<string>('conformance-erased')
      await log.append('chat', [{ data: '1' }, { data: '2' }, { data: '3' }])
      await log.fork('chat', 2, 'branch')
      const first = await tenant.eraseSubject({ logs: { 'conformance-erased': ['chat'] } })
      assert.deepEqual([first.logs, first.remaining.entries], [{ streams: 1, entries: 1 }, 2])
      const second = await tenant.eraseSubject({ logs: { 'conformance-erased': ['branch', 'chat'] } })
      assert.deepEqual([second.logs.streams, second.remaining.entries], [1, 0])
    })

    it('reaches what nobody sees: expired and soft-deleted documents; late writers stay fenced', async () => {
      const tenant = suite.tenant()
      const timed = about(tenant)
      const soft = tenant.collection<Json>('conformance-about-soft', { subject: 'user', softDelete: true })
      const { expiresAt } = await timed.insertOne({ user: { id: 'u1' } }, { id: 'ended', ttlMs: 1 })
      await timed.insertOne({ user: { id: 'u2' } }, { id: 'other', ttlMs: 1 })
      await soft.insertMany(
        ['gone', 'there', 'else'].map((id) => ({ id, data: { user: id === 'else' ? 'u2' : 'u1' } })),
      )
      await soft.deleteMany({ _id: { $in: ['gone', 'else'] } })
      while ((await suite.store.now()) <= (expiresAt ?? 0)) await delay(5)
      const report = await tenant.eraseSubject({ id: 'u1' })
      assert.deepEqual([report.documents, report.remaining.documents], [3, 0])
      assert.equal(await soft.restore('gone'), undefined)
      assert.equal((await soft.restore('else'))?.version, 2)
      await assert.rejects(soft.put('there', { user: 'u1' }), { reason: 'DOCUMENT_REMOVED' })
      assert.equal((await tenant.eraseSubject({ id: 'u1' })).documents, 0)
    })

    it('must be told whose data to take', async () => {
      const tenant = suite.tenant()
      const erase = (subject: unknown) => tenant.eraseSubject(untyped(subject))
      await assert.rejects(erase({}), faultOf('subject'))
      await assert.rejects(erase({ id: '' }), faultOf('subject.id'))
      await assert.rejects(erase({ id: { $ne: 1 } }), faultOf('subject.id'))
      await assert.rejects(erase({ user: 'u1' }), faultOf('user'))
      await assert.rejects(
        erase({ collections: { 'conformance-erased': {} } }),
        faultOf('subject.collections.conformance-erased'),
      )
      await assert.rejects(erase({ collections: ['conformance-erased'] }), faultOf('subject.collections'))
      await assert.rejects(erase({ logs: { 'conformance-erased': 's' } }), faultOf('subject.logs.conformance-erased'))
      assert.throws(() => tenant.collection('conformance-erased', { subject: '_id' }), faultOf('subject'))
      assert.throws(() => tenant.collection('conformance-about', { subject: 'elsewhere' }), faultOf('subject'))
    })
  })
}

/** Something of everything. */
async function fill(tenant: TenantStore): Promise<void> {
  const marker = `${tenant.tenantId} ${randomUUID()}`
  const docs = tenant.collection<Json>('conformance-erased')
  await docs.insertMany(upTo(30).map((n) => ({ id: `d${n}`, data: { marker, n } })))
  await docs.put('ended', { marker }, { ttlMs: 1 })
  // In memory the rest takes less than the millisecond that it lives.
  while ((await docs.get('ended')) !== undefined) await new Promise((resolve) => setTimeout(resolve, 2))
  const soft = tenant.collection<Json>('conformance-erased-soft', { softDelete: true })
  await soft.put('removed', { marker })
  await soft.deleteOne('removed')
  const fed = tenant.collection<Json>('conformance-erased-fed', { feed: true })
  await fed.insertMany(upTo(3).map((n) => ({ id: `${marker} ${n}`, data: { marker } })))
  await fed.updateOne(`${marker} 0`, { $set: { n: 1 } })
  const log = tenant.log<string>('conformance-erased')
  await log.append(
    's',
    upTo(10).map((n) => ({ key: `${marker} ${n}`, data: marker })),
  )
  await log.append('removed', [{ data: marker }, { data: marker }])
  await log.fork('removed', 2, 'branch')
  await log.remove('removed')
  const blob = await tenant.blobs.put(bytesOf(marker))
  await tenant.blobs.link(blob.hash, { collection: 'conformance-erased', id: 'd1' })
  await tenant.transaction(
    (tx) =>
      tx
        .collection<Json>('conformance-erased')
        .get('d1')
        .then(() => marker),
    { key: marker },
  )
}
