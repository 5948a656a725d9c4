import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { canonicalJson, sameJson, survivesParsing } from './canonical-json.js'

describe('the comparison of JSON texts', () => {
  it('does not look at the order of members, at blanks and at notation', () => {
    assert.equal(sameJson('{"a": 1, "b": [1.50, "x\\u0041"]}', '{"b":[15e-1,"xA"],"a":1.0}'), true)
    assert.equal(sameJson('{"a": 1, "a": 2}', '{"a":2}'), true)
    assert.equal(sameJson('-0', '0.00'), true)
    assert.equal(sameJson('1e21', '1000000000000000000000'), true)
    assert.equal(sameJson('1.5e-7', '0.00000015'), true)
  })

  it('sees digits that a double does not hold', () => {
    assert.equal(sameJson('9007199254740993', '9007199254740992'), false)
    assert.equal(sameJson('1e400', '1e401'), false)
    assert.equal(sameJson('0.1', '0.10000000000000000001'), false)
  })

  it('tells values from others', () => {
    for (const [a, b] of [
      ['"1"', '1'],
      ['[1,2]', '[12]'],
      ['{}', '[]'],
      ['null', '"null"'],
      ['["a,b"]', '["a","b"]'],
      ['{"a":1}', '{"b":1}'],
    ]) {
      assert.equal(sameJson(a, b), false, `${a} ${b}`)
    }
    assert.equal(sameJson(undefined, 'null'), false)
    assert.equal(sameJson(undefined, undefined), true)
  })

  it('agrees with equality of what was parsed', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        assert.equal(sameJson(JSON.stringify(a), JSON.stringify(a, null, 2)), true)
        assert.equal(JSON.stringify(JSON.parse(canonicalJson(JSON.stringify(a)))).length > 0, true)
        if (sameJson(JSON.stringify(a), JSON.stringify(b))) assert.deepEqual(normal(a), normal(b))
      }),
    )
  })

  it('knows what JavaScript gives back', () => {
    for (const text of ['{"a": 1, "b": "x"}', '1712345678.25', '[]', '100000000000000000000000']) {
      assert.equal(survivesParsing(text), true, text)
    }
    for (const text of ['1.0', '{"t": 1712345678.0}', '9007199254740993', '1.50']) {
      assert.equal(survivesParsing(text), false, text)
    }
    assert.equal(survivesParsing(`1${'0'.repeat(400)}`), false)
  })
})

/** -0 is 0. */
function normal(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}
