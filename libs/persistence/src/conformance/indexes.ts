import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import type { Collection, IndexSpecification } from '../document-store.js'
import { faultOf, type Json, type Suite, untyped } from './suite.js'

const violation = { code: 'ALREADY_EXISTS', reason: 'UNIQUE_VIOLATION' }

export function testIndexes(suite: Suite): void {
  const docs = (name: string, indexes: readonly IndexSpecification[]): Collection<Json> =>
    suite.tenant().collection<Json>(`conformance-${name}`, { indexes })
  const ids = async (found: AsyncIterable<{ readonly id: string }>): Promise<string[]> => {
    const all: string[] = []
    for await (const { id } of found) all.push(id)
    return all
  }

  describe('an array index', () => {
    const tags = [
      ['one', 'x'],
      ['scalar', ['x']],
      ['several', ['w', 'x']],
      ['nested', [['x']]],
      ['other', ['y']],
      ['object', { x: 1 }],
      ['key', [{ x: 'y' }]],
      ['number', [1, '1']],
      ['truth', [true, null]],
      ['none', []],
    ] as const
    const tagged = async (): Promise<Collection<Json>> => {
      const collection = docs('tagged', [
        { on: 'tags', array: true },
        { on: 'deep.tags', array: true },
      ])
      await collection.insertMany(
        tags.map(([id, value]) => ({ id, data: { tags: value, deep: [{ tags: value }, 7] } })),
      )
      await collection.put('missing', { deep: { tags: 'x' } })
      return collection
    }

    it('changes nothing about what equality and $in find', async () => {
      const collection = await tagged()
      for (const [filter, expected] of [
        [{ tags: 'x' }, ['one', 'scalar', 'several']],
        [{ 'deep.tags': 'x' }, ['missing', 'one', 'scalar', 'several']],
        [{ tags: { $in: ['x', 'y'] } }, ['one', 'other', 'scalar', 'several']],
        [{ tags: 1 }, ['number']],
        [{ tags: '1' }, ['number']],
        [{ tags: true }, ['truth']],
        [{ tags: null }, ['missing', 'truth']],
        [{ tags: { $in: [null, 1] } }, ['missing', 'number', 'truth']],
        [{ tags: ['x'] }, ['nested', 'scalar']],
        [{ tags: { x: 1 } }, ['object']],
        [{ tags: 'x', $or: [{ tags: 'w' }, { _id: 'one' }] }, ['one', 'several']],
        [{ tags: { $ne: 'x' } }, ['key', 'missing', 'nested', 'none', 'number', 'object', 'other', 'truth']],
        [{ tags: { $in: [] } }, []],
      ] as const) {
        assert.deepEqual(await ids(collection.find(filter)), expected, JSON.stringify(filter))
        assert.equal(await collection.count(filter), expected.length, JSON.stringify(filter))
      }
    })

    it('finds what JSON in the database cannot hold as it is', async () => {
      const collection = docs('tagged', [{ on: 'tags', array: true }])
      const odd = ['\u0000', '\ud800', '\ufdd0', '"', '\\', "'", 't.data', '🜚']
      await collection.put('odd', { tags: odd })
      for (const tag of odd) assert.deepEqual(await ids(collection.find({ tags: tag })), ['odd'], JSON.stringify(tag))
    })
  })

  describe('a partial index', () => {
    it('forbids equal values only among the documents that match', async () => {
      const accounts = docs('accounts', [{ on: 'email', unique: true, where: { state: 'active' } }])
      await accounts.put('1', { email: 'a@b', state: 'active' })
      await accounts.put('2', { email: 'a@b', state: 'closed' })
      await accounts.put('3', { email: 'a@b' })
      await assert.rejects(accounts.put('4', { email: 'a@b', state: 'active' }), violation)
      await assert.rejects(accounts.put('4', { email: 'a@b', state: ['new', 'active'] }), violation)
      await accounts.put('4', { email: 'a@b', state: [['active']] })
      await assert.rejects(accounts.updateOne('2', { $set: { state: 'active' } }), violation)
      await accounts.updateOne('1', { $set: { state: 'closed' } })
      await accounts.updateOne('2', { $set: { state: 'active' } })
    })

    /** [condition, documents in it, documents outside]. Two of those in it with the same value must collide, others must not. */
    const conditions: readonly (readonly [Json, readonly Json[], readonly Json[]])[] = [
      [{ n: { $gt: 10 } }, [{ n: 11 }, { n: [1, 12] }], [{ n: 10 }, { n: '11' }, { n: [[11]] }, {}]],
      [{ 's.t': { $gte: 'b' } }, [{ s: { t: 'b' } }, { s: [{ t: 'a' }, { t: 'c' }] }], [{ s: { t: 'a' } }, { s: 'b' }]],
      [{ gone: null }, [{}, { gone: null }, { gone: [null] }], [{ gone: 0 }, { gone: [] }, { gone: [[null]] }]],
      [{ gone: { $exists: false } }, [{}], [{ gone: null }]],
      [{ on: true }, [{ on: true }], [{ on: false }, { on: 1 }, { on: 'true' }]],
      [{ k: { $in: ['a', 2] } }, [{ k: 'a' }, { k: 2 }], [{ k: '2' }, { k: 'b' }]],
      [{ $or: [{ a: 1 }, { b: { $lt: 0 } }] }, [{ a: 1 }, { b: -1 }], [{ a: 2, b: 0 }]],
      [{ k: { $ne: 'x' } }, [{ k: 'y' }, {}], [{ k: 'x' }, { k: ['x', 'y'] }]],
      [{ "it's": 'root.data "quoted" \\' }, [{ "it's": 'root.data "quoted" \\' }], [{ "it's": 'rootdata' }]],
      [{ k: '\u0000' }, [{ k: '\u0000' }], [{ k: '0' }]],
    ]
    for (const [where, inside, outside] of conditions) {
      it(`has the documents that match ${JSON.stringify(where)}, and serves a filter that says the same`, async () => {
        const collection = docs(`partial${conditions.findIndex(([one]) => one === where)}`, [
          { on: 'value', unique: true, where },
        ])
        for (const [place, data] of outside.entries()) await collection.put(`out${place}`, { ...data, value: 1 })
        for (const [place, data] of inside.entries()) {
          await collection.put('in', { ...data, value: 1 })
          await assert.rejects(collection.put('other', { ...data, value: 1 }), violation, `inside ${place}`)
          assert.deepEqual(await ids(collection.find({ ...where, value: 1 }, { limit: 5 })), ['in'])
          assert.equal(await collection.count({ value: 1, ...where }), 1)
        }
        assert.equal(await collection.count({ value: 1 }), outside.length + 1)
      })
    }
  })

  describe('an index with directions', () => {
    it('leaves the order of a sort as it is', async () => {
      const collection = docs('directed', [{ on: ['team', 'at'], direction: [1, -1] }])
      const data = ['a', 'b'].flatMap((team) => [1, 2, 3].map((at) => ({ team, at })))
      await collection.insertMany(data.map((one) => ({ id: `${one.team}${one.at}`, data: one })))
      const expected = ['a3', 'a2', 'a1', 'b3', 'b2', 'b1']
      assert.deepEqual(await ids(collection.find({}, { sort: { team: 1, at: -1 } })), expected)
      const page = await collection.find({}, { sort: { team: 1, at: -1 }, limit: 4 }).page()
      const rest = collection.find(
        {},
        { sort: { team: 1, at: -1 }, ...(page.next === undefined ? {} : { after: page.next }) },
      )
      assert.deepEqual(await ids(rest), expected.slice(4))
    })
  })

  describe('store.indexes', () => {
    it('reports what is declared as ready, and refuses to drop it', async () => {
      const name = `conformance-${randomUUID().slice(0, 8)}`
      const declared = suite.tenant().collection<Json>(name, {
        indexes: [
          { on: ['a.b', 'c'] },
          { on: 'd', unique: true, where: { e: 1 } },
          { on: 'f', array: true },
          { on: ['g', 'h'], text: { language: 'german' } },
        ],
      })
      await declared.put('x', { d: 1 })
      await suite.store.indexes.built()
      const { indexes } = await suite.store.indexes.report(name)
      const shown = indexes.map(({ collection, on, kind, unique, partial, status }) => {
        return [collection === name, on.join(), kind, unique, partial, status]
      })
      assert.deepEqual(
        shown.sort((a, b) => (String(a[1]) < String(b[1]) ? -1 : 1)),
        [
          [true, 'a.b,c', 'fields', false, false, 'ready'],
          [true, 'd', 'fields', true, true, 'ready'],
          [true, 'f', 'array', false, false, 'ready'],
          [true, 'g,h', 'text', false, false, 'ready'],
        ],
      )
      await assert.rejects(suite.store.indexes.drop(indexes[0]?.name ?? ''), {
        code: 'FAILED_PRECONDITION',
        reason: 'INDEX_DECLARED',
      })
      await assert.rejects(suite.store.indexes.drop('x_nothing_0'), { code: 'NOT_FOUND' })
    })

    it('knows nothing of a collection that is not there', async () => {
      assert.deepEqual(await suite.store.indexes.report('conformance-nowhere'), { indexes: [], missing: [] })
    })
  })

  describe('a declaration of an index', () => {
    it('is refused with the name of the option at fault', () => {
      for (const [index, field] of [
        [{ on: [] }, 'indexes[0].on'],
        [{ on: ['a', 'a'] }, 'indexes[0].on'],
        [{ on: Array.from({ length: 9 }, (_, n) => `f${n}`) }, 'indexes[0].on'],
        [{ on: '_id' }, 'indexes[0].on'],
        [{ on: 'a', array: 1 }, 'indexes[0].array'],
        [{ on: ['a', 'b'], array: true }, 'indexes[0].on'],
        [{ on: 'a.0', array: true }, 'indexes[0].on'],
        [{ on: 'a', array: true, unique: true }, 'indexes[0].unique'],
        [{ on: 'a', array: true, text: true }, 'indexes[0].on'],
        [{ on: 'a', text: true, unique: true }, 'indexes[0].unique'],
        [{ on: 'a', text: { language: 'klingon' } }, 'indexes[0].text.language'],
        [{ on: 'a', text: 'english' }, 'indexes[0].text'],
        [{ on: 'a', text: true, direction: 1 }, 'indexes[0].direction'],
        [{ on: 'a', direction: 2 }, 'indexes[0].direction'],
        [{ on: 'a', direction: [1, -1] }, 'indexes[0].direction'],
        [{ on: 'a', where: 'x' }, 'indexes[0].where'],
        [{ on: 'a', where: {} }, 'indexes[0].where'],
        [{ on: 'a', where: { b: { $gtt: 1 } } }, 'indexes[0].where.b.$gtt'],
        [{ on: 'a', where: { b: [1] } }, 'indexes[0].where'],
        [{ on: 'a', where: { b: /x/ } }, 'indexes[0].where'],
        [{ on: 'a', where: { 'b.c': null } }, 'indexes[0].where'],
        [{ on: 'a', where: { 'b.0': 1 } }, 'indexes[0].where'],
        [{ on: 'a', where: { _id: 'x' } }, 'indexes[0].where'],
        [{ on: 'a', sparse: true }, 'sparse'],
      ] as const) {
        assert.throws(() => docs('refused', [untyped(index)]), faultOf(field), JSON.stringify(index))
      }
      assert.throws(
        () =>
          docs('refused', [
            { on: 'a', text: true },
            { on: 'b', text: true },
          ]),
        faultOf('indexes'),
      )
    })
  })
}
