import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import type { Filter, Update } from '../document-store.js'
import { faultOf, type Json, type Suite, untyped } from './suite.js'

/** Texts that some layer or other cannot hold, or takes for something else. */
const hostileTexts: Readonly<Record<string, string>> = {
  NUL: 'a\0b\0\0',
  'lone surrogates': '\ud800 \udfff\ud83d x \ude00\ud83d',
  'U+FDD0, the escape that the stores themselves use': '\ufdd0 \ufdd00 \ufdd0d800 \ufdd0\ufdd0',
  'escapes that are plain text': '\\u0000 \\ud800 \\\\u0000 \\ufdd0',
  'quotes and SQL': `'; drop table x; -- " $1 %s \\ ' {}`,
  'noncharacters and controls': '\uffff\ufffe\u{10ffff}\u2028\u2029\u0001\u001f\u007f\u0085\ufeff',
  'right-to-left overrides and combining marks': '\u202e e\u0301 \u00e9 ﷽ \u200d',
}

export function testBadInput(suite: Suite): void {
  const collection = <T = Json>() => suite.tenant().collection<T>('conformance-docs')
  const log = <T = unknown>() => suite.tenant().log<T>('conformance-log')

  describe('hostile text', () => {
    for (const [name, text] of Object.entries(hostileTexts)) {
      it(`survives as value and as key: ${name}`, async () => {
        const docs = collection()
        const data = { value: text, list: [text], [text]: { [`x${text}`]: text } }
        await docs.put('x', data)
        assert.deepEqual((await docs.get('x'))?.data, data)
        assert.deepEqual(
          (await docs.find({ value: text }).toArray()).map((one) => one.data),
          [data],
        )
        assert.equal(await docs.count({ list: text }), 1)
        assert.equal(await docs.count({ value: { $in: ['', text] } }), 1)
        assert.equal(await docs.count({ value: `${text}x` }), 0)
        assert.equal(await docs.count({ list: { $eq: [text] } }), 1)
        if (!text.includes('.') && !text.startsWith('$')) {
          assert.equal(await docs.count({ [`${text}.x${text}`]: { $exists: true } }), 1)
          const updated = await docs.updateOne('x', { $set: { [`${text}.added`]: text }, $unset: { value: '' } })
          assert.deepEqual(updated?.data, { list: [text], [text]: { [`x${text}`]: text, added: text } })
          assert.deepEqual((await docs.get('x'))?.data, updated?.data)
        }
        const streams = log()
        const [entry] = await streams.append('s', [{ key: 'k', data }])
        assert.deepEqual(await streams.read('s'), [entry])
        assert.deepEqual(entry?.data, data)
        assert.deepEqual(await streams.append('s', [{ key: 'k', data }]), [entry])
        assert.deepEqual((await streams.amend('s', 1, text))?.data, text)
        assert.deepEqual(
          (await streams.append('s', [{ key: 'k', data }])).map(({ data }) => data),
          [text],
        )
        assert.deepEqual(
          (await streams.read('s')).map((one) => one.data),
          [text],
        )
      })
    }

    it('is refused in ids where no text column could hold it, and kept where one can', async () => {
      const docs = collection()
      const streams = log()
      for (const [name, text] of Object.entries(hostileTexts)) {
        if (name === 'NUL' || name === 'lone surrogates') {
          await assert.rejects(docs.put(text, {}), faultOf('id'))
          await assert.rejects(docs.get(text), faultOf('id'))
          await assert.rejects(docs.insertOne({}, { id: text }), faultOf('id'))
          await assert.rejects(docs.deleteOne(text), faultOf('id'))
          await assert.rejects(docs.count({ _id: text }), faultOf('filter._id'))
          await assert.rejects(streams.append(text, [{ data: 1 }]), { code: 'INVALID_ARGUMENT' })
          await assert.rejects(streams.append('s', [{ key: text, data: 1 }]), { code: 'INVALID_ARGUMENT' })
          assert.throws(() => suite.store.tenant(text), faultOf('tenantId'))
        } else {
          await docs.put(text, { name })
          assert.deepEqual(
            (await docs.find({ _id: text }).toArray()).map(({ id, data }) => [id, data]),
            [[text, { name }]],
          )
          const [entry] = await streams.append(text, [{ key: text, data: name }])
          assert.deepEqual(await streams.append(text, [{ key: text, data: name }]), [entry])
          assert.equal(entry?.key, text)
        }
      }
    })
  })

  describe('keys that JavaScript gives a meaning to', () => {
    const text =
      '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"toString":1,"hasOwnProperty":2}'

    it('are plain keys in documents, filters and updates', async () => {
      const docs = collection<unknown>()
      await docs.put('x', JSON.parse(text))
      assert.equal(JSON.stringify((await docs.get('x'))?.data).length, text.length)
      assert.deepEqual((await docs.get('x'))?.data, JSON.parse(text))
      assert.equal(await docs.count(JSON.parse('{"__proto__.polluted": true}') as Filter), 1)
      assert.equal(await docs.count(JSON.parse('{"__proto__": {"$exists": false}}') as Filter), 0)
      assert.equal(await docs.count({ 'constructor.prototype.polluted': true }), 1)
      await docs.put('plain', {})
      assert.equal(await docs.count({ constructor: { $exists: true } }), 1)
      assert.equal(await docs.count({ toString: { $gt: 0 } }), 1)
      const update = JSON.parse('{"$set": {"__proto__.x": 1}, "$inc": {"constructor.n": 1}}') as Update
      const updated = await docs.updateOne('plain', update)
      assert.equal(JSON.stringify(updated?.data), '{"__proto__":{"x":1},"constructor":{"n":1}}')
      assert.deepEqual((await docs.get('plain'))?.data, JSON.parse('{"__proto__":{"x":1},"constructor":{"n":1}}'))
      assert.equal(Reflect.get({}, 'polluted'), undefined)
      assert.equal(Reflect.get({}, 'x'), undefined)
    })

    it('are plain keys in logs, and plain ids', async () => {
      const streams = log()
      const [entry] = await streams.append('__proto__', [{ key: 'constructor', data: JSON.parse(text) as unknown }])
      assert.deepEqual(entry?.data, JSON.parse(text))
      assert.deepEqual(await streams.read('__proto__'), [entry])
      const docs = collection<number>()
      await docs.put('__proto__', 1)
      await docs.put('constructor', 2)
      assert.deepEqual(
        (await docs.getMany(['__proto__', 'constructor', 'toString'])).map((one) => one?.data),
        [1, 2, undefined],
      )
    })
  })

  describe('numbers', () => {
    it('come back exactly', async () => {
      const docs = collection<unknown>()
      const numbers = [
        [0, -1, 0.1, 1 / 3, 1e21, 1e-7, 123456789012345680, 2 ** 53, 2 ** 53 - 1, -(2 ** 53), 2 ** 63, 2 ** 64],
        [Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE, Number.EPSILON],
      ].flat()
      await docs.put('x', numbers)
      assert.deepEqual((await docs.get('x'))?.data, numbers)
      for (const number of numbers) {
        await docs.put('n', { number })
        assert.equal(await docs.count({ number }), 1, String(number))
        assert.equal(await docs.count({ number: { $gte: number, $lte: number } }), 1, String(number))
        assert.equal(await docs.count({ number: { $lt: number } }), 0, String(number))
        assert.equal(await docs.count({ number: { $in: [number] } }), 1, String(number))
      }
      await docs.put('n', { number: -0 })
      assert.equal(await docs.count({ number: 0 }), 1)
    })

    it('that JSON does not have are refused, with their place', async () => {
      const docs = collection<unknown>()
      for (const bad of [NaN, Infinity, -Infinity, 10n]) {
        await assert.rejects(docs.put('x', { a: [0, bad] }), faultOf('data.a[1]'))
        await assert.rejects(docs.insertMany([{ data: 1 }, { data: bad }]), faultOf('items[1].data'))
        await assert.rejects(docs.updateOne('x', { $set: { 'a.b': bad } }), faultOf('update.$set.a.b'))
        await assert.rejects(docs.count({ a: { $gt: bad } }), faultOf('filter.a.$gt'))
        await assert.rejects(log().append('s', [{ data: { a: bad } }]), { code: 'INVALID_ARGUMENT' })
      }
      assert.equal(await docs.count(), 0)
    })
  })

  describe('size and depth', () => {
    it('text of 10 MB is kept', async () => {
      const docs = collection()
      const text = 'ä\0x"\\\u{1f600}'.repeat(600_000)
      await docs.put('x', { text })
      assert.ok((await docs.get('x'))?.data['text'] === text)
      const streams = log<string>()
      await streams.append('s', [{ data: text.slice(0, 10_000_000) }])
      assert.ok((await streams.read('s'))[0]?.data === text.slice(0, 10_000_000))
    })

    it('more than 16 MiB are refused', async () => {
      const text = 'x'.repeat(16 * 1024 * 1024)
      await assert.rejects(collection().put('x', { text }), { code: 'INVALID_ARGUMENT' })
      await assert.rejects(log().append('s', [{ data: text }]), { code: 'INVALID_ARGUMENT' })
      const docs = collection()
      await docs.put('x', { text: 'x'.repeat(9 * 1024 * 1024) })
      const grow = docs.updateOne('x', { $set: { more: 'x'.repeat(9 * 1024 * 1024) } })
      await assert.rejects(grow, { code: 'INVALID_ARGUMENT' })
      assert.equal((await docs.get('x'))?.version, 1)
    })

    it('100 levels are kept, and 10,000 refused', async () => {
      const docs = collection<unknown>()
      const nested = (depth: number) => JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`) as unknown
      await docs.put('x', nested(100))
      assert.deepEqual((await docs.get('x'))?.data, nested(100))
      for (const data of [nested(101), nested(10_000)]) {
        await assert.rejects(docs.put('x', data), { code: 'INVALID_ARGUMENT' })
        await assert.rejects(log().append('s', [{ data }]), { code: 'INVALID_ARGUMENT' })
        await assert.rejects(docs.count({ a: data }), { code: 'INVALID_ARGUMENT' })
      }
      const path = Array.from({ length: 99 }, () => 'a').join('.')
      await docs.put('y', {})
      await docs.updateOne('y', { $set: { [path]: 1 } })
      assert.equal(await docs.count({ [path]: 1 }), 1)
      await assert.rejects(docs.updateOne('y', { $set: { [`${path}.b.c`]: 1 } }), {
        code: /INVALID_ARGUMENT|FAILED_PRECONDITION/,
      })
      const circular: Json = {}
      circular['self'] = circular
      await assert.rejects(docs.put('x', circular), { code: 'INVALID_ARGUMENT' })
    })

    it('ids are 1 to 512 characters', async () => {
      const docs = collection<number>()
      const streams = log<number>()
      const long = 'ü'.repeat(512)
      await docs.put(long, 1)
      assert.equal((await docs.get(long))?.id, long)
      await streams.append(long, [{ key: long, data: 1 }])
      assert.equal((await streams.read(long))[0]?.key, long)
      for (const bad of ['', 'x'.repeat(513), 5, null, {}, ['a']] as string[]) {
        await assert.rejects(docs.put(bad, 1), faultOf('id'))
        await assert.rejects(docs.get(bad), faultOf('id'))
        await assert.rejects(docs.getMany(['a', bad]), faultOf('ids[1]'))
        await assert.rejects(docs.insertMany([{ id: bad, data: 1 }]), faultOf('items[0].id'))
        await assert.rejects(streams.append(bad, [{ data: 1 }]), { code: 'INVALID_ARGUMENT' })
        await assert.rejects(streams.append('s', [{ key: bad, data: 1 }]), { code: 'INVALID_ARGUMENT' })
        await assert.rejects(streams.read(bad), { code: 'INVALID_ARGUMENT' })
        await assert.rejects(streams.fork('s', 0, bad), { code: 'INVALID_ARGUMENT' })
      }
      await assert.rejects(
        docs.insertMany([
          { id: 'a', data: 1 },
          { id: 'a', data: 2 },
        ]),
        faultOf('items'),
      )
    })
  })

  describe('names', () => {
    const bad = ['', 'A', 'Users', '1a', '-a', 'a b', 'a.b', 'a"b', 'a;drop', '__proto__', 'ü', 'x'.repeat(42), 5, null]
    it('of collections and logs are short, plain and lower-case', () => {
      for (const name of bad as string[]) {
        assert.throws(() => suite.store.collection(name), faultOf('collection'))
        assert.throws(() => suite.store.log(name), faultOf('log'))
      }
      suite.store.collection('conformance-docs')
      suite.store.log('x'.repeat(41))
    })

    it('of tenants are 1 to 128 characters', () => {
      for (const id of ['', 'x'.repeat(129), 5, null, undefined] as string[]) {
        assert.throws(() => suite.store.tenant(id), faultOf('tenantId'))
      }
    })
  })

  describe('options and arguments', () => {
    it('that mean nothing are refused', async () => {
      const docs = collection<unknown>()
      const streams = log()
      await streams.append('s', [{ data: 1 }])
      await assert.rejects(async () => await docs.find({}, { limit: 0 }).toArray(), faultOf('limit'))
      await assert.rejects(async () => await docs.find({}, { limit: 1.5 }).page(), faultOf('limit'))
      await assert.rejects(async () => await docs.find({}, { sort: { a: 0 as 1 } }).toArray(), faultOf('sort.a'))
      for (const ifVersion of [-1, 1.5, NaN, untyped('1')]) {
        await assert.rejects(docs.put('x', 1, { ifVersion }), faultOf('ifVersion'))
        await assert.rejects(docs.updateOne('x', { $set: { a: 1 } }, { ifVersion }), faultOf('ifVersion'))
        await assert.rejects(docs.deleteOne('x', { ifVersion }), faultOf('ifVersion'))
      }
      for (const wrong of [-1, 0, 1.5, NaN, untyped('1')]) {
        await assert.rejects(streams.append('s', [{ data: 1 }], { ifNext: wrong }), faultOf('ifNext'))
        await assert.rejects(streams.read('s', { limit: wrong }), faultOf('limit'))
      }
      for (const wrong of [-1, 1.5, NaN, untyped('1')]) {
        await assert.rejects(streams.read('s', { after: wrong }), faultOf('after'))
        await assert.rejects(streams.read('s', { before: wrong }), faultOf('before'))
        await assert.rejects(streams.fork('s', wrong, 't'), faultOf('at'))
        await assert.rejects(streams.trim('s', { keepLast: wrong }), { code: 'INVALID_ARGUMENT' })
        await assert.rejects(streams.trim('s', { olderThanMs: wrong }), { code: 'INVALID_ARGUMENT' })
      }
      await assert.rejects(streams.read('s', { limit: 10_001 }), faultOf('limit'))
      await assert.rejects(streams.trim('s', {} as { keepLast: number }), { code: 'INVALID_ARGUMENT' })
      await assert.rejects(streams.trim('s', { keepLast: 1, beforeSeq: 1 }), { code: 'INVALID_ARGUMENT' })
      await assert.rejects(streams.append('s', untyped('x')), { code: 'INVALID_ARGUMENT' })
      await assert.rejects(docs.insertMany(untyped('x')), faultOf('items'))
      await assert.rejects(docs.getMany(untyped('x')), faultOf('ids'))
      assert.equal((await streams.head('s')).next, 2)
      assert.equal(await docs.count(), 0)
    })

    it('that are not known are refused, because they may be misspelt', async () => {
      const docs = collection<unknown>()
      const streams = log()
      await assert.rejects(docs.put('x', 1, untyped({ ifversion: 0 })), faultOf('ifversion'))
      await assert.rejects(docs.updateOne('x', { $set: { a: 1 } }, untyped({ upsrt: true })), faultOf('upsrt'))
      await assert.rejects(docs.deleteOne('x', untyped({ version: 1 })), faultOf('version'))
      await assert.rejects(docs.insertOne(1, untyped({ _id: 'x' })), faultOf('_id'))
      await assert.rejects(async () => await docs.find({}, untyped({ skip: 5 })).toArray(), faultOf('skip'))
      await assert.rejects(docs.findOne({}, untyped({ sorts: {} })), faultOf('sorts'))
      await assert.rejects(streams.append('s', [{ data: 1 }], untyped({ ifnext: 1 })), faultOf('ifnext'))
      await assert.rejects(streams.read('s', untyped({ offset: 1 })), faultOf('offset'))
      await assert.rejects(
        suite.store.transaction(async () => 1, untyped({ retries: 1 })),
        faultOf('retries'),
      )
      assert.throws(
        () => suite.store.collection('conformance-docs', untyped({ index: [] })),
        (error) => error instanceof HoldfastError && error.code === 'INVALID_ARGUMENT',
      )
      assert.equal(await docs.count(), 0)
    })

    it('never make a filter match more than it says', async () => {
      const docs = collection()
      await docs.insertMany([
        { id: 'a', data: { name: 'x', age: '9' } },
        { id: 'b', data: { name: 'y', age: 11 } },
      ])
      const bad: unknown[] = [
        { name: /(?=z)/ },
        { name: { $eq: /zzz/ } },
        { name: undefined },
        { $foo: 1 },
        { name: { $foo: 1 } },
        'name',
        null,
        5,
        [],
        () => ({}),
      ]
      for (const filter of bad) {
        await assert.rejects(async () => await docs.find(filter as Filter).toArray(), { code: 'INVALID_ARGUMENT' })
        if (filter !== null && typeof filter === 'string') continue
        await assert.rejects(docs.deleteMany(filter as Filter), { code: 'INVALID_ARGUMENT' })
        await assert.rejects(docs.deleteOne(filter as Filter), { code: 'INVALID_ARGUMENT' })
        await assert.rejects(docs.updateMany(filter as Filter, { $set: { a: 1 } }), { code: 'INVALID_ARGUMENT' })
        await assert.rejects(docs.count(filter as Filter), { code: 'INVALID_ARGUMENT' })
      }
      assert.deepEqual(await docs.deleteMany({ name: /zzz/ }), { deleted: 0 })
      await assert.rejects(docs.deleteMany(untyped(undefined)), { code: 'INVALID_ARGUMENT' })
      assert.deepEqual(
        (await docs.find({ age: { $gt: 10 } }).toArray()).map(({ id }) => id),
        ['b'],
      )
      assert.equal(await docs.count(), 2)
    })

    it('cannot make a cursor say what the database cannot take', async () => {
      const docs = collection()
      await docs.insertMany([{ data: { n: 1 } }, { data: { n: 2 } }, { data: { n: 3 } }])
      const { next = '' } = await docs.find({}, { sort: { n: 1 }, limit: 1 }).page()
      const [print] = JSON.parse(Buffer.from(next, 'base64url').toString()) as [unknown]
      const forged = [
        [
          [2, 1, ''],
          [3, 0, '\0'],
        ],
        [
          [2, 1, ''],
          [3, 0, '\ud800'],
        ],
        [
          [2.5, 1, ''],
          [3, 0, 'x'],
        ],
        [
          [1e300, 1, '\0'],
          [3, 0, 'x'],
        ],
        [
          [2, null, ''],
          [3, 0, 'x'],
        ],
        [[2, 1, '']],
        [],
      ]
      for (const positions of forged) {
        const after = Buffer.from(JSON.stringify([print, positions])).toString('base64url')
        await assert.rejects(async () => await docs.find({}, { sort: { n: 1 }, after }).page(), faultOf('after'))
      }
    })
  })
}
