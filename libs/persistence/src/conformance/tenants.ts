import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { freshTenantId, type Suite, upTo } from './suite.js'

export function testTenants(suite: Suite): void {
  describe('a tenant', () => {
    it('sees and touches only its own documents', async () => {
      const [mine, other] = upTo(2).map(() => suite.tenant().collection<{ of: string }>('conformance-docs'))
      assert.ok(mine !== undefined && other !== undefined)
      await Promise.all([mine.put('x', { of: 'mine' }), other.put('x', { of: 'other' })])
      await other.put('y', { of: 'other' })
      assert.deepEqual((await mine.get('x'))?.data, { of: 'mine' })
      assert.deepEqual(
        (await mine.getMany(['x', 'y'])).map((one) => one?.data.of),
        ['mine', undefined],
      )
      assert.equal(await mine.count(), 1)
      assert.deepEqual(await mine.find({ of: 'other' }).toArray(), [])
      assert.equal(await mine.updateOne('y', { $set: { of: 'mine' } }), undefined)
      assert.equal(await mine.deleteOne('y'), false)
      assert.deepEqual(await mine.updateMany({}, { $set: { seen: true } }), { matched: 1, modified: 1 })
      assert.deepEqual(await mine.deleteMany({}), { deleted: 1 })
      assert.deepEqual(
        (await other.find().toArray()).map(({ id, version }) => [id, version]),
        [
          ['x', 1],
          ['y', 1],
        ],
      )
    })

    it('sees and touches only its own streams', async () => {
      const [mine, other] = upTo(2).map(() => suite.tenant().log<string>('conformance-log'))
      assert.ok(mine !== undefined && other !== undefined)
      await Promise.all([
        mine.append('s', [{ key: 'k', data: 'mine' }]),
        other.append('s', [{ key: 'k', data: 'other' }, { data: 'more' }]),
      ])
      assert.deepEqual(
        (await mine.read('s')).map(({ seq, data }) => [seq, data]),
        [[1, 'mine']],
      )
      await other.append('t', [{ data: 'x' }])
      await assert.rejects(mine.append('t', [{ data: 'x' }], { ifExists: true }), { code: 'NOT_FOUND' })
      await assert.rejects(mine.fork('t', 1, 'u'), { code: 'NOT_FOUND' })
      assert.equal(await mine.amend('t', 1, 'y'), undefined)
      assert.equal(await mine.remove('t'), false)
      await mine.remove('s')
      assert.equal((await other.read('s')).length, 2)
    })

    it('sees and touches only its own blobs', async () => {
      const [mine, other] = upTo(2).map(() => suite.tenant().blobs)
      assert.ok(mine !== undefined && other !== undefined)
      const { hash } = await other.put(Buffer.from('same bytes'))
      assert.equal(await mine.stat(hash), undefined)
      await assert.rejects(mine.bytes(hash), { code: 'NOT_FOUND' })
      assert.equal(await mine.remove(hash), false)
      await mine.put(Buffer.from('same bytes'))
      await mine.remove(hash)
      assert.equal((await other.bytes(hash)).length, 10)
    })

    it('keeps to itself in its transactions', async () => {
      const [mine, other] = [suite.tenant(), suite.tenant()]
      await mine.transaction(async (tx) => {
        assert.equal(tx.tenantId, mine.tenantId)
        await tx.collection('conformance-docs').put('x', {})
        await tx.log('conformance-log').append('s', [{ data: 1 }])
      })
      assert.equal(await other.collection('conformance-docs').count(), 0)
      assert.equal((await other.log('conformance-log').head('s')).exists, false)
    })

    it('may have any name that is text', async () => {
      const base = freshTenantId()
      const ids = ['', "'; drop table x; --", '../../etc', '%', '_', '\\', '"', '\u{1f600}', '\u202e', 'ﬃ', ' '].map(
        (end) => base + end,
      )
      for (const [index, id] of ids.entries()) {
        const tenant = suite.store.tenant(id)
        assert.equal(tenant.tenantId, id)
        await tenant.collection<number>('conformance-docs').put('x', index)
      }
      for (const [index, id] of ids.entries()) {
        assert.equal((await suite.store.tenant(id).collection<number>('conformance-docs').get('x'))?.data, index)
      }
    })

    it('can be let go of while the store stays open', async () => {
      const { tenantId } = suite.tenant()
      {
        await using tenant = suite.store.tenant(tenantId)
        await tenant.collection<number>('conformance-docs').put('x', 1)
      }
      assert.equal((await suite.store.tenant(tenantId).collection<number>('conformance-docs').get('x'))?.data, 1)
    })
  })
}
