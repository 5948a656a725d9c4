import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import * as fc from 'fast-check'
import { Query } from 'mingo'
import { openDocumentStore } from '../open.js'
import type { DocumentStore } from '../document-store.js'
import { freshTenantId } from '../conformance/suite.js'
import { parseFilter } from '../query/filter.js'
import { matches } from '../query/match.js'
import { queried, Tally } from './compare.js'
import { differenceOf } from './known-differences.js'
import { randomCaseFilter, randomDocument } from './random-cases.js'

// HOLDFAST_TEST_SQL_FILTERS=20000 is the long form; HOLDFAST_TEST_SEED makes one run again.
const filters = Number(process.env['HOLDFAST_TEST_SQL_FILTERS'] ?? 600)
const seed = Number(process.env['HOLDFAST_TEST_SEED'] ?? 20_261_122)
const documents = fc.sample(randomDocument, { numRuns: 200, seed })

const servers = [
  ['PostgreSQL', () => openDocumentStore({ url: process.env['HOLDFAST_TEST_POSTGRES_URL'] ?? '' })],
  ['the embedded database', () => openDocumentStore({ url: 'embedded:' })],
] as const

for (const [name, open] of servers) {
  let store: DocumentStore
  before(async () => {
    store = await open()
  })
  after(() => store?.close())

  it(`${name} finds what mingo finds (${filters} filters on ${documents.length} documents, seed ${seed})`, async (t) => {
    const tally = new Tally()
    const docs = store
      .tenant(freshTenantId())
      .collection<unknown>('differential', { indexes: [{ on: 'a' }, { on: 'b.x' }] })
    await docs.insertMany(documents.map((data, index) => ({ id: `d${index}`, data })))
    const ask = fc.asyncProperty(randomCaseFilter, async (filter) => {
      const where = parseFilter(filter)
      const oracle = new Query(filter, {})
      const found = new Set((await docs.find(filter).toArray()).map(({ id }) => id))
      for (const [index, document] of documents.entries()) {
        const isFound = found.has(`d${index}`)
        const about = `${JSON.stringify(filter)} on ${JSON.stringify(document)}`
        assert.equal(isFound, matches(where, queried(document)), about)
        const difference = differenceOf(filter, document)
        if (difference !== undefined) tally.skip(difference)
        else {
          tally.compared += 1
          assert.equal(isFound, oracle.test(document), about)
        }
      }
    })
    await fc.assert(ask, { numRuns: filters, seed })
    t.diagnostic(tally.toString())
  })
}
