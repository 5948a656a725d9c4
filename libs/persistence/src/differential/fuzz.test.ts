import assert from 'node:assert/strict'
import { it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import * as fc from 'fast-check'
import { decodeCursor } from '../cursor.js'
import { decodeJson, encodeJson } from '../json.js'
import { parseDataPath } from '../query/field-path.js'
import { parseFilter } from '../query/filter.js'
import { matches } from '../query/match.js'
import { parseProjection } from '../query/projection.js'
import { parseSort } from '../query/sort.js'
import { documentPosition } from '../query/sort-position.js'
import { applyUpdate, parseUpdate, upsertSeed } from '../query/update.js'
import { checkId } from '../sql/names.js'
import { fuzzCursor, fuzzData, fuzzFilter, fuzzPath, fuzzProjection, fuzzSort, fuzzUpdate } from './fuzz-input.js'

// HOLDFAST_TEST_CASES=100000 is the long form; HOLDFAST_TEST_SEED makes one run again.
const cases = Number(process.env['HOLDFAST_TEST_CASES'] ?? 5_000)
const seed = Number(process.env['HOLDFAST_TEST_SEED'] ?? 20_261_122)

it(`filters, updates, sorts, projections, ids, paths and cursors of any kind: a typed error or an answer (${cases} cases, seed ${seed})`, (t) => {
  let answered = 0
  let refused = 0
  /** Only what a caller can do something about. */
  const attempt = (act: () => void): void => {
    try {
      act()
      answered += 1
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error
      assert.match(error.code, /^(?:INVALID_ARGUMENT|FAILED_PRECONDITION)$/)
      assert.ok(error.message.length < 5_000, 'a message stays readable')
      refused += 1
    }
  }
  const ask = fc.property(
    fc.tuple(fuzzData, fuzzFilter, fuzzUpdate, fuzzSort, fuzzProjection, fuzzCursor, fuzzPath),
    ([data, filter, update, sort, projection, cursor, path]) => {
      const stored = decodeJson(JSON.stringify(data) ?? 'null')
      const before = JSON.stringify(stored)
      const document = { id: 'd', version: 1, createdAt: 0, updatedAt: 0, data: stored }
      attempt(() => assert.equal(typeof matches(parseFilter(filter), document), 'boolean'))
      attempt(() => void encodeJson(applyUpdate(stored, parseUpdate(update))))
      attempt(() => void encodeJson(applyUpdate(upsertSeed(parseFilter(filter)), parseUpdate(update), true)))
      attempt(() => void documentPosition(document, parseSort(sort)))
      attempt(() => void JSON.stringify(parseProjection(projection)?.apply(stored as never)))
      attempt(() => void decodeCursor('listing', cursor as never, 'after'))
      attempt(() => void parseDataPath(path, 'path'))
      attempt(() => void checkId(cursor, 'id'))
      assert.equal(JSON.stringify(stored), before, 'what was passed stays as it is')
      assert.deepEqual(Object.keys(Object.prototype), [])
      assert.equal(Reflect.get({}, 'polluted'), undefined)
    },
  )
  fc.assert(ask, { numRuns: cases, seed })
  t.diagnostic(`${answered} answers, ${refused} refusals`)
  assert.ok(answered > cases && refused > cases)
})
