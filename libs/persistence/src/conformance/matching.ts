import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { Document, Filter, Sort } from '../document-store.js'
import { parseFilter } from '../query/filter.js'
import { matches } from '../query/match.js'
import type { QueriedDocument } from '../query/predicate.js'
import { parseSort } from '../query/sort.js'
import { compareDocumentPositions, documentPosition } from '../query/sort-position.js'
import { matchingCases } from './mongodb-cases.js'
import { randomDocuments, randomFilter, randomSort } from './random-queries.js'
import type { Suite } from './suite.js'

export function testMatching(suite: Suite): void {
  describe('a filter matches as in MongoDB:', () => {
    for (const [name, cases] of Object.entries(matchingCases)) {
      it(name, async () => {
        const docs = suite.tenant().collection<unknown>('conformance-docs')
        for (const { filter, yes = [], no = [] } of cases) {
          await docs.deleteMany({})
          await docs.insertMany([
            ...yes.map((data, index) => ({ id: `yes ${index}`, data })),
            ...no.map((data, index) => ({ id: `no ${index}`, data })),
          ])
          const found = await docs.find(filter).toArray()
          const expected = yes.map((_, index) => `yes ${index}`).sort()
          const actual = found.map(({ id }) => id)
          assert.deepEqual(actual, expected, `${JSON.stringify(filter)} on ${JSON.stringify({ yes, no })}`)
          assert.equal(await docs.count(filter), yes.length)
        }
      })
    }
  })

  describe('a find', () => {
    it(`answers as the reference does (${suite.cases} cases, seed ${suite.seed})`, async () => {
      // Half of the fields are indexed, so that both ways of the SQL backends are taken; or have a column.
      const indexed = { indexes: [{ on: 'a' }, { on: ['b.a', 'a'] }, { on: 'a.0' }] }
      let turn = 0
      await fc.assert(
        fc.asyncProperty(
          randomDocuments,
          randomFilter,
          randomSort,
          fc.integer({ min: 1, max: 3 }),
          async (data, filter, sort, limit) => {
            const docs =
              turn++ % 2 === 0
                ? suite.tenant().collection<unknown>('conformance-random', indexed)
                : suite.tenant().collection<unknown>('conformance-random2', { columns: ['a', '__proto__'] })
            const inserted = await docs.insertMany(data.map((one, index) => ({ id: `d${index}`, data: one })))
            const expected = reference(inserted, filter, sort)
            const all = await docs.find(filter, { sort }).toArray()
            assert.deepEqual(
              all.map(({ id }) => id),
              expected,
            )
            assert.equal(await docs.count(filter), expected.length)
            const paged: string[] = []
            let after: string | undefined
            do {
              const page = await docs.find(filter, { sort, limit, ...(after === undefined ? {} : { after }) }).page()
              assert.ok(page.items.length <= limit)
              paged.push(...page.items.map(({ id }) => id))
              after = page.next
            } while (after !== undefined)
            assert.deepEqual(paged, expected)
          },
        ),
        { numRuns: suite.cases, seed: suite.seed },
      )
    })
  })
}

/** The ids that a find must answer, in their order, computed by the code that is the definition. */
function reference(documents: readonly Document<unknown>[], filter: Filter, sort: Sort): string[] {
  const where = parseFilter(filter)
  const keys = parseSort(sort)
  return documents
    .map(queried)
    .filter((document) => matches(where, document))
    .map((document) => ({ id: document.id, position: documentPosition(document, keys) }))
    .sort((a, b) => compareDocumentPositions(a.position, b.position, keys))
    .map(({ id }) => id)
}

function queried({ id, version, createdAt, updatedAt, data }: Document<unknown>): QueriedDocument {
  return { id, version, createdAt: createdAt.getTime(), updatedAt: updatedAt.getTime(), data }
}
