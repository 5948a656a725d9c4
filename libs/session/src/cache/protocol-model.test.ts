import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { allGuards, explore, type Guards } from './protocol-model.test.support.js'

// Several faults together, and a lost reply with two readers, are up to millions of states: HOLDFAST_LONG_TESTS=1 explores them.
const long = process.env['HOLDFAST_LONG_TESTS'] === '1'

const quiet = { crashes: 0, losses: 0, evictions: 0, outages: 0, refreshes: 0, failovers: 0 }

const exposedBy: Readonly<Record<keyof Guards, Partial<typeof quiet>>> = {
  onlyForward: {},
  writesDoNotCreate: { evictions: 1 },
  fillNeedsLease: {},
  writeEndsLease: {},
  takeOverBeforeReading: {},
  refusedFillSettles: {},
  fillChecksTrust: { losses: 1 },
  unconfirmedCloses: { losses: 1 },
  waitsForTrustToEnd: { losses: 1 },
  opensAfterTrustEnded: { losses: 1 },
  checksClosedAfterCommit: { losses: 1 },
  checksTrustAfterCommit: { losses: 1 },
  epochsNameTheServer: { failovers: 1 },
  remembersDirectReads: {},
}

/** Of each reader. */
function reads(faults: Partial<typeof quiet>): readonly [number, number] {
  if (long || 'evictions' in faults) return [2, 2]
  return 'losses' in faults ? [2, 0] : [2, 1]
}

describe('the cache protocol, in every order of two writers and two readers', () => {
  // Each of them also explores what happens without faults.
  for (const faults of [
    { crashes: 1 },
    { evictions: 1 },
    { losses: 1 },
    { outages: 1 },
    { refreshes: 1 },
    { failovers: 1 },
    ...(long
      ? [
          { crashes: 1, evictions: 1, outages: 1 },
          { refreshes: 1, evictions: 1, failovers: 1 },
        ]
      : []),
  ]) {
    const what = Object.keys(faults).join(', ') || 'no faults'
    it(`lets no read be stale and none go backwards: ${what}`, () => {
      const { states, violation } = explore(allGuards, { ...quiet, ...faults }, reads(faults))
      assert.deepEqual(violation, undefined)
      assert.ok(states > 100, `${states} states`)
    })
  }

  for (const guard of Object.keys(allGuards) as (keyof Guards)[]) {
    it(`would not without ${guard}`, () => {
      const { violation } = explore({ ...allGuards, [guard]: false }, { ...quiet, ...exposedBy[guard] }, [2, 1])
      assert.notEqual(violation, undefined)
    })
  }
})
