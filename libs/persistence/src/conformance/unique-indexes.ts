import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Collection, TenantStore } from '../document-store.js'
import { type Json, type Suite, upTo } from './suite.js'

const violation = { code: 'ALREADY_EXISTS', reason: 'UNIQUE_VIOLATION' }

export function testUniqueIndexes(suite: Suite): void {
  const users = (tenant: TenantStore = suite.tenant()): Collection<Json> =>
    tenant.collection<Json>('conformance-users', {
      indexes: [{ on: 'email', unique: true }, { on: ['team', 'at.place'], unique: true }, { on: 'n' }],
    })
  /** Documents that only their e-mail addresses can make collide. */
  const user = (email: unknown, place = Math.random()): Json => ({ email, team: 't', at: { place } })

  describe('a unique index', () => {
    it('forbids the same value, however it is written', async () => {
      const docs = users()
      await docs.insertOne(user('a@b'), { id: '1' })
      await docs.insertOne(user('c@d'), { id: '2' })
      await assert.rejects(docs.insertOne(user('a@b'), { id: '3' }), violation)
      await assert.rejects(docs.put('3', user('a@b')), violation)
      await assert.rejects(docs.put('2', user('a@b')), violation)
      await assert.rejects(docs.put('2', user('a@b'), { ifVersion: 1 }), violation)
      await assert.rejects(docs.updateOne('2', { $set: { email: 'a@b' } }), violation)
      await assert.rejects(docs.updateOne('4', { $set: user('a@b') }, { upsert: true }), violation)
      await assert.rejects(docs.insertMany([{ data: user('e@f') }, { data: user('a@b') }]), violation)
      assert.equal(await docs.count(), 2)
      assert.deepEqual([(await docs.get('2'))?.version, (await docs.get('2'))?.data['email']], [1, 'c@d'])
    })

    it('lets a document keep its own value, and frees what it gives up', async () => {
      const docs = users()
      await docs.put('1', user('a@b'))
      await docs.put('1', user('a@b'))
      await docs.put('1', user('c@d'))
      await docs.put('2', user('a@b'))
      await docs.deleteOne('1')
      await docs.put('3', user('c@d'))
    })

    it('tells values of different types apart', async () => {
      const docs = users()
      for (const value of [1, '1', true, '', false, 0, 'A', 'a']) await docs.insertOne(user(value))
      await assert.rejects(docs.insertOne(user(1)), violation)
    })

    it('counts missing as null, as MongoDB does', async () => {
      const docs = users()
      await docs.insertOne(user(null))
      await assert.rejects(docs.insertOne(user(undefined)), violation)
    })

    it('on several fields forbids only the same combination', async () => {
      const docs = users()
      await docs.insertOne({ email: 1, team: 'a', at: { place: 1 } })
      await docs.insertOne({ email: 2, team: 'a', at: { place: 2 } })
      await docs.insertOne({ email: 3, team: 'b', at: { place: 1 } })
      await assert.rejects(docs.insertOne({ email: 4, team: 'b', at: { place: 1 } }), violation)
    })

    it('fails only those among many at once that break it', async () => {
      const docs = users()
      const results = await Promise.allSettled(upTo(40).map((n) => docs.put(`id${n}`, user(`mail${n % 30}`, n))))
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 30)
      for (const result of results)
        if (result.status === 'rejected') assert.equal(result.reason.reason, 'UNIQUE_VIOLATION')
      assert.equal(await docs.count(), 30)
    })

    it('is for each tenant', async () => {
      await users().insertOne(user('a@b'))
      await users().insertOne(user('a@b'))
    })

    it('can be added to documents that are there, unless they break it', async () => {
      const { tenantId } = suite.tenant()
      const name = () => `conformance-x${Math.floor(Math.random() * 1e12)}`
      const [good, bad] = [name(), name()]
      for (const collection of [good, bad]) {
        const plain = suite.store.tenant(tenantId).collection<Json>(collection)
        await plain.insertMany([
          { id: '1', data: { a: 1 } },
          { id: '2', data: { a: collection === bad ? 1 : 2 } },
        ])
      }
      const options = { indexes: [{ on: 'a', unique: true }] }
      const indexed = suite.store.tenant(tenantId).collection<Json>(good, options)
      assert.deepEqual((await indexed.get('1'))?.data, { a: 1 })
      await assert.rejects(indexed.insertOne({ a: 2 }), violation)
      await assert.rejects(suite.store.tenant(tenantId).collection<Json>(bad, options).get('1'), violation)
    })
  })
}
