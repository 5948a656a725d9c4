import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { parseFilter } from './filter.js'
import { applyUpdate, parseUpdate, upsertSeed } from './update.js'

function apply(data: unknown, update: unknown): unknown {
  return applyUpdate(data, parseUpdate(update))
}

describe('$set', () => {
  it('writes along dotted paths and makes the parents', () => {
    assert.deepEqual(apply({ a: { x: 1 } }, { $set: { 'a.b.c': 2, d: [3] } }), { a: { x: 1, b: { c: 2 } }, d: [3] })
  })

  it('writes places in arrays, and fills up with null', () => {
    assert.deepEqual(apply({ a: [1, 2] }, { $set: { 'a.0': 9, 'a.3': 4 } }), { a: [9, 2, null, 4] })
    assert.deepEqual(apply({ a: [{ b: 1 }] }, { $set: { 'a.0.b': 2, 'a.1.b': 3 } }), { a: [{ b: 2 }, { b: 3 }] })
  })

  it('makes an object of a missing parent, also for a number', () => {
    assert.deepEqual(apply({}, { $set: { 'a.0': 1 } }), { a: { 0: 1 } })
  })

  it('keeps the place of a key and turns Dates into ISO strings', () => {
    assert.equal(
      JSON.stringify(apply({ a: 1, b: 2 }, { $set: { a: new Date(0) } })),
      '{"a":"1970-01-01T00:00:00.000Z","b":2}',
    )
  })
})

describe('$unset', () => {
  it('deletes members, and makes places in arrays null', () => {
    assert.deepEqual(apply({ a: { b: 1, c: 2 }, d: [1, 2] }, { $unset: { 'a.b': '', 'd.0': '' } }), {
      a: { c: 2 },
      d: [null, 2],
    })
  })

  it('leaves alone what is not there', () => {
    const data = { a: 1, d: [1] }
    assert.deepEqual(apply(data, { $unset: { x: '', 'a.b': '', 'd.5': '', 'd.x': '', 'y.z': '' } }), data)
  })
})

describe('$inc', () => {
  it('adds, and starts from 0', () => {
    assert.deepEqual(apply({ n: 1.5 }, { $inc: { n: 2, 'm.k': -1 } }), { n: 3.5, m: { k: -1 } })
  })
})

describe('$push', () => {
  it('appends one value or each of several, and makes the array', () => {
    assert.deepEqual(apply({ a: [1] }, { $push: { a: [2], b: { x: 1 } } }), { a: [1, [2]], b: [{ x: 1 }] })
    assert.deepEqual(apply({ a: [1] }, { $push: { a: { $each: [2, 3] }, c: { $each: [] } } }), { a: [1, 2, 3], c: [] })
  })
})

describe('$mul, $min, $max', () => {
  it('multiply, and make 0 of a missing field', () => {
    assert.deepEqual(apply({ a: 3, d: { e: 2 } }, { $mul: { a: 2, b: 5, 'd.e': -0.5 } }), { a: 6, b: 0, d: { e: -1 } })
    assert.throws(() => apply({ a: '3' }, { $mul: { a: 2 } }), { code: 'FAILED_PRECONDITION' })
    assert.throws(() => apply({ a: 2 ** 53 - 1 }, { $mul: { a: 3 } }), { code: 'FAILED_PRECONDITION' })
    assert.throws(() => apply({ a: 1e300 }, { $mul: { a: 1e300 } }), { code: 'FAILED_PRECONDITION' })
  })

  it('keep the lesser or the greater value, in the order of types', () => {
    assert.deepEqual(apply({ a: 3, b: 3 }, { $min: { a: 2, b: 4, c: 1 } }), { a: 2, b: 3, c: 1 })
    assert.deepEqual(apply({ a: 3, b: 3 }, { $max: { a: 2, b: 4, c: 1 } }), { a: 3, b: 4, c: 1 })
    assert.deepEqual(apply({ a: '9', b: true, c: null }, { $max: { a: 10, b: 'z', c: 0 } }), { a: '9', b: true, c: 0 })
    assert.deepEqual(apply({ at: '2026-01-01T00:00:00.000Z' }, { $min: { at: new Date(0) } }), {
      at: '1970-01-01T00:00:00.000Z',
    })
  })
})

