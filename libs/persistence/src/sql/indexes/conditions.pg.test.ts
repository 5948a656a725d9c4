import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { postgresForTests, type TestDatabase } from '@holdfast/test-servers'
import fc from 'fast-check'
import { openPostgresDriver } from '../../postgres/driver.js'
import { matches } from '../../query/match.js'
import type { Predicate } from '../../query/predicate.js'
import type { SqlDriver } from '../driver.js'
import { escapeForJsonb } from '../json-text.js'
import { textArray } from '../parameters.js'
import { arrayValuesSql } from './array-values.js'
import { checkPartial, implies, partialSql } from './partial.js'

const runs = { seed: 20_261_123, numRuns: 300 }

/** Few values, so that comparisons meet. */
const scalar = fc.constantFrom(null, true, false, -1, 0, 1, 1.5, 2, '', '1', 'a', 'b', '\u0000', "it's", '"')
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    scalar,
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', '0'), tie('any'), { maxKeys: 2 }),
  ),
})).any
const data = fc.dictionary(fc.constantFrom('a', 'b'), value, { maxKeys: 2 })
const documents = fc.array(data, { minLength: 20, maxLength: 20 })
const path = fc
  .constantFrom(['a'], ['b'], ['a', 'b'], ['a', 'a', 'b'])
  .map((segments) => ({ of: 'data' as const, segments }))
const comparison: fc.Arbitrary<Predicate> = fc.oneof(
  fc.record({
    kind: fc.constant('compare' as const),
    path,
    op: fc.constantFrom('eq', 'gt', 'gte', 'lt', 'lte'),
    value: scalar,
  }),
  fc.record({ kind: fc.constant('in' as const), path, values: fc.array(scalar, { minLength: 1, maxLength: 3 }) }),
  fc.record({ kind: fc.constant('exists' as const), path, exists: fc.boolean() }),
)
const predicate: fc.Arbitrary<Predicate> = fc.letrec<{ any: Predicate }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    comparison,
    fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const, 'nor' as const),
      of: fc.array(tie('any'), { minLength: 1, maxLength: 3 }),
    }),
    fc.record({ kind: fc.constant('not' as const), of: tie('any') }),
  ),
})).any

const isPartial = (one: Predicate): boolean => {
  try {
    checkPartial(one, 'where')
    return true
  } catch {
    return false
  }
}
const holds = (one: Predicate, of: unknown): boolean =>
  matches(one, { id: 'x', version: 1, createdAt: 0, updatedAt: 0, data: of })

describe('conditions that stand in for filters', () => {
  let database: TestDatabase
  let driver: SqlDriver

  before(async () => {
    database = await postgresForTests()
    driver = await openPostgresDriver(database.url)
  })

  after(async () => {
    await driver.close()
    await database[Symbol.asyncDispose]()
  })

  const select = async (expression: string, of: readonly unknown[]): Promise<unknown[]> => {
    const rows = await driver.query({
      text: `select ${expression} from unnest($1::text[]) with ordinality u(json, n), lateral (select u.json::jsonb) t(data) order by n`,
      values: [textArray(of.map((one) => escapeForJsonb(JSON.stringify(one))))],
      readOnly: true,
    })
    return rows.map(([one]) => one)
  }

  it('the predicate of a partial index holds for exactly the documents that its filter matches', async () => {
    await fc.assert(
      fc.asyncProperty(predicate.filter(isPartial), documents, async (where, some) => {
        const expected = some.map((one) => holds(where, one))
        assert.deepEqual(await select(partialSql(where, 't.data'), some), expected, partialSql(where, 't.data'))
      }),
      runs,
    )
  })

  it('the values under a path contain every value that equality finds there', async () => {
    const wanted = scalar.filter((one) => one !== null)
    await fc.assert(
      fc.asyncProperty(path, wanted, documents, async (at, one, some) => {
        const json = escapeForJsonb(JSON.stringify([one])).replaceAll("'", "''")
        const found = await select(`${arrayValuesSql(at.segments)} @> '${json}'::jsonb`, some)
        for (const [place, document] of some.entries()) {
          const isMatch = holds({ kind: 'compare', path: at, op: 'eq', value: one }, document)
          assert.ok(!isMatch || found[place] === true, JSON.stringify([at.segments, one, document]))
        }
      }),
      runs,
    )
  })

  it('a filter that is taken to imply a condition never matches a document that does not meet it', () => {
    let implied = 0
    fc.assert(
      fc.property(predicate, predicate, documents, (query, where, some) => {
        if (!implies(query, where)) return
        implied += 1
        for (const document of some) {
          assert.ok(!holds(query, document) || holds(where, document), JSON.stringify([query, where, document]))
        }
      }),
      { ...runs, numRuns: 6_000 },
    )
    assert.ok(implied > 15, `only ${implied} cases said anything`)
  })
})
