import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { escapeForJsonb, escapeText, unescapeFromJsonb } from './json-text.js'

/** Strings made mostly of what can go wrong. */
const nastyString = fc
  .array(
    fc.oneof(
      fc.constantFrom('\0', '\ufdd0', '\\', '\\u0000', '\\ud800', '0', 'd800', 'u0000', '"', '/', '\n'),
      fc.integer({ min: 0xd800, max: 0xdfff }).map((unit) => String.fromCharCode(unit)),
      fc.constantFrom('😀', 'ä', 'a'),
      fc.string({ unit: 'binary', maxLength: 3 }),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''))

const nastyValue = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    nastyString,
    fc.integer(),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(nastyString, tie('value'), { maxKeys: 3 }),
  ),
})).value

/** JSON with every character of every string as an escape, in upper case. */
function escapeAll(json: string): string {
  return json.replace(/"(?:[^"\\]|\\.)*"/gs, (literal) => {
    const text = JSON.parse(literal) as string
    return `"${[...Array(text.length).keys()].map((i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0').toUpperCase()}`).join('')}"`
  })
}

/** Every string in a value, keys included. */
function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, member]) => [key, ...stringsIn(member)])
}

function assertAcceptedByJsonb(text: string): void {
  for (const string of stringsIn(JSON.parse(text))) assert.doesNotMatch(string, /[\0\p{Surrogate}]/u)
}

describe('escapeForJsonb', () => {
  it('leaves text alone that has nothing to escape', () => {
    const json = JSON.stringify({ text: 'a\\u0000 😀 \n "quoted"', '\\': '\\\\u0000' })
    assert.equal(escapeForJsonb(json), json)
  })

  it('tells a NUL from the characters that spell its escape', () => {
    assert.equal(escapeForJsonb(String.raw`["\u0000","\\u0000","\\\u0000"]`), '["\ufdd00","\\\\u0000","\\\\\ufdd00"]')
  })

  it('takes raw surrogates, escaped ones in either case, and pairs that mix both', () => {
    assert.equal(escapeForJsonb('["\ud800"]'), '["\ufdd0d800"]')
    assert.equal(escapeForJsonb(String.raw`["\uD8AB\udfff\uDFFF"]`), '["\ud8ab\udfff\ufdd0dfff"]')
    assert.equal(escapeForJsonb('["\\ud83d\ude00"]'), '["😀"]')
    assert.equal(escapeForJsonb('["\ud83d\\uDE00"]'), '["😀"]')
    assert.equal(escapeForJsonb(String.raw`["\uFDD0"]`), '["\ufdd0\ufdd0"]')
  })

  it('makes any JSON text acceptable to JSONB, and the way back gives the same value', () => {
    fc.assert(
      fc.property(nastyValue, (value) => {
        const json = JSON.stringify(value)
        for (const text of [json, escapeAll(json)]) {
          const escaped = escapeForJsonb(text)
          assertAcceptedByJsonb(escaped)
          // JSONB prints in a notation of its own; JSON.stringify stands for that here.
          const stored = JSON.stringify(JSON.parse(escaped))
          assert.equal(JSON.stringify(JSON.parse(unescapeFromJsonb(stored))), json)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('is one to one, so that equal values and only they are stored as equal', () => {
    fc.assert(
      fc.property(nastyString, nastyString, (a, b) => {
        assert.equal(escapeForJsonb(JSON.stringify(a)) === escapeForJsonb(JSON.stringify(b)), a === b)
      }),
    )
  })
})

describe('escapeText', () => {
  it('gives the string that stands in JSONB for the original', () => {
    fc.assert(
      fc.property(nastyString, (text) => {
        assert.equal(escapeText(text), JSON.parse(escapeForJsonb(JSON.stringify(text))))
      }),
    )
  })
})
