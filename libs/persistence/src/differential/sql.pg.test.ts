import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { postgresForTests } from '@holdfast/test-servers'
import * as fc from 'fast-check'
import { Query } from 'mingo'
import { openDocumentStore } from '../open.js'
import { freshTenantId } from '../conformance/suite.js'
import { parseFilter } from '../query/filter.js'
import { matches } from '../query/match.js'
import { queried, Tally } from './compare.js'
import { differenceOf } from './known-differences.js'
import { randomCaseFilter, randomDocument } from './random-cases.js'

// HOLDFAST_TEST_SQL_FILTERS=20000 is the long form; HOLDFAST_TEST_SEED makes one run again.
const filters = Number(process.env['HOLDFAST_TEST_SQL_FILTERS'] ?? 60)
const seed = Number(process.env['HOLDFAST_TEST_SEED'] ?? 20_261_122)
const documents = fc.sample(randomDocument, { numRuns: 120, seed })

const folder = await mkdtemp(join(tmpdir(), 'holdfast-differential-'))
const database = await postgresForTests()
after(async () => {
  await database[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

for (const [name, url] of [
  ['PostgreSQL', database.url],
  ['the embedded database', `embedded:${folder}`],
] as const) {
  it(`${name} finds what mingo finds (${filters} filters on ${documents.length} documents, seed ${seed})`, async (t) => {
    const tally = new Tally()
    await using store = await openDocumentStore(url)
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
