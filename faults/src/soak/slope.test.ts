import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomFrom } from '../random.js'
import { goesOn, slopeOf } from './slope.js'

const minutes = Array.from({ length: 120 }, (_, minute) => minute * 60_000)

test('a slope is found, and noise is not taken for one, also where neighbours are alike', () => {
  const random = randomFrom(7)
  const noise = () => random() - 0.5
  const rising = slopeOf(minutes.map((at) => [at, 100 + at / 3_600_000 + noise()]))
  assert.ok(Math.abs(rising.perHour - 1) < 3 * rising.noise && rising.perHour > rising.noise, JSON.stringify(rising))
  let missed = 0
  for (let run = 0; run < 100; run += 1) {
    let level = 0
    const wandering = slopeOf(minutes.map((at) => [at, (level = 0.8 * level + noise())]))
    if (Math.abs(wandering.perHour) > wandering.noise) missed += 1
  }
  assert.ok(missed <= 12, `${missed} of 100 series without a slope were taken for ones with`)
  assert.equal(slopeOf([[0, 1]]).noise, Number.POSITIVE_INFINITY)
})

test('what fills up is told from what goes on growing', () => {
  const random = randomFrom(11)
  const measured = Array.from({ length: 80 }, (_, n) => n * 15_000)
  const filling = measured.map((at) => [at, 3 * (1 - Math.exp(-at / 150_000)) + 0.2 * random()] as const)
  const leaking = measured.map((at, n) => [at, (filling[n]?.[1] ?? 0) + at / 900_000] as const)
  assert.ok(slopeOf(filling).perHour > slopeOf(filling).noise)
  assert.equal(goesOn(filling, 1), false)
  assert.equal(goesOn(leaking, 1), true, '4 MiB an hour')
})
