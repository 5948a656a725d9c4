import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { allHistoryGuards, exploreHistories, type HistoryGuards } from './history-model.test.support.js'

const quiet = { crashes: 0, evictions: 0, expiries: 0 }
const expiring = { ...quiet, expiries: 1 }

const isLong = process.env['HOLDFAST_LONG_TESTS'] === '1'
const quick = [
  { faults: quiet, reads: 2 },
  { faults: { ...expiring, evictions: 1, crashes: 1 }, reads: 1 },
]
const long = [
  { faults: { ...quiet, evictions: 1 }, reads: 2 },
  { faults: { ...expiring, evictions: 1 }, reads: 2 },
]

const exposedBy: Readonly<Record<keyof HistoryGuards, typeof quiet>> = {
  extendsInPlace: quiet,
  gapForgets: quiet,
  writesDoNotCreate: quiet,
  appendEndsLease: quiet,
  editForgets: quiet,
  fillNeedsLease: quiet,
  refusedFillForgets: quiet,
  fillNeedsHold: quiet,
  holdNeedsSnapshot: quiet,
  holdOutlivesEntry: expiring,
  heldAppendTells: quiet,
}

describe('cached histories, in every order of two appends, an edit and two readers', () => {
  for (const { faults, reads } of isLong ? [...quick, ...long] : quick) {
    const name = JSON.stringify({ ...faults, reads })
    it(`show no gap, nothing stale and nothing that goes back: ${name}`, () => {
      const { states, violation } = exploreHistories(allHistoryGuards, faults, reads)
      assert.equal(violation, undefined)
      assert.ok(states > 1000, `${states} states`)
    })
  }

  for (const guard of Object.keys(allHistoryGuards) as (keyof HistoryGuards)[]) {
    it(`would not without ${guard}`, () => {
      const { violation } = exploreHistories({ ...allHistoryGuards, [guard]: false }, exposedBy[guard])
      assert.notEqual(violation, undefined)
    })
  }
})