describe('$rename', () => {
  it('moves a field, over what is there, and makes the parents', () => {
    assert.deepEqual(apply({ a: 1, b: 2, c: 3 }, { $rename: { a: 'b', c: 'x.y' } }), { b: 1, x: { y: 3 } })
  })

  it('leaves alone what is not there', () => {
    assert.deepEqual(apply({ b: 2 }, { $rename: { a: 'b', 'c.d': 'e' } }), { b: 2 })
  })

  it('does not go through arrays', () => {
    for (const update of [{ $rename: { 'a.0': 'b' } }, { $rename: { b: 'a.0' } }]) {
      assert.throws(() => apply({ a: [1], b: 2 }, update), { code: 'FAILED_PRECONDITION' })
    }
  })
})

describe('$setOnInsert, $currentDate', () => {
  it('sets only what an upsert makes', () => {
    const update = parseUpdate({ $setOnInsert: { a: 1 }, $set: { b: 2 } })
    assert.deepEqual(applyUpdate({}, update), { b: 2 })
    assert.deepEqual(applyUpdate({}, update, true), { a: 1, b: 2 })
  })

  it('writes the time as an ISO string', () => {
    const before = Date.now()
    const after = apply({}, { $currentDate: { a: true, b: { $type: 'date' } } }) as { a: string; b: string }
    for (const text of [after.a, after.b]) assert.ok(Date.parse(text) >= before && Date.parse(text) <= Date.now())
    assert.match(after.a, /^\d{4}-.*Z$/)
  })
})

describe('$push with modifiers', () => {
  const push = (a: unknown, modifiers: object): unknown =>
    (apply({ a }, { $push: { a: modifiers } }) as { a: unknown }).a

  it('inserts at a place', () => {
    assert.deepEqual(push([1, 2, 3], { $each: [8, 9], $position: 1 }), [1, 8, 9, 2, 3])
    assert.deepEqual(push([1, 2, 3], { $each: [9], $position: -1 }), [1, 2, 9, 3])
    assert.deepEqual(push([1], { $each: [9], $position: 100 }), [1, 9])
    assert.deepEqual(push([1], { $each: [9], $position: -100 }), [9, 1])
  })

  it('sorts, then cuts', () => {
    assert.deepEqual(push([3, 1], { $each: [2], $sort: 1 }), [1, 2, 3])
    assert.deepEqual(push([3, 'a', null], { $each: [2], $sort: -1, $slice: 2 }), ['a', 3])
    assert.deepEqual(push([1, 2, 3], { $each: [], $slice: -2 }), [2, 3])
    assert.deepEqual(push([1, 2], { $each: [3], $slice: 0 }), [])
    assert.deepEqual(push([{ n: 2 }, { n: 1, s: 'b' }], { $each: [{ n: 1, s: 'a' }], $sort: { n: 1, s: -1 } }), [
      { n: 1, s: 'b' },
      { n: 1, s: 'a' },
      { n: 2 },
    ])
  })
})

