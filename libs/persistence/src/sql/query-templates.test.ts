import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { DocumentQuery } from '../backend.js'
import type { Filter, Sort } from '../document-store.js'
import { parseIndexes } from '../index-options.js'
import { parseFilter } from '../query/filter.js'
import { parseSort } from '../query/sort.js'
import { type Declared, queryStatement } from './document-query.js'
import { findStatement } from './query-templates.js'

const declarations: readonly Declared[] = [
  { indexes: [] },
  { indexes: parseIndexes([{ on: 'a' }, { on: ['b', 'c'] }, { on: 'o.a' }]) },
  { indexes: parseIndexes([{ on: 'a', array: true }]), columns: ['b', 'c'] },
  { indexes: parseIndexes([{ on: 'a', where: { b: { $gt: 5 } } }]) },
]

const scalar = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, 0, -1, 7, 1.5, 1e21, 0.123_456_7, Number.MAX_SAFE_INTEGER - 1),
  fc.constantFrom('', 'x', '\0', '\ud800', "it's", '"', '\0 tenant', '\0 mark 0', '\\', '[]', '7'),
)
const path = fc.constantFrom('a', 'b', 'c', 'o.a', 'o.0', 'a.b.c', '_id', '_version')
// An id is a text that the server can hold, a version is a number.
const fits = (name: string, value: unknown): boolean => {
  if (name === '_version') return typeof value === 'number'
  return name !== '_id' || (typeof value === 'string' && !/[\0\ud800]/.test(value))
}
const comparison = fc.constantFrom('$eq', '$gt', '$gte', '$lt', '$lte', '$ne')
const filter = fc
  .array(
    fc.tuple(path, comparison, scalar).filter(([name, , value]) => fits(name, value)),
    { maxLength: 3 },
  )
  .map((parts): Filter => ({ $and: [{}, ...parts.map(([name, op, value]) => ({ [name]: { [op]: value } }))] }))
const sort = fc.constantFrom<Sort>({}, { a: 1 }, { b: -1, a: 1 }, { _createdAt: 1 })
const limit = fc.constantFrom(undefined, 1, 20)

describe('statements of finds', () => {
  it('are the same from a template as put together, whatever the values', () => {
    const ask = fc.property(
      fc.constantFrom(...declarations),
      fc.array(fc.tuple(filter, sort, limit, fc.constantFrom('default', 't2', '\0 tenant'.slice(2))), {
        minLength: 1,
        maxLength: 4,
      }),
      (declared, finds) => {
        for (const [where, order, most, tenant] of finds) {
          const query: DocumentQuery = {
            tenant,
            where: parseFilter(where),
            sort: parseSort(order),
            ...(most === undefined ? {} : { limit: most }),
          }
          const direct = queryStatement('docs', declared, query)
          for (let turn = 0; turn < 2; turn += 1) assert.deepEqual(findStatement('docs', declared, query), direct)
        }
      },
    )
    fc.assert(ask, { numRuns: 500, seed: 20_261_122 })
  })

  it('are put together for the first of their shape only', () => {
    let looks = 0
    const declared: Declared = {
      get indexes() {
        looks += 1
        return []
      },
    }
    const looksFor = (where: Filter): number => {
      const before = looks
      findStatement('docs', declared, { tenant: 't', where: parseFilter(where), sort: [], limit: 5 })
      return looks - before
    }
    assert.ok(looksFor({ a: 'x', b: { $gt: 1 } }) > 1)
    assert.equal(looksFor({ a: 'y', b: { $gt: 2 } }), 1)
    assert.ok(looksFor({ a: { $in: ['x'] } }) > 1)
    assert.ok(looksFor({ a: { $in: ['x'] } }) > 1)
  })

  it('tell collections, fields and types apart', () => {
    const [declared = { indexes: [] }] = declarations
    const of = (collection: string, where: Filter) =>
      findStatement(collection, declared, { tenant: 't', where: parseFilter(where), sort: [] })
    const texts = [
      of('one', { a: 1 }),
      of('two', { a: 1 }),
      of('one', { a: 'x' }),
      of('one', { b: 1 }),
      of('one', { a: true }),
      of('one', { a: false }),
    ]
    assert.equal(new Set(texts.map((statement) => JSON.stringify(statement))).size, texts.length)
    assert.equal(of('one', { a: 2 }).text, of('one', { a: 3 }).text)
  })
})
