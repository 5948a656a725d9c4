import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { collect, faultOf, upTo } from '../conformance/suite.js'
import { openDocumentStore } from '../open.js'
import { parseExtendedJson } from './extended-json.js'
import { splitObjects } from './json-values.js'
import { readMongoExport } from './mongodb.js'

const becomes: readonly (readonly [string, unknown])[] = [
  ['{"$oid":"57e193d7a9cc81b4027498b5"}', '57e193d7a9cc81b4027498b5'],
  ['{"$date":"2019-08-11T17:54:14.692Z"}', '2019-08-11T17:54:14.692Z'],
  ['{"$date":{"$numberLong":"1565546054692"}}', '2019-08-11T17:54:14.692Z'],
  ['{"$date":{"$numberLong":"-284643869501"}}', '1960-12-24T12:15:30.499Z'],
  ['{"$date":1565546054692}', '2019-08-11T17:54:14.692Z'],
  ['{"$numberInt":"-5"}', -5],
  ['{"$numberLong":"9007199254740991"}', 9007199254740991],
  ['{"$numberDouble":"1.0"}', 1],
  ['{"$numberDouble":"-0.0"}', -0],
  ['{"$numberDouble":"1.2345678921232E+18"}', 1.2345678921232e18],
  ['{"$numberDecimal":"0.1"}', 0.1],
  ['{"$numberDecimal":"1.10"}', 1.1],
  ['{"$numberDecimal":"12E+2"}', 1200],
  ['{"$binary":{"base64":"AQID","subType":"00"}}', 'AQID'],
  ['{"$binary":"AQID","$type":"00"}', 'AQID'],
  ['{"$binary":{"base64":"c//SZESzTGmQ6OfR38A11A==","subType":"04"}}', '73ffd264-44b3-4c69-90e8-e7d1dfc035d4'],
  ['{"$uuid":"73ffd264-44b3-4c69-90e8-e7d1dfc035d4"}', '73ffd264-44b3-4c69-90e8-e7d1dfc035d4'],
  ['{"$timestamp":{"t":42,"i":1}}', { t: 42, i: 1 }],
  ['{"$regularExpression":{"pattern":"foo*","options":"ix"}}', { pattern: 'foo*', options: 'ix' }],
  ['{"$regex":"foo*","$options":"i"}', { pattern: 'foo*', options: 'i' }],
  ['{"$symbol":"sym"}', 'sym'],
  ['{"$code":"f()"}', 'f()'],
  ['{"$code":"f()","$scope":{"n":{"$numberInt":"1"}}}', { code: 'f()', scope: { n: 1 } }],
  ['{"$ref":"users","$id":{"$oid":"57e193d7a9cc81b4027498b5"}}', { ref: 'users', id: '57e193d7a9cc81b4027498b5' }],
  ['{"$dbPointer":{"$ref":"db.c","$id":{"$oid":"57e1"}}}', { ref: 'db.c', id: '57e1' }],
  ['{"$undefined":true}', null],
  ['[{"$numberInt":"1"},{"a":{"$numberInt":"2"}}]', [1, { a: 2 }]],
  ['{"$oid":"a","other":1}', { $oid: 'a', other: 1 }],
  ['{"price":{"$gt":5}}', { price: { $gt: 5 } }],
  ['"a text with 12345678901234567890 digits"', 'a text with 12345678901234567890 digits'],
  ['9007199254740991', 9007199254740991],
  ['1234567890123456.5', 1234567890123456.5],
]

const inexact: readonly (readonly [string, string])[] = [
  ['{"$numberLong":"9223372036854775807"}', '9223372036854775807'],
  ['9223372036854775807', '9223372036854775807'],
  ['-9007199254740993', '-9007199254740993'],
  ['{"$numberDouble":"NaN"}', 'NaN'],
  ['{"$numberDouble":"-Infinity"}', '-Infinity'],
  ['{"$numberDecimal":"0.1000000000000000055511151231257827"}', '0.1000000000000000055511151231257827'],
  ['{"$numberDecimal":"1E+6144"}', '1E+6144'],
  ['{"$binary":{"base64":"AQID","subType":"05"}}', 'AQID'],
  ['{"$minKey":1}', 'MinKey'],
  ['{"$maxKey":1}', 'MaxKey'],
]

