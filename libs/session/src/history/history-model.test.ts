import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { allHistoryGuards, exploreHistories, type HistoryGuards } from './history-model.test.support.js'

const quiet = { crashes: 0, evictions: 0 }

const exposedBy: Readonly<Record<keyof HistoryGuards, typeof quiet>> = {
  extendsInPlace: quiet,
  gapForgets: quiet,
  writesDoNotCreate: quiet,
  appendEndsLease: quiet,
  editForgets: quiet,
  fillNeedsLease: quiet,
  refusedFillForgets: quiet,
}

describe('cached histories, in every order of two appends, an edit and two readers', () => {
  for (const faults of [quiet, { crashes: 0, evictions: 1 }]) {
    it(`show no gap, nothing stale and nothing that goes back: ${JSON.stringify(faults)}`, () => {
      const { states, violation } = exploreHistories(allHistoryGuards, faults)
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
