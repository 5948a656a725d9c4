import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { runInNewContext } from 'node:vm'
import * as fc from 'fast-check'
import { HoldfastError } from '@holdfast/errors'
import { decodeJson, encodeJson } from './json.js'

function refused(value: unknown, field: string, description?: RegExp): void {
  assert.throws(
    () => encodeJson(value),
    (error) => {
      assert(error instanceof HoldfastError)
      assert.equal(error.code, 'INVALID_ARGUMENT')
      assert.equal(error.fields[0]?.field, field)
      if (description !== undefined) assert.match(error.message, description)
      return true
    },
  )
}

function nested(levels: number): unknown {
  let value: unknown = []
  for (let level = 1; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value }
  return value
}

class Point {
  readonly x = 1
}

describe('encodeJson', () => {
  it('round-trips every JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 20, stringUnit: 'binary' }), (value) => {
        assert.deepEqual(decodeJson(encodeJson(value)), JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  it('keeps __proto__ and constructor as plain members', () => {
    const text = '{"__proto__":{"polluted":true},"constructor":{"prototype":1}}'
    assert.equal(encodeJson(decodeJson(text)), text)
    assert.equal(Object.getPrototypeOf(decodeJson(text)), Object.prototype)
    assert.equal(({} as { polluted?: boolean }).polluted, undefined)
  })

  it('leaves out members that are undefined and writes dates as ISO strings', () => {
    assert.equal(encodeJson({ a: undefined, at: new Date(0) }), '{"at":"1970-01-01T00:00:00.000Z"}')
  })

  it('honours toJSON and checks what it returns', () => {
    assert.equal(encodeJson({ a: { toJSON: () => [1] } }), '{"a":[1]}')
    refused({ a: { toJSON: () => ({ b: NaN }) } }, 'data.a.b')
  })

  it('takes objects without a prototype and those of another realm', () => {
    const bare = Object.assign(Object.create(null) as object, { a: 1 })
    assert.equal(encodeJson(bare), '{"a":1}')
    assert.equal(encodeJson(runInNewContext('({ a: [1] })')), '{"a":[1]}')
  })

  it('names the place at fault', () => {
    refused({ a: { b: [0, 1, 2, NaN] } }, 'data.a.b[3]')
    refused({ 'not a name': [Infinity] }, 'data["not a name"][0]')
    assert.throws(() => encodeJson(NaN, 'entries[0].data'), /entries\[0\]\.data is NaN/)
  })

  it('refuses what JSON would drop or change in silence', () => {
    refused(undefined, 'data')
    refused([undefined], 'data[0]')
    refused(Array(1), 'data[0]')
    refused({ a: 1n }, 'data.a', /bigint/)
    refused({ a: () => 1 }, 'data.a', /function/)
    refused({ a: Symbol('s') }, 'data.a', /symbol/)
    refused({ a: -Infinity }, 'data.a')
    refused({ at: new Date(NaN) }, 'data.at', /invalid Date/)
    refused({ m: new Map([[1, 2]]) }, 'data.m', /Map/)
    refused({ m: new Set([1]) }, 'data.m', /Set/)
    refused(new Point(), 'data', /Point/)
    refused({ b: Buffer.from('abc') }, 'data.b', /blobs/)
    refused({ b: new Float64Array(2) }, 'data.b', /blobs/)
  })

  it('refuses nesting beyond 100 levels and cycles', () => {
    assert.doesNotThrow(() => encodeJson(nested(100)))
    refused(nested(101), `data${'[0].a'.repeat(50)}`)
    assert.throws(() => encodeJson(nested(10_000)), /nested deeper than 100 levels/)
    const cycle: { self?: unknown } = {}
    cycle.self = cycle
    assert.throws(() => encodeJson(cycle), /nested deeper than 100 levels/)
  })

  it('refuses more than 16 MiB of UTF-8 with PAYLOAD_TOO_LARGE', () => {
    const limit = 16 * 1024 * 1024
    assert.equal(encodeJson('a'.repeat(limit - 2)).length, limit)
    assert.throws(() => encodeJson('a'.repeat(limit - 1)), { code: 'INVALID_ARGUMENT', reason: 'PAYLOAD_TOO_LARGE' })
    assert.throws(() => encodeJson('ä'.repeat(limit / 2)), { code: 'INVALID_ARGUMENT', reason: 'PAYLOAD_TOO_LARGE' })
  })
})