describe('$addToSet, $pull, $pullAll, $pop', () => {
  it('adds what is not there yet', () => {
    assert.deepEqual(apply({ a: [1, { x: 1, y: 2 }] }, { $addToSet: { a: { y: 2, x: 1 } } }), {
      a: [1, { x: 1, y: 2 }],
    })
    assert.deepEqual(apply({ a: [1] }, { $addToSet: { a: { $each: [1, 2, 2, '1'] } } }), { a: [1, 2, '1'] })
    assert.deepEqual(apply({}, { $addToSet: { a: [1] } }), { a: [[1]] })
  })

  it('pulls equal values, values that operators find, and objects that a filter finds', () => {
    const pull = (a: unknown, condition: unknown): unknown =>
      (apply({ a }, { $pull: { a: condition } }) as { a: unknown }).a
    assert.deepEqual(pull([1, 2, 1, '1', [1]], 1), [2, '1', [1]])
    assert.deepEqual(pull([1, 5, 9, '9'], { $gte: 5 }), [1, '9'])
    assert.deepEqual(pull([1, 5, 9], { $in: [1, 9] }), [5])
    assert.deepEqual(pull(['ab', 'cd'], /^a/), ['cd'])
    assert.deepEqual(pull([{ n: 1, s: 'a' }, { n: 2 }, 1], { n: 1 }), [{ n: 2 }, 1])
    assert.deepEqual(pull([{ n: [1, 2] }, { n: [3] }], { n: { $gt: 2 } }), [{ n: [1, 2] }])
    assert.deepEqual(pull([[1, 2], [2, 1]], [1, 2]), [[2, 1]]) // prettier-ignore
    assert.deepEqual(pull([{ _id: 1 }, { _id: 2 }], { _id: 1 }), [{ _id: 2 }])
    assert.deepEqual(pull([null, 1], null), [1])
  })

  it('pulls all of a list', () => {
    assert.deepEqual(apply({ a: [1, 2, { b: 1 }, 1] }, { $pullAll: { a: [1, { b: 1 }] } }), { a: [2] })
  })

  it('pops one end', () => {
    assert.deepEqual(apply({ a: [1, 2, 3], b: [1, 2] }, { $pop: { a: 1, b: -1 } }), { a: [1, 2], b: [2] })
    assert.deepEqual(apply({ a: [] }, { $pop: { a: 1 } }), { a: [] })
  })

  it('leave a missing array missing, and refuse what is no array', () => {
    const update = { $pull: { 'a.b': 1 }, $pullAll: { 'c.d': [1] }, $pop: { e: 1 } }
    assert.deepEqual(apply({ c: 5 }, update), { c: 5 })
    for (const one of [{ $pull: { a: 1 } }, { $pullAll: { a: [1] } }, { $pop: { a: 1 } }, { $addToSet: { a: 1 } }]) {
      assert.throws(() => apply({ a: 'x' }, one), { code: 'FAILED_PRECONDITION' })
    }
  })
})

