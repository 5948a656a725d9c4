import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import type { QueriedDocument } from './predicate.js'
import { parseSort } from './sort.js'
import { compareDocumentPositions, comparePositions, documentPosition, positionOf } from './sort-position.js'

describe('parseSort', () => {
  it('reads keys in their order', () => {
    assert.deepEqual(parseSort({ 'a.b': 1, _createdAt: -1 }), [
      { path: { of: 'data', segments: ['a', 'b'] }, direction: 1 },
      { path: { of: 'meta', name: 'createdAt' }, direction: -1 },
    ])
    assert.deepEqual(parseSort(undefined), [])
  })

  const refused: readonly (readonly [name: string, sort: unknown, field: string])[] = [
    ['a string', 'a', 'sort'],
    ['null', null, 'sort'],
    ['an array', [['a', 1]], 'sort'],
    ['another direction', { a: 2 }, 'sort.a'],
    ['a direction in words', { a: 'asc' }, 'sort.a'],
    ['an empty path', { '': 1 }, 'sort.'],
    ['an operator', { $natural: 1 }, 'sort.$natural'],
    [
      'more keys than an index can have',
      Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`k${i}`, 1])),
      'sort',
    ],
  ]
  for (const [name, sort, field] of refused) {
    it(`refuses ${name}`, () => {
      assert.throws(
        () => parseSort(sort),
        (error) =>
          error instanceof HoldfastError && error.code === 'INVALID_ARGUMENT' && error.fields[0]?.field === field,
      )
    })
  }
})

describe('the order of values', () => {
  it('goes by type first, as in MongoDB, then by value', () => {
    const sorted = [null, -1e300, -1, 0, 0.5, 2, 1e300, '', '10', '9', 'a', { a: 1 }, [1], false, true]
    const shuffled = sorted.toReversed().sort((a, b) => comparePositions(positionOf(a), positionOf(b)))
    assert.deepEqual(shuffled, sorted)
  })

  it('does not order null and missing, nor objects or arrays among each other', () => {
    assert.equal(comparePositions(positionOf(null), positionOf(undefined)), 0)
    assert.equal(comparePositions(positionOf({ a: 1 }), positionOf({ b: 2 })), 0)
    assert.equal(comparePositions(positionOf([1]), positionOf([2, 3])), 0)
  })

  it('ends with the id, in the direction of the last key', () => {
    const document = (id: string, n: number): QueriedDocument => ({
      id,
      version: 1,
      createdAt: 0,
      updatedAt: 0,
      data: { n },
    })
    const order = (sort: Record<string, 1 | -1>) => {
      const keys = parseSort(sort)
      return [document('b', 1), document('a', 1), document('c', 0)]
        .map((one) => ({ id: one.id, position: documentPosition(one, keys) }))
        .sort((a, b) => compareDocumentPositions(a.position, b.position, keys))
        .map(({ id }) => id)
    }
    assert.deepEqual(order({}), ['a', 'b', 'c'])
    assert.deepEqual(order({ n: 1 }), ['c', 'a', 'b'])
    assert.deepEqual(order({ n: -1 }), ['b', 'a', 'c'])
    assert.deepEqual(order({ _id: -1 }), ['c', 'b', 'a'])
  })
})
