import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CollectionOptions } from '../document-store.js'
import { collect, faultOf, type Json, type Suite, untyped, upTo } from './suite.js'

export function testColumns(suite: Suite): void {
  describe('fields with columns of their own', () => {
    const open = (tenant = suite.tenant(), options: CollectionOptions<Json> = {}) =>
      tenant.collection<Json>('conformance-columns', { columns: ['state', 'at', 'tags'], ...options })

    it('are filtered, sorted, paged, counted and told apart like all others', async () => {
      const docs = open()
      await docs.insertMany(
        upTo(30).map((n) => ({
          id: `d${n}`,
          data: {
            state: n % 3 === 0 ? 'open' : { of: n % 2 },
            at: n % 7,
            tags: [`t${n % 4}`, { n }],
            rest: 'x'.repeat(3_000),
          },
        })),
      )
      assert.equal(await docs.count({ state: 'open' }), 10)
      assert.equal(
        await docs.count({ 'state.of': 1, at: { $gte: 3 } }),
        upTo(30).filter((n) => n % 3 > 0 && n % 2 === 1 && n % 7 >= 3).length,
      )
      assert.equal(await docs.count({ 'tags.n': { $lt: 5 } }), 5)
      assert.equal(await docs.count({ tags: { $elemMatch: { n: 7 } } }), 1)
      assert.equal(await docs.count({ tags: 't1', state: { $exists: true }, at: { $ne: 2 } }), 7)
      assert.deepEqual(await docs.distinct('at'), upTo(7))
      assert.deepEqual(await docs.distinct('state.of', { at: 3 }), [0, 1])
      const expected = upTo(30)
        .sort((a, b) => (b % 7) - (a % 7) || (`d${b}` < `d${a}` ? -1 : 1))
        .map((n) => `d${n}`)
      const paged: string[] = []
      for (let after: string | undefined, more = true; more;) {
        const { items, next } = await docs
          .find({}, { sort: { at: -1 }, limit: 7, ...(after === undefined ? {} : { after }) })
          .page()
        paged.push(...items.map(({ id }) => id))
        after = next
        more = next !== undefined
      }
      assert.deepEqual(paged, expected)
      const [first] = await docs.find({ at: 6 }, { sort: { 'state.of': -1 }, project: { at: 1 } }).toArray()
      assert.deepEqual(first?.data, { at: 6 })
    })

    it('follow every kind of write', async () => {
      const docs = open()
      await docs.put('a', { state: 1 })
      await docs.updateOne('a', { $set: { state: 2 }, $unset: { at: '' } })
      await docs.updateMany({ state: 2 }, { $inc: { state: 1 } })
      await docs.load([{ id: 'b', data: { state: 3, at: null } }])
      assert.deepEqual(
        (await collect(docs.find({ state: 3 }))).map(({ id }) => id),
        ['a', 'b'],
      )
      const claimed = await docs.claim(
        { state: 3, at: { $exists: true } },
        { set: { state: 'taken' }, sort: { at: -1 } },
      )
      assert.equal(claimed?.id, 'b')
      assert.equal(await docs.count({ state: 'taken' }), 1)
      assert.deepEqual(await docs.deleteMany({ at: null }), { deleted: 2 })
    })

    it('may be declared later, beside others and together with indexes, by any program', async () => {
      const tenant = suite.tenant()
      const plain = tenant.collection<Json>('conformance-columns-later')
      await plain.put('a', { state: 'open', at: 1, team: { name: 'x' } })
      const some = tenant.collection<Json>('conformance-columns-later', {
        columns: ['state', 'team'],
        indexes: [{ on: 'at' }, { on: 'team.name' }],
      })
      await some.put('b', { state: 'open', at: 2, team: [{ name: 'x' }] })
      const more = tenant.collection<Json>('conformance-columns-later', { columns: ['at'] })
      await plain.put('c', { state: 'shut', at: 3 })
      for (const docs of [plain, some, more]) {
        assert.deepEqual(
          (await docs.find({ state: 'open', at: { $gt: 0 } }, { sort: { at: -1 } }).toArray()).map(({ id }) => id),
          ['b', 'a'],
        )
        assert.equal(await docs.count({ 'team.name': 'x' }), 2)
      }
    })

    it('hold any value that a document may have', async () => {
      const docs = open()
      const values = [null, 0, -1.5, '', '\0', '\ud800', 'é', [], {}, [[1]], { __proto__: null, a: [] }, true, false]
      await docs.insertMany(values.map((state, n) => ({ id: `d${String(n).padStart(2, '0')}`, data: { state } })))
      for (const [n, state] of values.entries()) {
        const found = (await docs.find({ state: { $eq: state } }).toArray()).map(({ id }) => id)
        assert.ok(found.includes(`d${String(n).padStart(2, '0')}`), JSON.stringify(state))
      }
      assert.equal(await docs.count({ state: '\0' }), 1)
    })

    it('are refused where they cannot be', () => {
      const tenant = suite.tenant()
      for (const [columns, field] of [
        ['state', 'columns'],
        [['a', 'a'], 'columns'],
        [['a.b'], 'columns[0]'],
        [['a', '0'], 'columns[1]'],
        [['a"; drop table x; --'], 'columns[0]'],
        [['x'.repeat(61)], 'columns[0]'],
        [[5], 'columns[0]'],
      ] as const) {
        assert.throws(() => tenant.collection('conformance-columns', untyped({ columns })), faultOf(field))
      }
      assert.throws(
        () => tenant.collection('conformance-columns-secret', { columns: ['a'], encrypt: true }),
        faultOf('columns'),
      )
    })
  })
}
