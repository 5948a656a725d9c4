import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import type { Collection, Filter } from '../document-store.js'
import { parseProjection } from '../query/projection.js'
import { collect, faultOf, type Json, type Suite, untyped, upTo } from './suite.js'

/** What a filter, an update and a find can say beyond matching: see matching.ts for which documents a filter finds. */
export function testQueryLanguage(suite: Suite): void {
  const collection = (): Collection<Json> => suite.tenant().collection<Json>('conformance-docs')
  const idsOf = (documents: readonly { readonly id: string }[]): string[] => documents.map(({ id }) => id)

  describe('a filter that other stores have got wrong', () => {
    it('compares numbers as numbers: $gt 10 does not find 9', async () => {
      const docs = collection()
      await docs.insertMany(
        [9, 10, 11, 100, '9', '99'].map((n) => ({ id: String(typeof n === 'string' ? `text ${n}` : n), data: { n } })),
      )
      assert.deepEqual(idsOf(await docs.find({ n: { $gt: 10 } }).toArray()), ['100', '11'])
    })

    it('never matches everything because it has a RegExp or a Date: deleteMany leaves what does not match', async () => {
      const docs = collection()
      const rows = upTo(5).map((n) => ({ id: `d${n}`, data: { name: `name ${n}`, at: new Date(n * 1_000) } }))
      await docs.insertMany(rows)
      const misses: Filter[] = [
        { name: /^nothing like it/ },
        { name: { $regex: 'nothing' } },
        { name: { $in: [/nothing/] } },
        { at: new Date(99_000) },
        { at: { $gt: new Date(99_000) } },
        { $and: [{ name: /nothing/ }] },
        { at: { $elemMatch: { $gt: new Date(0) } } },
      ]
      for (const filter of misses) assert.deepEqual(await docs.deleteMany(filter), { deleted: 0 })
      assert.deepEqual(await docs.deleteMany({ name: /[01]$/ }), { deleted: 2 })
      assert.deepEqual(await docs.deleteMany({ at: { $gte: new Date(3_000) } }), { deleted: 2 })
      assert.deepEqual(idsOf(await docs.find().toArray()), ['d2'])
      for (const filter of [{ name: { $eq: /x/ } }, { name: new Map() }, { _createdAt: /x/ }, /x/]) {
        await assert.rejects(docs.deleteMany(untyped(filter)), { code: 'INVALID_ARGUMENT' })
      }
      assert.equal(await docs.count(), 1)
    })

    it('finds documents without the field by $ne', async () => {
      const docs = collection()
      await docs.insertMany([
        { id: 'other', data: { a: 2 } },
        { id: 'without', data: {} },
        { id: 'same', data: { a: 1 } },
      ])
      assert.deepEqual(idsOf(await docs.find({ a: { $ne: 1 } }).toArray()), ['other', 'without'])
    })

    it('answers or refuses the largest filters, and does not hang', async () => {
      const docs = collection()
      await docs.put('a', { a: 5 })
      assert.equal(await docs.count({ a: { $in: upTo(10_000) } }), 1)
      assert.equal(await docs.count({ a: { $nin: upTo(10_000).map(String) } }), 1)
      assert.equal(await docs.count({ $or: upTo(300).map((a) => ({ a })) }), 1)
      const deep = upTo(10).reduce<Filter>((inner) => ({ 'a.b': { $elemMatch: inner } }), { a: 1 })
      assert.equal(await docs.count(deep), 0)
      await assert.rejects(docs.count({ $or: upTo(2_000).map((a) => ({ a })) }), { code: 'INVALID_ARGUMENT' })
      await assert.rejects(docs.count({ 'a.b': { $elemMatch: deep } }), { code: 'INVALID_ARGUMENT' })
    })

    it('answers at once what ruins backtracking engines', async () => {
      const docs = collection()
      await docs.put('long', { text: `${'a'.repeat(5_000)}!` })
      const started = performance.now()
      for (const pattern of ['^(a+)+$', '^(a|aa)+$', '(.*a){10}$', '^([a-z]+)*$']) {
        assert.equal(await docs.count({ text: { $regex: pattern } }), 0, pattern)
        assert.equal(await docs.updateOne({ text: { $regex: pattern } }, { $set: { found: true } }), undefined)
      }
      assert.ok(performance.now() - started < 30_000)
    })
  })

  describe('an update', () => {
    it('writes a dotted path into the object there', async () => {
      const docs = collection()
      await docs.put('a', { deep: { x: 1 } })
      const after = await docs.updateOne('a', { $set: { 'deep.y': 2 } })
      assert.deepEqual(after?.data, { deep: { x: 1, y: 2 } })
      assert.deepEqual((await docs.get('a'))?.data, { deep: { x: 1, y: 2 } })
    })

    it('has all the operators, and they last', async () => {
      const docs = collection()
      await docs.put('a', {
        n: 2,
        low: 5,
        high: 5,
        old: 'x',
        list: [3, 1, 2],
        tags: ['a', 'b'],
        queue: [1, 2, 3],
        gone: 1,
      })
      await docs.updateOne('a', {
        $mul: { n: 3 },
        $min: { low: 1 },
        $max: { high: 9 },
        $rename: { old: 'new.name' },
        $push: { list: { $each: [0], $sort: 1, $slice: 3 } },
        $addToSet: { tags: { $each: ['b', 'c'] } },
        $pop: { queue: -1 },
        $unset: { gone: '' },
        $setOnInsert: { never: true },
        $inc: { count: 1 },
      })
      const expected = {
        n: 6,
        low: 1,
        high: 9,
        new: { name: 'x' },
        list: [0, 1, 2],
        tags: ['a', 'b', 'c'],
        queue: [2, 3],
        count: 1,
      }
      assert.deepEqual((await docs.get('a'))?.data, expected)
      const pulled = await docs.updateOne('a', { $pull: { list: { $lt: 1 } }, $pullAll: { tags: ['a', 'c'] } })
      assert.deepEqual([pulled?.data['list'], pulled?.data['tags']], [[1, 2], ['b']])
      const dated = await docs.updateOne('a', { $currentDate: { at: true } })
      assert.equal(await docs.count({ at: { $gte: new Date(Date.now() - 600_000) } }), 1)
      assert.equal(typeof dated?.data['at'], 'string')
    })

    it('says with $setOnInsert what an upsert makes', async () => {
      const docs = collection()
      const update = { $set: { seen: 1 }, $setOnInsert: { first: true } }
      assert.deepEqual((await docs.updateOne('a', update, { upsert: true }))?.data, { first: true, seen: 1 })
      await docs.put('b', {})
      assert.deepEqual((await docs.updateOne('b', update, { upsert: true }))?.data, { seen: 1 })
    })

    it('by a filter with operators counts what matched', async () => {
      const docs = collection()
      await docs.insertMany(upTo(30).map((n) => ({ data: { n, name: n % 2 === 0 ? 'even' : 'odd', list: [n] } })))
      assert.deepEqual(await docs.updateMany({ name: /^ev/, list: { $elemMatch: { $gte: 10 } } }, { $inc: { n: 1 } }), {
        matched: 10,
        modified: 10,
      })
      assert.equal(await docs.count({ n: { $mod: [2, 1] } }), 25)
    })
  })

  describe('a projection', () => {
    const data = { a: 1, b: { c: 2, d: 3 }, list: [{ x: 1, y: 2 }, 5, [{ x: 3, y: 4 }]] }

    it('shows only the fields it names', async () => {
      const docs = collection()
      await docs.put('a', data)
      const show = async (project: Record<string, 0 | 1 | boolean>): Promise<unknown> =>
        (await docs.find({}, { project }).toArray())[0]?.data
      assert.deepEqual(await show({ a: 1 }), { a: 1 })
      assert.deepEqual(await show({ 'b.c': true, missing: 1 }), { b: { c: 2 } })
      assert.deepEqual(await show({ 'list.x': 1 }), { list: [{ x: 1 }, [{ x: 3 }]] })
      assert.deepEqual(await show({ 'a.x': 1 }), {})
      assert.deepEqual(await show({}), data)
    })

    it('leaves out the fields it names with 0', async () => {
      const docs = collection()
      await docs.put('a', data)
      const [found] = await docs.find({}, { project: { 'b.c': 0, 'list.x': false, a: 0 } }).toArray()
      assert.deepEqual(found?.data, { b: { d: 3 }, list: [{ y: 2 }, 5, [{ y: 4 }]] })
      assert.equal(found?.id, 'a')
    })

    it('changes nothing about order and pages', async () => {
      const docs = collection()
      await docs.insertMany(upTo(10).map((n) => ({ id: `d${n}`, data: { n: -n, other: 1 } })))
      const seen: string[] = []
      for (let after: string | undefined, more = true; more; more = after !== undefined) {
        const page = await docs
          .find({}, { sort: { n: 1 }, limit: 3, project: { other: 1 }, ...(after === undefined ? {} : { after }) })
          .page()
        for (const { data: shown } of page.items) assert.deepEqual(shown, { other: 1 })
        seen.push(...idsOf(page.items))
        after = page.next
      }
      assert.deepEqual(
        seen,
        upTo(10)
          .map((n) => `d${n}`)
          .toReversed(),
      )
    })

    it('is the same wherever it is made, whatever the data and the names', async () => {
      const docs = suite.tenant().collection<unknown>('conformance-docs')
      const names = ['a', 'b.c', '0', '\0', "'", '__proto__', '\u{1f600}', 'missing']
      const whole = JSON.parse(
        '{"a":null,"b":{"c":1,"d":2},"0":"z","\\u0000":1,"\'":2,"__proto__":3,"\u{1f600}":4}',
      ) as unknown
      const data = [whole, [1, 2], ['a'], 'a', 5, null, {}, { a: [{ c: 1 }], b: [{ c: 1, d: 2 }, 3] }]
      await docs.insertMany(data.map((one, index) => ({ id: `d${index}`, data: one })))
      for (const name of names) {
        for (const shown of [0, 1] as const) {
          for (const sort of [{ _id: 1 }, { 'b.c': 1 }, { [name]: -1 }] as const) {
            const project = Object.fromEntries([[name, shown]])
            const found = await docs.find({}, { sort, project }).toArray()
            const all = await docs.find({}, { sort }).toArray()
            const expected = all.map(({ id, data: one }) => [id, parseProjection(project)?.apply(one as never)])
            assert.deepEqual(
              found.map(({ id, data: one }) => [id, one]),
              expected,
              JSON.stringify({ project, sort }),
            )
          }
        }
      }
    })

    it('is refused if it mixes both, or names a field twice', async () => {
      const docs = collection()
      for (const [project, field] of [
        [{ a: 1, b: 0 }, 'project.b'],
        [{ a: 1, 'a.b': 1 }, 'project.a.b'],
        [{ 'a.b': 1, a: 1 }, 'project.a'],
        [{ a: 2 }, 'project.a'],
        [{ a: { $slice: 1 } }, 'project.a'],
        [{ _id: 0 }, 'project._id'],
        ['a', 'project'],
      ] as const) {
        assert.throws(() => docs.find({}, { project: untyped(project) }), faultOf(field))
      }
    })
  })

  describe('distinct', () => {
    it('has every value once, elements of arrays too, in the order of sorting', async () => {
      const docs = collection()
      const values = [3, 1, '1', [1, 'x'], null, undefined, { k: 1, j: 2 }, { j: 2, k: 1 }, true, [[7]], [], '\0', 1.0]
      await docs.insertMany(values.map((a) => ({ data: { a, even: true } })))
      assert.deepEqual(await docs.distinct('a'), [null, 1, 3, '1', 'x', '\0', { k: 1, j: 2 }, [7], true])
      assert.deepEqual(await docs.distinct('a', { a: { $type: 'number' } }), [1, 3, 'x'])
      assert.deepEqual(await docs.distinct('missing'), [])
    })

    it('goes into arrays of objects', async () => {
      const docs = collection()
      await docs.insertMany([
        { data: { items: [{ sku: 'b', tags: ['t1'] }, { sku: 'a' }, 5] } },
        { data: { items: { sku: 'c', tags: ['t2', 't1'] } } },
      ])
      assert.deepEqual(await docs.distinct('items.sku'), ['a', 'b', 'c'])
      assert.deepEqual(await docs.distinct('items.tags'), ['t1', 't2'])
      assert.deepEqual(await docs.distinct('items.0.sku'), ['b'])
    })

    it('is refused for what is no field of the data', async () => {
      await assert.rejects(collection().distinct('_id'), faultOf('path'))
      await assert.rejects(collection().distinct('a..b'), faultOf('path'))
      await assert.rejects(collection().distinct(untyped(5)), faultOf('path'))
    })
  })

  it('explain shows the statement and the plan, and no value', async () => {
    const docs = collection()
    await docs.put('a', {})
    const { statement, plan } = await docs
      .find({ secret: 'hunter2', n: { $gt: 424_242 } }, { sort: { n: 1 } })
      .explain()
    assert.ok(statement.length > 0)
    assert.ok(Array.isArray(plan))
    if (suite.store.kind !== 'memory') assert.match(JSON.stringify(plan), /"Node Type"/)
    assert.doesNotMatch(JSON.stringify({ statement, plan }), /hunter2|424242/)
  })

  describe('$text', () => {
    const articles = async (): Promise<Collection<Json>> => {
      const docs = suite.tenant().collection<Json>('conformance-articles', {
        indexes: [{ on: ['title', 'body'], text: { language: 'english' } }],
      })
      await docs.insertMany([
        { id: 'coffee', data: { title: 'Coffee shop', body: 'coffee, coffee and more coffee', year: 1 } },
        { id: 'cake', data: { title: 'Cake', body: ['A shop for cake', 'no tea'], year: 2 } },
        { id: 'tea', data: { title: 'Tea', body: 'Tea, and one coffee', year: 3 } },
        { id: 'none', data: { title: 5 } },
      ])
      return docs
    }

    it('finds any of the words, the best fit first', async () => {
      const docs = await articles()
      assert.deepEqual(idsOf(await docs.find({ $text: { $search: 'coffee' } }).toArray()), ['coffee', 'tea'])
      const shops = idsOf(await docs.find({ $text: { $search: 'SHOP tea' } }).toArray())
      assert.deepEqual(shops.toSorted(), ['cake', 'coffee', 'tea'])
      assert.equal(await docs.count({ $text: { $search: 'nothing' } }), 0)
    })

    it('wants every phrase, and none of the words after a minus', async () => {
      const docs = await articles()
      const find = async (search: string): Promise<string[]> =>
        idsOf(await docs.find({ $text: { $search: search } }, { sort: { _id: 1 } }).toArray())
      assert.deepEqual(await find('"coffee shop" cake'), ['coffee'])
      assert.deepEqual(await find('coffee -shop'), ['tea'])
      assert.deepEqual(await find('-shop'), [])
      assert.deepEqual(await find(''), [])
      assert.deepEqual(await find(`'; drop table x -- & | ! :*`), [])
    })

    it('goes with other conditions, sorts and pages', async () => {
      const docs = await articles()
      assert.deepEqual(idsOf(await docs.find({ $text: { $search: 'coffee' }, year: { $gt: 1 } }).toArray()), ['tea'])
      const filter = { $text: { $search: 'coffee shop tea' } }
      assert.deepEqual(idsOf(await docs.find(filter, { sort: { year: -1 } }).toArray()), ['tea', 'cake', 'coffee'])
      const all = idsOf(await docs.find(filter, { sort: { score: { $meta: 'textScore' } } }).toArray())
      assert.deepEqual(idsOf(await docs.find(filter).toArray()), all)
      const paged: string[] = []
      for (let after: string | undefined, more = true; more; more = after !== undefined) {
        const page = await docs.find(filter, { limit: 1, ...(after === undefined ? {} : { after }) }).page()
        paged.push(...idsOf(page.items))
        after = page.next
      }
      assert.deepEqual(paged, all)
      assert.deepEqual(idsOf(await collect(docs.find(filter))), all)
    })

    it('knows the forms of a word by the language of the index or the search', async (t) => {
      if (suite.store.kind === 'memory') return t.skip('memory takes words as they are')
      const docs = await articles()
      assert.equal(await docs.count({ $text: { $search: 'shops' } }), 2)
      assert.equal(await docs.count({ $text: { $search: 'shops', $language: 'simple' } }), 0)
      const german = suite
        .tenant()
        .collection<Json>('conformance-artikel', { indexes: [{ on: 'titel', text: { language: 'german' } }] })
      await german.insertMany([{ id: 'a', data: { titel: 'Die Häuser der Stadt' } }])
      assert.equal(await german.count({ $text: { $search: 'Haus' } }), 1)
      assert.equal(await german.count({ $text: { $search: 'der' } }), 0)
      assert.equal(await german.count({ $text: { $search: 'der -nichts' } }), 0)
    })

    it('needs a text index, and a filter by which nothing is written', async () => {
      const docs = collection()
      await docs.put('a', { title: 'x' })
      const needsIndex = (error: unknown): boolean =>
        error instanceof HoldfastError && error.code === 'FAILED_PRECONDITION' && error.reason === 'NO_TEXT_INDEX'
      await assert.rejects(docs.find({ $text: { $search: 'x' } }).toArray(), needsIndex)
      await assert.rejects(docs.count({ $text: { $search: 'x' } }), needsIndex)
      await assert.rejects(docs.deleteMany({ $text: { $search: 'x' } }), faultOf('filter.$text'))
      await assert.rejects(docs.updateMany({ $text: { $search: 'x' } }, { $set: { a: 1 } }), faultOf('filter.$text'))
      assert.throws(() => docs.find({}, { sort: { score: { $meta: 'textScore' } } }), faultOf('sort'))
    })
  })
}
