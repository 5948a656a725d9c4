import assert from 'node:assert/strict'
import { it } from 'node:test'
import { postgresForTests } from '@holdfast/test-servers'
import fc from 'fast-check'
import type { Backend, DocumentQuery, SortPosition } from '../backend.js'
import { parseIndexes } from '../index-options.js'
import { createMemoryBackend } from '../memory/memory-backend.js'
import { openPostgresDriver } from '../postgres/driver.js'
import type { FieldPath, Predicate, SortKey } from '../query/predicate.js'
import { documentPosition } from '../query/sort-position.js'
import { openSqlBackend } from './sql-backend.js'

const indexes = parseIndexes([
  { on: ['a', 'b'] },
  { on: ['c.d', 'a'], direction: [1, -1] },
  { on: 'b', where: { a: { $gt: 0 } } },
  { on: ['a', 'b', 'c.d'], direction: [-1, 1, -1] },
  { on: 'b', array: true },
])

const scalar = fc.constantFrom(null, true, false, 0, 1, 2, 'x', 'y')
const value = fc.oneof(
  { arbitrary: scalar, weight: 6 },
  { arbitrary: fc.array(scalar, { maxLength: 2 }), weight: 1 },
  { arbitrary: fc.constant({ d: 1 }), weight: 1 },
)
const deep = fc.oneof(
  { arbitrary: value.map((d) => ({ d })), weight: 5 },
  {
    arbitrary: fc.array(
      value.map((d) => ({ d })),
      { maxLength: 2 },
    ),
    weight: 1,
  },
  { arbitrary: scalar, weight: 1 },
)
const document = fc.record({ a: value, b: value, c: deep }, { requiredKeys: [] })
const path = fc.constantFrom(['a'], ['b'], ['c', 'd']).map((segments): FieldPath => ({ of: 'data', segments }))
const comparison: fc.Arbitrary<Predicate> = fc.oneof(
  fc.record({
    kind: fc.constant('compare' as const),
    path,
    op: fc.constantFrom('eq', 'eq', 'gt', 'gte', 'lt', 'lte'),
    value: scalar,
  }),
  fc.record({ kind: fc.constant('in' as const), path, values: fc.array(scalar, { minLength: 1, maxLength: 2 }) }),
)
const where = fc.array(comparison, { maxLength: 3 }).map((of): Predicate => ({ kind: 'and', of }))
const sort: fc.Arbitrary<SortKey[]> = fc.uniqueArray(fc.record({ path, direction: fc.constantFrom<1 | -1>(1, -1) }), {
  maxLength: 3,
  selector: (key) => JSON.stringify(key.path),
})

it('queries on compound, partial, directed and array indexes find, count and page as those in memory do', async () => {
  await using database = await postgresForTests()
  const driver = await openPostgresDriver(database.url)
  const backends: readonly [Backend, Backend] = [createMemoryBackend(), openSqlBackend(driver)]
  const documents = fc.sample(document, { numRuns: 150, seed: 20_261_123 })
  for (const backend of backends) {
    await backend.migrate()
    await backend.documents.ensure('rows', { indexes })
    const rows = documents.map((data, n) => ({ tenant: 't', id: `d${n}`, json: JSON.stringify(data) }))
    await backend.documents.insert('rows', rows)
  }
  /** The ids of the first pages. */
  const pages = async ({ documents: operations }: Backend, query: DocumentQuery): Promise<string[][]> => {
    const all: string[][] = []
    let after: SortPosition[] | undefined
    for (let number = 0; number < 5; number += 1) {
      const found = await operations.query('rows', after === undefined ? query : { ...query, after })
      all.push(found.map(({ id }) => id))
      const last = found.at(-1)
      if (last === undefined) break
      after = documentPosition({ ...last, data: JSON.parse(last.json) as unknown }, query.sort)
    }
    return all
  }
  try {
    await fc.assert(
      fc.asyncProperty(where, sort, fc.integer({ min: 1, max: 9 }), async (filter, keys, limit) => {
        const query = { tenant: 't', where: filter, sort: keys, limit }
        const [expected, found] = [await pages(backends[0], query), await pages(backends[1], query)]
        assert.deepEqual(found, expected)
        const count = (backend: Backend) => backend.documents.count('rows', 't', filter)
        assert.equal(await count(backends[1]), await count(backends[0]))
      }),
      { seed: 20_261_123, numRuns: 100 },
    )
  } finally {
    for (const backend of backends) await backend.close()
  }
})
