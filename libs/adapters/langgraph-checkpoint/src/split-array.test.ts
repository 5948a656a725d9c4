import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { splitArray } from './split-array.js'

describe('splitArray', () => {
  it('gives the texts of all elements, whatever they are', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue(), { maxLength: 20 }), (values) => {
        assert.deepEqual(
          splitArray(JSON.stringify(values)),
          values.map((value) => JSON.stringify(value)),
        )
      }),
      { numRuns: 500 },
    )
  })

  it('is not taken in by what strings contain', () => {
    const values = ['],[', '"', '\\', '\\"', '{', ['a,b', { 'c]': '\\\\' }], '', [], {}]
    assert.deepEqual(
      splitArray(JSON.stringify(values)),
      values.map((value) => JSON.stringify(value)),
    )
    assert.deepEqual(splitArray('[]'), [])
  })
})
