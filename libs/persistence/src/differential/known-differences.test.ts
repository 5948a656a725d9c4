import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Query } from 'mingo'
import { updateOne } from 'mingo/updater'
import { parseFilter } from '../query/filter.js'
import { matches } from '../query/match.js'
import { applyUpdate, parseUpdate } from '../query/update.js'
import { queried } from './compare.js'
import { type Difference, differenceOf, updateDifference } from './known-differences.js'
import type { Json } from './random-cases.js'

/** What MongoDB answers, and mingo does not. */
const filters: readonly (readonly [name: Difference, filter: Json, document: Json, ours: boolean])[] = [
  ['nested arrays', { a: { $regex: 'x' } }, { a: [['x']] }, false],
  ['nested arrays', { 'a.x': { $lte: '1' } }, { a: [{ x: null }, { x: [''] }] }, true],
  ['null and missing through an array', { 'a.x': null }, { a: [{ x: 1 }, {}] }, true],
  ['an array as operand through an array', { 'a.x': [1, 2] }, { a: [{ x: 1 }, { x: 2 }] }, false],
  ['an array in $in', { a: { $in: [[1]] } }, { a: [1] }, true],
  ['$type of elements', { a: { $type: 'string' } }, { a: ['x'] }, true],
  ['$all of a single value', { a: { $all: [1] } }, { a: 1 }, true],
  ['$size and $elemMatch through an array', { 'a.x': { $size: 2 } }, { a: [{ x: 1 }, { x: 2 }] }, false],
  ['$size and $elemMatch through an array', { 'a.x': { $elemMatch: { $gt: 1 } } }, { a: [{ x: 1 }, { x: 2 }] }, false],
  ['a range with null', { a: { $gte: null } }, {}, true],
  ['$mod of what is no integer', { a: { $mod: [5, 0] } }, { a: '10' }, false],
  ['$mod of what is no integer', { a: { $mod: [4, 0] } }, { a: 4.5 }, true],
  ['$elemMatch on elements that are no objects', { a: { $elemMatch: { x: { $ne: 1 } } } }, { a: [5] }, false],
  ['numbers in paths', { 'a.0': 1 }, { a: [{ 0: 1 }] }, true],
]

const updates: readonly (readonly [name: Difference, update: Json, document: Json, ours: Json | undefined])[] = [
  ['updates that do not fit', { $mul: { a: 2 } }, { a: 'x' }, undefined],
  ['$push with modifiers makes an array', { $push: { a: { $each: [2, 1], $sort: 1 } } }, {}, { a: [1, 2] }],
  [
    '$push sorts objects',
    { $push: { a: { $each: [], $sort: 1 } } },
    { a: [{ y: 2 }, { y: 1 }] },
    { a: [{ y: 2 }, { y: 1 }] },
  ],
  ['$min and $max of arrays', { $max: { a: null } }, { a: [] }, { a: [] }],
  ['$addToSet of what is double', { $addToSet: { a: 2 } }, { a: [1, 1] }, { a: [1, 1, 2] }],
  ['$pull of objects', { $pull: { a: { y: 'b' } } }, { a: ['b'] }, { a: ['b'] }],
]

it('every known difference stands in the guide', () => {
  const guide = readFileSync(join(import.meta.dirname, '../../../../docs/guides/queries.md'), 'utf8')
  const names = new Set([...filters, ...updates].map(([name]) => name))
  for (const name of names) assert.ok(guide.includes(`\n| ${name} `), name)
})

describe('a known difference still is one:', () => {
  for (const [name, filter, document, ours] of filters) {
    it(`${name}: ${JSON.stringify(filter)} on ${JSON.stringify(document)}`, () => {
      assert.equal(differenceOf(filter, document), name)
      assert.equal(matches(parseFilter(filter), queried(document)), ours)
      assert.equal(new Query(filter, {}).test(document), !ours)
    })
  }
  for (const [name, update, document, ours] of updates) {
    it(`${name}: ${JSON.stringify(update)} on ${JSON.stringify(document)}`, () => {
      assert.equal(updateDifference(update, document, ours !== undefined), name)
      const apply = (): unknown => applyUpdate(document, parseUpdate(update))
      if (ours === undefined) assert.throws(apply, { code: 'FAILED_PRECONDITION' })
      else assert.deepEqual(apply(), ours)
      const theirs = [structuredClone(document)]
      updateOne(theirs, {}, structuredClone(update) as never)
      assert.notDeepEqual(theirs[0], ours)
    })
  }
})
