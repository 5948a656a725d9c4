import assert from 'node:assert/strict'
import { it } from 'node:test'
import * as fc from 'fast-check'
import { escapeForJsonb } from '../sql/json-text.js'
import { compareText } from './text-order.js'

it('compares by code point, not by UTF-16 unit', () => {
  const sorted = ['', 'A', 'Z', 'a', 'aa', 'é', '\ud7ff', '\ue000', '\uff5e', '\u{10000}', '\u{1f600}', '\u{1f601}']
  assert.deepEqual(sorted.toReversed().sort(compareText), sorted)
  assert.ok(compareText('x\u{1f600}', 'x\uff5e') > 0)
})

it('puts what JSONB cannot hold where its escape stands', () => {
  const sorted = ['\ufdcf', '\0', '\0a', '\ud800', '\ud83d', '\udfff', '\ufdd0', '\ufdd1', '\u{1f600}']
  assert.deepEqual(sorted.toReversed().sort(compareText), sorted)
})

it('orders any two strings as the bytes of their stored form', () => {
  const piece = fc.constantFrom('a', 'b', '\0', '0', 'd', '\ud83d', '\ude00', '\ufdd0', '\ufdcf', '\uff5e', '\u{1f600}')
  const text = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(''))
  const stored = (value: string) => Buffer.from(JSON.parse(escapeForJsonb(JSON.stringify(value))) as string)
  fc.assert(
    fc.property(text, text, (a, b) => {
      assert.equal(Math.sign(compareText(a, b)), Buffer.compare(stored(a), stored(b)))
    }),
    { numRuns: 2_000 },
  )
})
