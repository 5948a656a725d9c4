import assert from 'node:assert/strict'
import { HoldfastError } from '@holdfast/errors'
import { Query } from 'mingo'
import { updateOne } from 'mingo/updater'
import { parseFilter } from '../query/filter.js'
import { matches } from '../query/match.js'
import type { QueriedDocument } from '../query/predicate.js'
import { parseSort } from '../query/sort.js'
import { compareDocumentPositions, documentPosition } from '../query/sort-position.js'
import { applyUpdate, parseUpdate } from '../query/update.js'
import { differenceOf, sortDifference, updateDifference } from './known-differences.js'
import type { DifferentialCase, Json } from './random-cases.js'

/** How often something was compared, and how often one of the known differences was in the way. */
export class Tally {
  compared = 0
  readonly skipped: Map<string, number> = new Map()

  skip(difference: string): void {
    this.skipped.set(difference, (this.skipped.get(difference) ?? 0) + 1)
  }

  toString(): string {
    const skipped = [...this.skipped].map(([name, count]) => `${name}: ${count}`).join(', ')
    return `${this.compared} answers compared; not compared: ${skipped}`
  }
}

/** Holds our answers against the oracle's: which documents match, in which order, and what an update makes of them. */
export function compareWithOracle({ documents, filter, sort, update }: DifferentialCase, tally: Tally): void {
  const where = parseFilter(filter)
  const oracle = new Query(filter, {})
  for (const document of documents) {
    const difference = differenceOf(filter, document)
    if (difference !== undefined) tally.skip(difference)
    else {
      tally.compared += 1
      const about = `${JSON.stringify(filter)} on ${JSON.stringify(document)}`
      assert.equal(matches(where, queried(document)), oracle.test(document), about)
    }
  }
  compareOrder(documents, sort, tally)
  for (const document of documents) compareUpdate(document, update, tally)
}

function compareOrder(documents: readonly Json[], sort: DifferentialCase['sort'], tally: Tally): void {
  const difference = sortDifference(sort, documents)
  if (difference !== undefined) return tally.skip(difference)
  tally.compared += 1
  const keys = parseSort(sort)
  const withIds = documents.map((document, index) => ({ ...document, _id: `d${index}` }))
  const ours = withIds
    .map(({ _id, ...document }) => ({ id: _id, position: documentPosition(queried(document, _id), keys) }))
    .sort((a, b) => compareDocumentPositions(a.position, b.position, keys))
    .map(({ id }) => id)
  const theirs = new Query({}, {})
    .find<{ _id: string }>(withIds)
    .sort({ ...sort, _id: Object.values(sort).at(-1) ?? 1 })
    .all()
    .map(({ _id }) => _id)
  assert.deepEqual(ours, theirs, `${JSON.stringify(sort)} on ${JSON.stringify(documents)}`)
}

function compareUpdate(document: Json, update: Json, tally: Tally): void {
  const ours = updated(document, update)
  const difference = updateDifference(update, document, ours !== undefined)
  if (difference !== undefined) return tally.skip(difference)
  tally.compared += 1
  const theirs = [structuredClone(document)]
  updateOne(theirs, {}, structuredClone(update) as never)
  // JSON has no negative zero.
  assert.deepEqual(
    ours,
    JSON.parse(JSON.stringify(theirs[0])),
    `${JSON.stringify(update)} on ${JSON.stringify(document)}`,
  )
}

/** `undefined`: refused, because it does not fit the document, or because its paths conflict. */
function updated(document: Json, update: Json): unknown {
  try {
    return applyUpdate(document, parseUpdate(update))
  } catch (error) {
    if (error instanceof HoldfastError && /^(?:FAILED_PRECONDITION|INVALID_ARGUMENT)$/.test(error.code))
      return undefined
    throw error
  }
}

export function queried(data: Json, id = 'd'): QueriedDocument {
  return { id, version: 1, createdAt: 0, updatedAt: 0, data }
}
