import assert from 'node:assert/strict'
import { it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { Throttle } from './throttle.js'

const overloaded = new HoldfastError('RESOURCE_EXHAUSTED', 'Too many', {
  reason: 'SERVER_OVERLOADED',
  retryAfterMs: 250,
})

/** @returns of 2,000 attempts those that were sent, at a server that takes so many of them at most */
function sent(throttle: Throttle, taken: number): number {
  let count = 0
  for (let n = 0; n < 2000; n += 1) {
    const refusal = throttle.refusal('a:1')
    if (refusal === undefined) {
      count += 1
      throttle.answered(n % Math.round(2000 / taken) === 0 ? undefined : overloaded)
    } else assert.deepEqual([refusal.code, refusal.retryAfterMs], ['RESOURCE_EXHAUSTED', 250])
  }
  return count
}

it('keeps back what an overloaded server would refuse, and nothing from one that is well', () => {
  const well = new Throttle()
  for (let n = 0; n < 2000; n += 1) {
    assert.equal(well.refusal('a:1'), undefined)
    well.answered(new HoldfastError('NOT_FOUND', 'An answer as well'))
  }
  const few = sent(new Throttle(), 100)
  assert.ok(few < 1000, `${few} sent`)
})

it('sends all of many calls at once, and all while no answer comes', () => {
  const throttle = new Throttle()
  for (let n = 0; n < 5000; n += 1) assert.equal(throttle.refusal('a:1'), undefined)
})
