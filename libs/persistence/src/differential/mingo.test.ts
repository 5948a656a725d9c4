import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import * as fc from 'fast-check'
import { compareWithOracle, Tally } from './compare.js'
import { type DifferentialCase, randomCase } from './random-cases.js'

// HOLDFAST_TEST_CASES=100000 is the long form; HOLDFAST_TEST_SEED makes one run again.
const cases = Number(process.env['HOLDFAST_TEST_CASES'] ?? 5_000)
const seed = Number(process.env['HOLDFAST_TEST_SEED'] ?? 20_261_122)
const kept = join(import.meta.dirname, '../../conformance/cases')

it(`filters, sorts and updates answer as mingo does (${cases} cases, seed ${seed})`, (t) => {
  const tally = new Tally()
  const outcome = fc.check(
    fc.property(randomCase, (one) => compareWithOracle(one, tally)),
    { numRuns: cases, seed },
  )
  if (outcome.failed) assert.fail(`kept as ${keep(outcome.counterexample?.[0])}: ${String(outcome.errorInstance)}`)
  t.diagnostic(tally.toString())
  assert.ok(tally.compared > cases * 3, 'most answers are compared')
})

it('every case that once failed is answered as mingo does', () => {
  for (const name of readdirSync(kept).filter((file) => file.endsWith('.json'))) {
    compareWithOracle(JSON.parse(readFileSync(join(kept, name), 'utf8')) as DifferentialCase, new Tally())
  }
})

/** A failure, as small as it could be made, becomes a test for good once its file is committed. */
function keep(failed: DifferentialCase | undefined): string {
  const json = `${JSON.stringify(failed, undefined, 2)}\n`
  const name = `mingo-${createHash('sha256').update(json).digest('hex').slice(0, 12)}.json`
  mkdirSync(kept, { recursive: true })
  writeFileSync(join(kept, name), json)
  return name
}
