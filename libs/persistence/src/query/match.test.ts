import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { matchingCases } from '../conformance/mongodb-cases.js'
import { parseFilter } from './filter.js'
import { matches } from './match.js'

function match(filter: unknown, data: unknown): boolean {
  return matches(parseFilter(filter), {
    id: 'd1',
    version: 3,
    createdAt: 1_000,
    updatedAt: 2_000,
    data: JSON.parse(JSON.stringify(data)),
  })
}

describe('matches', () => {
  for (const [name, tests] of Object.entries(matchingCases)) {
    it(name, () => {
      for (const { filter, yes = [], no = [] } of tests) {
        for (const data of yes) assert.ok(match(filter, data), `${JSON.stringify(filter)} on ${JSON.stringify(data)}`)
        for (const data of no)
          assert.ok(!match(filter, data), `${JSON.stringify(filter)} not on ${JSON.stringify(data)}`)
      }
    })
  }

  it('the fields that the store keeps', () => {
    for (const filter of [
      { _id: 'd1' },
      { _id: { $in: ['x', 'd1'] }, _version: { $gte: 3 } },
      { _createdAt: new Date(1_000), _updatedAt: { $gt: '1970-01-01T00:00:01Z' } },
    ]) {
      assert.ok(match(filter, {}), JSON.stringify(filter))
    }
    for (const filter of [{ _id: { $gt: 'd1' } }, { _version: { $ne: 3 } }, { _id: { $exists: false } }]) {
      assert.ok(!match(filter, { _id: 'x', _version: 4 }), JSON.stringify(filter))
    }
  })
})
