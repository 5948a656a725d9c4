import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import * as fc from 'fast-check'
import { parseJsonObject, parseJsonText, survivesDouble } from './json-field.js'

function refusal(text: string): HoldfastError {
  try {
    parseJsonText(text, 'state_json')
  } catch (error) {
    assert.ok(error instanceof HoldfastError)
    assert.equal(error.code, 'INVALID_ARGUMENT')
    return error
  }
  assert.fail(`took ${text.slice(0, 100)}`)
}

describe('a JSON field', () => {
  it('gives the value', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        assert.deepEqual(parseJsonText(text, 'f'), JSON.parse(text))
      }),
    )
  })

  it('is refused when it is not JSON', () => {
    for (const text of ['', ' ', '{', '{"a":1,}', "{'a':1}", 'NaN', 'undefined', '"\u0000"', '[1] [2]']) {
      assert.equal(refusal(text).reason, 'NOT_JSON', text)
      assert.equal(refusal(text).fields[0]?.field, 'state_json')
    }
  })

  it('may be 100 levels deep and not more', () => {
    assert.ok(parseJsonText(`${'[{"a":'.repeat(50)}1${'}]'.repeat(50)}`, 'f'))
    assert.equal(refusal(`${'['.repeat(101)}${']'.repeat(101)}`).reason, 'TOO_DEEP')
    assert.equal(refusal(`${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`).reason, 'TOO_DEEP')
  })

  it('does not take brackets within strings for levels', () => {
    const text = JSON.stringify({ ['[['.repeat(200)]: '{"\\'.repeat(200) })
    assert.deepEqual(parseJsonText(text, 'f'), JSON.parse(text))
  })

  it('names the place of a number that a double does not keep', () => {
    const places: [string, string][] = [
      ['12345678901234567890', 'state_json'],
      ['{"a":[1,{"b":1e400}]}', 'state_json.a[1].b'],
      ['{"x":{"y":1},"id":-9007199254740993}', 'state_json.id'],
      ['{"a":[[],{}],"b":3.141592653589793238}', 'state_json.b'],
      ['{"\\"":1e-400}', 'state_json.\\"'],
      ['[{"a":1},0.1,1E+999]', 'state_json[2]'],
    ]
    for (const [text, place] of places) {
      const { fields, reason } = refusal(text)
      assert.equal(fields[0]?.field, place)
      assert.equal(reason, 'NUMBER_NOT_REPRESENTABLE')
    }
  })

  it('takes every number that JSON.stringify writes, and those that other writers make of doubles', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        assert.ok(survivesDouble(JSON.stringify(value)))
        assert.ok(survivesDouble(value.toPrecision(17)))
        assert.ok(survivesDouble(value.toExponential(16)))
      }),
    )
    for (const literal of [
      '0',
      '-0',
      '0.0e999',
      '1.0000000000000002e-6',
      '-1.5E-6',
      '1e23',
      '0.10000000000000001',
      '9007199254740992',
      '1.50',
      '5e-324',
      '1493784338405013.2',
    ]) {
      assert.ok(survivesDouble(literal), literal)
    }
  })

  it('keeps __proto__ and constructor as plain keys', () => {
    const value = parseJsonObject('{"__proto__":{"polluted":true},"constructor":1}', 'f')
    assert.deepEqual(Object.keys(value), ['__proto__', 'constructor'])
    assert.equal(Object.getPrototypeOf(value), Object.prototype)
    assert.equal(Reflect.get({}, 'polluted'), undefined)
  })

  it('is refused where an object is asked for and something else comes', () => {
    for (const text of ['[]', 'null', '1', '"{}"']) {
      assert.throws(() => parseJsonObject(text, 'f'), { code: 'INVALID_ARGUMENT', reason: 'NOT_AN_OBJECT' })
    }
  })
})
