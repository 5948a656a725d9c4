import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { runInNewContext } from 'node:vm'
import { HoldfastError } from '@holdfast/errors'
import { parseFilter } from './filter.js'

describe('parseFilter', () => {
  it('reads a value as equality and an object of operators as all of them', () => {
    const a = { of: 'data', segments: ['a', 'b'] }
    assert.deepEqual(parseFilter({ 'a.b': 1 }), { kind: 'compare', path: a, op: 'eq', value: 1 })
    assert.deepEqual(parseFilter({ 'a.b': { $gt: 1, $lte: 5 } }), {
      kind: 'and',
      of: [
        { kind: 'compare', path: a, op: 'gt', value: 1 },
        { kind: 'compare', path: a, op: 'lte', value: 5 },
      ],
    })
    assert.deepEqual(parseFilter({}), { kind: 'and', of: [] })
  })

  it('keeps conjunctions flat', () => {
    const parsed = parseFilter({ $and: [{ a: 1 }, { $and: [{ b: 2 }] }], c: { $ne: 3 } })
    assert.equal(parsed.kind, 'and')
    assert.deepEqual(parsed.kind === 'and' && parsed.of.map(({ kind }) => kind), ['compare', 'compare', 'not'])
  })

  it('takes times of the document as Dates or as ISO strings', () => {
    const expected = { kind: 'compare', path: { of: 'meta', name: 'createdAt' }, op: 'gte', value: 1_000 }
    assert.deepEqual(parseFilter({ _createdAt: { $gte: new Date(1_000) } }), expected)
    assert.deepEqual(parseFilter({ _createdAt: { $gte: '1970-01-01T00:00:01Z' } }), expected)
    assert.deepEqual(parseFilter({ _createdAt: { $gte: '1970-01-01T01:00:01+01:00' } }), expected)
  })

  it('compares Dates with the ISO strings that data keeps', () => {
    const parsed = parseFilter({ at: { $in: [new Date(0)] } })
    assert.deepEqual(parsed.kind === 'in' && parsed.values, ['1970-01-01T00:00:00.000Z'])
  })

  it('takes objects of another realm, as test runners make them', () => {
    assert.deepEqual(parseFilter(runInNewContext('({ a: { $in: [1] } })')), parseFilter({ a: { $in: [1] } }))
  })

  it('keeps __proto__ in literals and paths as a plain name', () => {
    const parsed = parseFilter(JSON.parse('{"__proto__.x": {"$eq": {"__proto__": 1}}}'))
    assert.ok(parsed.kind === 'compare' && parsed.path.of === 'data')
    assert.deepEqual(parsed.path.segments, ['__proto__', 'x'])
    assert.equal(JSON.stringify(parsed.value), '{"__proto__":1}')
  })

  it('knows that every document has the fields that the store keeps', () => {
    assert.deepEqual(parseFilter({ _id: { $exists: true } }), { kind: 'and', of: [] })
    assert.deepEqual(parseFilter({ _id: { $exists: false } }), { kind: 'nor', of: [{ kind: 'and', of: [] }] })
  })

  const refused: readonly (readonly [name: string, filter: unknown, field: string])[] = [
    ['no filter at all', undefined, 'filter'],
    ['null', null, 'filter'],
    ['a string', 'a', 'filter'],
    ['an array', [{ a: 1 }], 'filter'],
    ['a function', () => true, 'filter'],
    ['a RegExp as filter', /a/, 'filter'],
    ['a Map as filter', new Map([['a', 1]]), 'filter'],
    ['a symbol as key', { [Symbol('a')]: 1 }, 'filter'],
    ['an unknown operator', { a: { $foo: 1 } }, 'filter.a.$foo'],
    ['an unknown operator at the top', { $where: 'true' }, 'filter.$where'],
    ['$expr', { $expr: { $gt: ['$a', 1] } }, 'filter.$expr'],
    ['$jsonSchema', { $jsonSchema: {} }, 'filter.$jsonSchema'],
    ['a field operator at the top', { $gt: 5 }, 'filter.$gt'],
    ['a logical operator in a field', { a: { $and: [{}] } }, 'filter.a.$and'],
    ['operators mixed with fields', { a: { $gt: 1, b: 2 } }, 'filter.a'],
    ['a RegExp to equal', { a: { $eq: /zzz/ } }, 'filter.a.$eq'],
    ['a RegExp to differ from', { a: { $ne: /zzz/ } }, 'filter.a.$ne'],
    ['a function as value', { a: { $eq: () => 1 } }, 'filter.a.$eq'],
    ['undefined as value', { a: undefined }, 'filter.a'],
    ['undefined as operand', { a: { $gt: undefined } }, 'filter.a.$gt'],
    ['NaN', { a: NaN }, 'filter.a'],
    ['Infinity', { a: { $lt: Infinity } }, 'filter.a.$lt'],
    ['a bigint', { a: 1n }, 'filter.a'],
    ['a symbol', { a: { $ne: Symbol('x') } }, 'filter.a.$ne'],
    ['an invalid Date', { a: new Date(NaN) }, 'filter.a'],
    ['a Map as value', { a: new Map() }, 'filter.a'],
    ['bytes', { a: new Uint8Array(2) }, 'filter.a'],
    ['a hole in $in', { a: { $in: Array.from({ length: 2 }).fill(1, 1) } }, 'filter.a.$in[0]'],
    ['an operator in $in', { a: { $in: [{ $gt: 1 }] } }, 'filter.a.$in[0]'],
    ['$in of no array', { a: { $in: 'x' } }, 'filter.a.$in'],
    ['$nin of no array', { a: { $nin: { 0: 1 } } }, 'filter.a.$nin'],
    ['$exists of no boolean', { a: { $exists: 'no' } }, 'filter.a.$exists'],
    ['$not of a value', { a: { $not: 5 } }, 'filter.a.$not'],
    ['$not of nothing', { a: { $not: {} } }, 'filter.a.$not'],
    ['a RegExp on an id', { _id: /x/ }, 'filter._id'],
    ['$not of a RegExp on an id', { _id: { $not: /x/ } }, 'filter._id.$not'],
    ['an operator for data on an id', { _id: { $size: 1 } }, 'filter._id.$size'],
    ['a type that JSON has not', { a: { $type: 'date' } }, 'filter.a.$type'],
    ['no type', { a: { $type: [] } }, 'filter.a.$type'],
    ['$all of no array', { a: { $all: 1 } }, 'filter.a.$all'],
    ['an operator in $all', { a: { $all: [{ $gt: 1 }] } }, 'filter.a.$all[0]'],
    ['a hole in $all', { a: { $all: Array.from({ length: 1 }) } }, 'filter.a.$all[0]'],
    ['$elemMatch of a value', { a: { $elemMatch: 1 } }, 'filter.a.$elemMatch'],
    ['an unknown operator in $elemMatch', { a: { $elemMatch: { $foo: 1 } } }, 'filter.a.$elemMatch.$foo'],
    ['$elemMatch that mixes operators and fields', { a: { $elemMatch: { $gt: 1, b: 1 } } }, 'filter.a.$elemMatch'],
    ['$text in $elemMatch', { a: { $elemMatch: { $text: { $search: 'x' } } } }, 'filter.a.$elemMatch.$text'],
    ['a negative size', { a: { $size: -1 } }, 'filter.a.$size'],
    ['half a size', { a: { $size: 1.5 } }, 'filter.a.$size'],
    ['a divisor of 0', { a: { $mod: [0, 1] } }, 'filter.a.$mod'],
    ['a divisor alone', { a: { $mod: [2] } }, 'filter.a.$mod'],
    ['a divisor in words', { a: { $mod: ['2', 0] } }, 'filter.a.$mod'],
    ['$options alone', { a: { $options: 'i' } }, 'filter.a.$options'],
    ['unknown $options', { a: { $regex: 'x', $options: 'z' } }, 'filter.a.$regex'],
    ['a number as $regex', { a: { $regex: 1 } }, 'filter.a.$regex'],
    ['a comment that is no text', { $comment: 1 }, 'filter.$comment'],
    ['$text of a string', { $text: 'x' }, 'filter.$text'],
    ['$text without $search', { $text: {} }, 'filter.$text.$search'],
    ['$text in an unknown language', { $text: { $search: 'x', $language: 'klingon' } }, 'filter.$text.$language'],
    ['an unknown option of $text', { $text: { $search: 'x', $foo: 1 } }, 'filter.$text.$foo'],
    ['$text in $or', { $or: [{ $text: { $search: 'x' } }, { a: 1 }] }, 'filter.$or[0].$text'],
    ['$text twice', { $and: [{ $text: { $search: 'x' } }, { $text: { $search: 'y' } }] }, 'filter.$and[1].$text'],
    ['order among objects', { a: { $gt: { b: 1 } } }, 'filter.a.$gt'],
    ['order among arrays', { a: { $lte: [1] } }, 'filter.a.$lte'],
    ['$or of nothing', { $or: [] }, 'filter.$or'],
    ['$and of no array', { $and: { a: 1 } }, 'filter.$and'],
    ['$nor of something else than filters', { $nor: [1] }, 'filter.$nor[0]'],
    ['an empty path', { '': 1 }, 'filter.'],
    ['an empty part of a path', { 'a..b': 1 }, 'filter.a..b'],
    ['a path that ends with a dot', { 'a.': 1 }, 'filter.a.'],
    ['an operator in a path', { 'a.$gt': 1 }, 'filter.a.$gt'],
    ['a path into the id', { '_id.x': 1 }, 'filter._id.x'],
    ['a number as id', { _id: 5 }, 'filter._id'],
    ['null as id', { _id: { $in: ['a', null] } }, 'filter._id.$in[1]'],
    ['NUL in an id', { _id: 'a\0' }, 'filter._id'],
    ['a string as version', { _version: '1' }, 'filter._version'],
    ['a time without an offset', { _updatedAt: '2026-11-22T20:00:00' }, 'filter._updatedAt'],
    ['a time that is none', { _updatedAt: { $gt: '2026-13-45' } }, 'filter._updatedAt.$gt'],
    ['a number as time', { _createdAt: 0 }, 'filter._createdAt'],
  ]
  for (const [name, filter, field] of refused) {
    it(`refuses ${name}`, () => {
      assert.throws(
        () => parseFilter(filter),
        (error) =>
          error instanceof HoldfastError && error.code === 'INVALID_ARGUMENT' && error.fields[0]?.field === field,
      )
    })
  }

  it('refuses what is nested too deep, without running out of stack', () => {
    const nested = (depth: number, wrap: (inner: unknown) => unknown): unknown => {
      let value: unknown = { a: 1 }
      for (let level = 0; level < depth; level += 1) value = wrap(value)
      return value
    }
    const invalid = { code: 'INVALID_ARGUMENT' }
    assert.throws(() => parseFilter(nested(10_000, (inner) => ({ $and: [inner] }))), invalid)
    assert.throws(() => parseFilter({ a: nested(10_000, (inner) => ({ b: inner })) }), invalid)
    assert.throws(() => parseFilter({ a: nested(10_000, (inner) => ({ $not: inner })) }), invalid)
    assert.throws(() => parseFilter({ [Array.from({ length: 101 }, () => 'a').join('.')]: 1 }), invalid)
    const circular: Record<string, unknown> = {}
    circular['$or'] = [circular]
    assert.throws(() => parseFilter(circular), invalid)
    parseFilter(nested(98, (inner) => ({ $or: [inner] })))
    assert.throws(() => parseFilter(nested(11, (inner) => ({ a: { $elemMatch: inner } }))), invalid)
    assert.throws(() => parseFilter({ a: nested(11, (inner) => ({ $elemMatch: { $all: [inner] } })) }), invalid)
    parseFilter(nested(10, (inner) => ({ a: { $elemMatch: inner } })))
  })

  it('refuses more conditions than a server plans in good time, and takes any number of values', () => {
    const many = Array.from({ length: 1_001 }, (_, a) => ({ a }))
    assert.throws(() => parseFilter({ $or: many }), { code: 'INVALID_ARGUMENT' })
    assert.throws(() => parseFilter({ $or: many.slice(500), a: { $elemMatch: { $or: many.slice(0, 500) } } }), {
      code: 'INVALID_ARGUMENT',
    })
    assert.throws(() => parseFilter({ a: { $all: many.map(({ a }) => a) } }), { code: 'INVALID_ARGUMENT' })
    assert.throws(() => parseFilter({ a: { $in: many.map(() => /x/) } }), { code: 'INVALID_ARGUMENT' })
    parseFilter({ $or: many.slice(1) })
    parseFilter({ a: { $in: many.map(({ a }) => a) } })
  })

  it('does not repeat a name of megabytes in its message', () => {
    assert.throws(
      () => parseFilter({ [`$${'x'.repeat(1_000_000)}`]: 1 }),
      (error) => error instanceof HoldfastError && error.message.length < 2_000,
    )
  })
})
