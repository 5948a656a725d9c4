import assert from 'node:assert/strict'
import { after, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { postgresForTests } from '@holdfast/test-servers'
import * as fc from 'fast-check'
import { freshTenantId } from '../conformance/suite.js'
import { encodeCursor } from '../cursor.js'
import { decodeJson } from '../json.js'
import { openDocumentStore } from '../open.js'
import { parseFilter } from '../query/filter.js'
import { matches } from '../query/match.js'
import { parseSort } from '../query/sort.js'
import { fuzzCursor, fuzzData, fuzzFilter, fuzzPath, fuzzPositions, fuzzSort, fuzzUpdate } from './fuzz-input.js'

// HOLDFAST_TEST_SQL_FILTERS=20000 is the long form; HOLDFAST_TEST_SEED makes one run again.
const cases = Number(process.env['HOLDFAST_TEST_SQL_FILTERS'] ?? 300)
const seed = Number(process.env['HOLDFAST_TEST_SEED'] ?? 20_261_122)
const database = await postgresForTests()
after(() => database[Symbol.asyncDispose]())

it(`whatever is asked of PostgreSQL: a typed error or the right answer (${cases} cases, seed ${seed})`, async (t) => {
  await using store = await openDocumentStore(database.url)
  const tenant = store.tenant(freshTenantId())
  const docs = tenant.collection<unknown>('fuzz', { indexes: [{ on: 'a' }, { on: 'a.0' }] })
  const others = tenant.collection<unknown>('fuzz-updates')
  const data = fc.sample(fuzzData, { numRuns: 40, seed })
  const stored = await docs.insertMany(data.map((one, index) => ({ id: `d${index}`, data: one })))
  const documents = stored.map(({ createdAt, updatedAt, data: one, ...rest }) => {
    return {
      ...rest,
      createdAt: createdAt.getTime(),
      updatedAt: updatedAt.getTime(),
      data: decodeJson(JSON.stringify(one)),
    }
  })
  let answered = 0
  const attempt = async (act: () => Promise<void>): Promise<void> => {
    try {
      await act()
      answered += 1
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error
      assert.match(error.code, /^(?:INVALID_ARGUMENT|FAILED_PRECONDITION|ALREADY_EXISTS)$/, String(error))
    }
  }
  const ask = fc.asyncProperty(
    fc.tuple(fuzzFilter, fuzzUpdate, fuzzSort, fuzzCursor, fuzzPath, fuzzPositions),
    async ([filter, update, sort, cursor, path, positions]) => {
      await attempt(async () => {
        const found = await docs.find(filter as never).toArray()
        const where = parseFilter(filter)
        const expected = documents.filter((document) => matches(where, document)).map(({ id }) => id)
        assert.deepEqual(
          found.map(({ id }) => id),
          expected.toSorted(),
        )
      })
      await attempt(async () => void (await docs.find({}, { sort: sort as never, after: cursor as never }).page()))
      await attempt(async () => void (await docs.find({}, { sort: sort as never, limit: 3 }).page()))
      await attempt(async () => {
        const after = encodeCursor(JSON.stringify(['fuzz', parseSort(sort)]), positions)
        await docs.find({}, { sort: sort as never, after }).page()
      })
      await attempt(async () => void (await docs.distinct(path)))
      await attempt(async () => void (await others.updateOne('one', update as never, { upsert: true })))
      await attempt(async () => void (await docs.get(cursor as never)))
    },
  )
  await fc.assert(ask, { numRuns: cases, seed })
  assert.equal(await docs.count(), documents.length)
  t.diagnostic(`${answered} answers`)
})

it(`whatever is searched for by $text: a typed error or an answer (seed ${seed})`, async () => {
  await using store = await openDocumentStore(database.url)
  const docs = store.tenant(freshTenantId()).collection('fuzz-text', { indexes: [{ on: 'a', text: true }] })
  await docs.put('one', { a: 'some words' })
  const syntax = fc.string({
    unit: fc.constantFrom('a', '"', '-', ' ', "'", '&', '|', '!', ':', '*', '(', '\\', '<', '\n', '$1'),
    maxLength: 30,
  })
  const ask = fc.asyncProperty(fc.oneof(syntax, fc.string({ unit: 'binary', maxLength: 30 })), async ($search) => {
    try {
      await docs.find({ $text: { $search } }).page()
    } catch (error) {
      assert.ok(error instanceof HoldfastError && error.code === 'INVALID_ARGUMENT', String(error))
    }
  })
  await fc.assert(ask, { numRuns: 100, seed })
  assert.equal(await docs.count({ $text: { $search: 'word' } }), 1)
})