describe('an update', () => {
  it('does not change what it was given, and shares what it leaves alone', () => {
    const data = { kept: { deep: [1] }, changed: { list: [1] } }
    const before = structuredClone(data)
    const after = apply(data, { $set: { 'changed.x': 1 }, $push: { 'changed.list': 2 }, $unset: { gone: '' } })
    assert.deepEqual(data, before)
    assert.ok(typeof after === 'object' && after !== null && 'kept' in after && after.kept === data.kept)
  })

  it('does not keep a hold on the caller’s values', () => {
    const list = [1]
    const update = parseUpdate({ $set: { list } })
    list.push(2)
    assert.deepEqual(applyUpdate({}, update), { list: [1] })
  })

  it('treats __proto__, constructor and prototype as plain keys', () => {
    const names = ['__proto__', 'constructor', 'prototype']
    for (const name of names) {
      const update = JSON.parse(`{"$set": {"${name}.polluted": true, "a.${name}": 1}, "$inc": {"b.${name}.n": 1}}`)
      const after = apply({}, update)
      assert.equal(
        JSON.stringify(after),
        `{"${name}":{"polluted":true},"a":{"${name}":1},"b":{"${name}":{"n":1}}}`,
        name,
      )
      assert.equal(Object.getPrototypeOf(after), Object.prototype)
      const gone = apply(after, JSON.parse(`{"$unset": {"${name}": "", "a.${name}": ""}}`))
      assert.equal(JSON.stringify(gone), `{"a":{},"b":{"${name}":{"n":1}}}`)
    }
    assert.equal(Reflect.get({}, 'polluted'), undefined)
    assert.deepEqual(Object.keys(Object.prototype), [])
  })

  const refused: readonly (readonly [name: string, update: unknown, field: string])[] = [
    ['nothing', undefined, 'update'],
    ['no operator', {}, 'update'],
    ['a list', [{ $set: { a: 1 } }], 'update'],
    ['an unknown operator', { $bit: { a: { and: 1 } } }, 'update.$bit'],
    ['an operator called like a method', { $set: { a: 1 }, $constructor: { a: 1 } }, 'update.$constructor'],
    ['a replacement document', { a: 1 }, 'update.a'],
    ['fields that are no object', { $set: 5 }, 'update.$set'],
    ['undefined', { $set: { a: undefined } }, 'update.$set.a'],
    ['NaN', { $set: { a: [NaN] } }, 'update.$set.a[0]'],
    ['a function', { $push: { a: () => 1 } }, 'update.$push.a'],
    ['a bigint', { $set: { a: 1n } }, 'update.$set.a'],
    ['a string to add', { $inc: { a: '1' } }, 'update.$inc.a'],
    ['Infinity to add', { $inc: { a: Infinity } }, 'update.$inc.a'],
    ['an unknown modifier', { $push: { a: { $each: [1], $foo: 2 } } }, 'update.$push.a.$foo'],
    ['a slice in words', { $push: { a: { $each: [1], $slice: '2' } } }, 'update.$push.a.$slice'],
    ['half a position', { $push: { a: { $each: [1], $position: 0.5 } } }, 'update.$push.a.$position'],
    ['a sort by nothing', { $push: { a: { $each: [1], $sort: {} } } }, 'update.$push.a.$sort'],
    ['a sort by the id', { $push: { a: { $each: [1], $sort: { _id: 1 } } } }, 'update.$push.a.$sort'],
    ['a sort in another direction', { $push: { a: { $each: [1], $sort: 2 } } }, 'update.$push.a.$sort'],
    ['a modifier of $push in $addToSet', { $addToSet: { a: { $each: [1], $slice: 1 } } }, 'update.$addToSet.a.$slice'],
    ['a string to multiply with', { $mul: { a: '2' } }, 'update.$mul.a'],
    ['an object as least value', { $min: { a: {} } }, 'update.$min.a'],
    ['an array as greatest value', { $max: { a: [1] } }, 'update.$max.a'],
    ['a new name that is none', { $rename: { a: 1 } }, 'update.$rename.a'],
    ['a new name like the old', { $rename: { a: 'a' } }, 'update.$rename.a'],
    ['a new name within the old', { $rename: { a: 'a.b' } }, 'update.$rename.a'],
    ['a new name that is the id', { $rename: { a: '_id' } }, 'update.$rename.a'],
    ['an unknown kind of date', { $currentDate: { a: { $type: 'timestamp' } } }, 'update.$currentDate.a'],
    ['no date', { $currentDate: { a: false } }, 'update.$currentDate.a'],
    ['another end to pop', { $pop: { a: 2 } }, 'update.$pop.a'],
    ['one value to pull all of', { $pullAll: { a: 1 } }, 'update.$pullAll.a'],
    ['an unknown operator in $pull', { $pull: { a: { $foo: 1 } } }, 'update.$pull.a.$foo'],
    ['a function to pull', { $pull: { a: () => 1 } }, 'update.$pull.a'],
    ['fields besides $each', { $push: { a: { $each: [1], b: 2 } } }, 'update.$push.a.b'],
    ['a modifier without $each', { $push: { a: { $position: 0 } } }, 'update.$push.a.$each'],
    ['$each of no array', { $push: { a: { $each: 1 } } }, 'update.$push.a.$each'],
    ['an empty path', { $set: { '': 1 } }, 'update.$set.'],
    ['an empty part of a path', { $set: { 'a..b': 1 } }, 'update.$set.a..b'],
    ['a positional operator', { $set: { 'a.$.b': 1 } }, 'update.$set.a.$.b'],
    ['the id', { $set: { _id: 'x' } }, 'update.$set._id'],
    ['the version', { $inc: { _version: 1 } }, 'update.$inc._version'],
    ['a path twice', { $set: { a: 1 }, $inc: { a: 1 } }, 'update.$inc.a'],
    ['a path and its parent', { $set: { 'a.b': 1, a: {} } }, 'update.$set.a.b'],
    ['a path and its grandparent', { $unset: { a: '' }, $push: { 'a.b.c': 1 }, $set: { ab: 1 } }, 'update.$push.a.b.c'],
  ]
  for (const [name, update, field] of refused) {
    it(`refuses ${name}`, () => {
      assert.throws(
        () => parseUpdate(update),
        (error) =>
          error instanceof HoldfastError && error.code === 'INVALID_ARGUMENT' && error.fields[0]?.field === field,
      )
    })
  }

  it('allows paths that only look alike', () => {
    assert.deepEqual(apply({}, { $set: { a: 1, ab: 2, 'b.c': 3, 'b.cd': 4, 'b-c': 5 } }), {
      a: 1,
      ab: 2,
      b: { c: 3, cd: 4 },
      'b-c': 5,
    })
  })

  const inapplicable: readonly (readonly [name: string, data: unknown, update: unknown])[] = [
    ['adding to a string', { a: '1' }, { $inc: { a: 1 } }],
    ['adding to null', { a: null }, { $inc: { a: 1 } }],
    ['a sum beyond all numbers', { a: 1.7e308 }, { $inc: { a: 1.7e308 } }],
    ['a sum beyond exact integers', { a: Number.MAX_SAFE_INTEGER }, { $inc: { a: 1 } }],
    ['pushing to a number', { a: 1 }, { $push: { a: 1 } }],
    ['pushing to null', { a: null }, { $push: { a: 1 } }],
    ['a path through a number', { a: 1 }, { $set: { 'a.b': 1 } }],
    ['a path through null', { a: null }, { $set: { 'a.b': 1 } }],
    ['a name in an array', { a: [] }, { $set: { 'a.b': 1 } }],
    ['a place far beyond the end of an array', { a: [] }, { $set: { 'a.10001': 1 } }],
    ['a place beyond all arrays', { a: [] }, { $set: { 'a.999999999999': 1 } }],
    ['a field of data that is no object', 5, { $set: { a: 1 } }],
  ]
  for (const [name, data, update] of inapplicable) {
    it(`refuses ${name} with FAILED_PRECONDITION`, () => {
      assert.throws(() => apply(data, update), { code: 'FAILED_PRECONDITION', reason: 'UPDATE_NOT_APPLICABLE' })
    })
  }
})

describe('upsertSeed', () => {
  it('takes the fields that the filter says are equal', () => {
    const where = parseFilter({
      _id: 'x',
      a: 1,
      'b.c': { $eq: [2] },
      $and: [{ d: null }],
      e: { $gt: 5 },
      $or: [{ f: 6 }],
    })
    assert.deepEqual(upsertSeed(where), { a: 1, b: { c: [2] }, d: null, f: 6 })
    assert.deepEqual(upsertSeed(parseFilter({ $or: [{ a: 1 }, { b: 2 }], c: { $ne: 1 } })), {})
  })

  it('refuses two values for one field', () => {
    assert.throws(() => upsertSeed(parseFilter({ a: 1, $and: [{ a: 2 }] })), { code: 'INVALID_ARGUMENT' })
    assert.throws(() => upsertSeed(parseFilter({ a: { b: 1 }, 'a.b': 1 })), { code: 'INVALID_ARGUMENT' })
  })
})
