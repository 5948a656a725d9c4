import assert from 'node:assert/strict'
import fc from 'fast-check'
import { test } from 'node:test'
import { cellParser, parseTimestamp } from './cells.js'

test('reads every time that a JavaScript date holds, as PostgreSQL writes it', () => {
  const date = fc.date({
    min: new Date('0001-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59.999Z'),
    noInvalidDate: true,
  })
  fc.assert(
    fc.property(date, (date) => {
      // A fraction goes without its trailing zeros.
      const [whole, fraction] = date.toISOString().replace('T', ' ').slice(0, -1).split('.')
      const text = `${whole}${`.${fraction}`.replace(/\.?0*$/, '')}+00`
      assert.equal(parseTimestamp(text), date.getTime(), text)
    }),
    { numRuns: 2_000 },
  )
})

for (const [text, milliseconds] of [
  ['2026-01-02 03:04:05.678912+00', Date.UTC(2026, 0, 2, 3, 4, 5, 678)],
  ['2026-01-02 03:04:05.1+00', Date.UTC(2026, 0, 2, 3, 4, 5, 100)],
  ['2026-01-02 03:04:05.29+00', Date.UTC(2026, 0, 2, 3, 4, 5, 290)],
  ['0099-01-02 03:04:05+00', Date.parse('0099-01-02T03:04:05Z')],
  ['2026-01-02 03:04:05+05', Date.UTC(2026, 0, 1, 22, 4, 5)],
] as const) {
  test(`reads ${text}`, () => assert.equal(parseTimestamp(text), milliseconds))
}

test('throws on times and integers that JavaScript cannot hold', () => {
  for (const text of ['infinity', '0044-03-15 00:00:00+00 BC', '294276-12-31 23:59:59+00']) {
    assert.throws(() => parseTimestamp(text), { code: 'OUT_OF_RANGE' })
  }
  for (const text of ['9007199254740992', '-9007199254740992', '9223372036854775807']) {
    assert.throws(() => cellParser(20)(text), { code: 'OUT_OF_RANGE' })
  }
  assert.equal(cellParser(20)('-9007199254740991'), Number.MIN_SAFE_INTEGER)
})