describe('MongoDB extended JSON', () => {
  it('becomes plain JSON, as the table says', () => {
    for (const [text, value] of becomes) assert.deepEqual(parseExtendedJson(text), value, text)
  })

  it('that JSON cannot hold exactly is refused with its place, or kept as text', () => {
    for (const [text, kept] of inexact) {
      const within = `{"a":{"b":[1,${text}]}}`
      assert.throws(() => parseExtendedJson(within), faultOf('data.a.b[1]'), text)
      assert.deepEqual(parseExtendedJson(within, { inexact: 'text' }), { a: { b: [1, kept] } }, text)
    }
  })

  it('keeps members whose names JavaScript gives a meaning', () => {
    const parsed = parseExtendedJson('{"__proto__":{"$numberInt":"1"},"constructor":2}')
    assert.equal(JSON.stringify(parsed), '{"__proto__":1,"constructor":2}')
  })
})

describe('a mongoexport file', () => {
  const documents = [
    { _id: { $oid: '57e193d7a9cc81b4027498b5' }, n: { $numberInt: '1' }, text: 'a } ] \\ " { [ ü 😀' },
    { _id: { $numberInt: '7' }, nested: { list: [{ deep: [] }] } },
    { _id: 'text', at: { $date: '2019-08-11T17:54:14.692Z' } },
    { _id: { b: 1 } },
  ]
  const items = [
    { id: '57e193d7a9cc81b4027498b5', data: { n: 1, text: documents[0]?.text } },
    { id: '7', data: { nested: { list: [{ deep: [] }] } } },
    { id: 'text', data: { at: '2019-08-11T17:54:14.692Z' } },
    { id: '{"b":1}', data: {} },
  ]
  const forms = {
    lines: documents.map((document) => JSON.stringify(document)).join('\n'),
    'lines of Windows': `\ufeff${documents.map((document) => `${JSON.stringify(document)}\r\n`).join('')}`,
    array: JSON.stringify(documents),
    'array in lines': `[${documents.map((document) => JSON.stringify(document)).join(',\n')}]\n`,
    'pretty array': JSON.stringify(documents, undefined, 2),
    'pretty documents': documents.map((document) => JSON.stringify(document, undefined, 2)).join('\n'),
  }

  it('may be lines or an array, in pieces of any size', async () => {
    for (const [form, text] of Object.entries(forms)) {
      const bytes = Buffer.from(text)
      for (const size of [1, 7, 100_000]) {
        const pieces = upTo(Math.ceil(bytes.length / size)).map((n) => bytes.subarray(n * size, (n + 1) * size))
        assert.deepEqual(await collect(readMongoExport(pieces)), items, `${form} in pieces of ${size}`)
      }
    }
    assert.deepEqual(await collect(readMongoExport([])), [])
    assert.deepEqual(await collect(readMongoExport(['[]'])), [])
  })

  it('goes into a collection', async () => {
    await using store = await openDocumentStore('memory:')
    const collection = store.collection<Record<string, unknown>>('from-mongodb')
    assert.deepEqual(await collection.load(readMongoExport([forms.lines])), { loaded: 4, skipped: 0 })
    assert.equal(await collection.count({ at: { $gt: new Date(0).toISOString() } }), 1)
  })

  it('that was cut off, or is none, is refused with the line named', async () => {
    const cut = forms['array in lines'].slice(0, -40)
    await assert.rejects(collect(readMongoExport([cut])), { code: 'DATA_LOSS', metadata: { line: '3' } })
    await assert.rejects(collect(readMongoExport([forms['array in lines'].replace(']\n', '\n')])), {
      code: 'DATA_LOSS',
    })
    await assert.rejects(collect(readMongoExport(['{"_id":1}\nnonsense'])), faultOf('line 2'))
    await assert.rejects(collect(readMongoExport(['{"_id":1}\n{"_id":}'])), faultOf('line 2'))
    await assert.rejects(collect(readMongoExport(['{"_id":1}\n\n{"a":1}'])), faultOf('line 3'))
    await assert.rejects(collect(readMongoExport(['{"_id":""}'])), faultOf('line 1: _id'))
    await assert.rejects(collect(readMongoExport(['{"_id":1,"a":{"$minKey":1}}'])), faultOf('line 1: data.a'))
    await assert.rejects(collect(splitObjects(['[{}]x'])), faultOf('line 1'))
  })
})
