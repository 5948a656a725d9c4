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
    ['an unknown operator', { $rename: { a: 'b' } }, 'update.$rename'],
    ['an operator called like a method', { $set: { a: 1 }, $constructor: { a: 1 } }, 'update.$constructor'],
    ['a replacement document', { a: 1 }, 'update.a'],
    ['fields that are no object', { $set: 5 }, 'update.$set'],
    ['undefined', { $set: { a: undefined } }, 'update.$set.a'],
    ['NaN', { $set: { a: [NaN] } }, 'update.$set.a[0]'],
    ['a function', { $push: { a: () => 1 } }, 'update.$push.a'],
    ['a bigint', { $set: { a: 1n } }, 'update.$set.a'],
    ['a string to add', { $inc: { a: '1' } }, 'update.$inc.a'],
    ['Infinity to add', { $inc: { a: Infinity } }, 'update.$inc.a'],
    ['modifiers besides $each', { $push: { a: { $each: [1], $slice: 2 } } }, 'update.$push.a.$slice'],
    ['fields besides $each', { $push: { a: { $each: [1], b: 2 } } }, 'update.$push.a.b'],
    ['a modifier without $each', { $push: { a: { $position: 0 } } }, 'update.$push.a.$position'],
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
