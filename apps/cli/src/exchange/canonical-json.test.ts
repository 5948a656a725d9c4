import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { canonicalJson } from './canonical-json.js'

test('puts keys in code unit order, integer-like ones too', () => {
  assert.equal(canonicalJson({ b: 1, a: { 10: 1, 9: 2 }, '': [] }), '{"":[],"a":{"10":1,"9":2},"b":1}')
})

test('leaves out what is undefined', () => {
  assert.equal(canonicalJson({ a: undefined, b: [1] }), '{"b":[1]}')
})

test('keeps NUL, lone surrogates, U+2028 and keys such as __proto__', () => {
  const text = '{"__proto__":"\\u0000\\ud800\u2028","constructor":1}'
  assert.equal(canonicalJson(JSON.parse(text)), text)
})

test('does not depend on the order in which keys were set, and parses back to the same', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const text = canonicalJson(value)
      assert.equal(canonicalJson(Object.fromEntries(Object.entries(value).toReversed())), text)
      assert.equal(canonicalJson(JSON.parse(text)), text)
    }),
  )
})
