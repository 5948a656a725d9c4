import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { Coalescer } from './coalescer.js'

/** A runner whose round trips end when the test says so. */
function manual() {
  const trips: { calls: readonly number[]; finish: () => void; fail: (error: Error) => void }[] = []
  const run = (calls: readonly number[]) =>
    new Promise<number[]>((resolve, reject) => {
      trips.push({ calls, finish: () => resolve(calls.map((call) => call * 10)), fail: reject })
    })
  return { trips, run }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('Coalescer', () => {
  it('sends a lone call at once', async () => {
    const { trips, run } = manual()
    const answer = new Coalescer({ run }).submit(1)
    await settled()
    assert.deepEqual(trips[0]?.calls, [1])
    trips[0]?.finish()
    assert.equal(await answer, 10)
  })

  it('gathers what comes while a round trip is under way into the next one, in order', async () => {
    const { trips, run } = manual()
    const coalescer = new Coalescer({ run })
    const answers = [coalescer.submit(1)]
    await settled()
    answers.push(coalescer.submit(2), coalescer.submit(3), coalescer.submit(4))
    await settled()
    assert.equal(trips.length, 1)
    trips[0]?.finish()
    await settled()
    assert.deepEqual(trips[1]?.calls, [2, 3, 4])
    trips[1]?.finish()
    assert.deepEqual(await Promise.all(answers), [10, 20, 30, 40])
  })

  it('lets callers that were just answered join the next batch', async () => {
    const { trips, run } = manual()
    const coalescer = new Coalescer({ run })
    const again = async (call: number) => {
      await coalescer.submit(call)
      await coalescer.submit(call + 100)
    }
    const all = [again(1), again(2)]
    await settled()
    const waiting = coalescer.submit(50)
    trips[0]?.finish()
    await settled()
    assert.deepEqual(trips[1]?.calls, [50, 101, 102])
    trips[1]?.finish()
    await Promise.all([...all, waiting])
  })

  it('keeps a refused call, and what must not overtake it, for the next batch', async () => {
    const { trips, run } = manual()
    const gatekeeper = () => {
      const seen = new Set<number>()
      return (call: number) => {
        if (seen.has(call)) return false
        seen.add(call)
        return true
      }
    }
    const coalescer = new Coalescer({ run, gatekeeper })
    const answers = [7, 8, 7, 7, 9].map((call) => coalescer.submit(call))
    for (let trip = 0; trip < 3; trip += 1) {
      await settled()
      trips[trip]?.finish()
    }
    assert.deepEqual(
      trips.map(({ calls }) => calls),
      [[7, 8, 9], [7], [7]],
    )
    await Promise.all(answers)
  })

  it('sends halves of fewer calls where that is worth it', async () => {
    const { trips, run } = manual()
    const coalescer = new Coalescer({ run, nameOf: String, worthATrip: 8 })
    const answers = Array.from({ length: 16 }, (_, call) => coalescer.submit(call))
    await settled()
    assert.deepEqual(
      trips.map(({ calls }) => calls.length),
      [8, 8],
    )
    for (const { finish } of trips) finish()
    await Promise.all(answers)
    const fewer = Array.from({ length: 15 }, (_, call) => coalescer.submit(call))
    await settled()
    assert.equal(trips.length, 3)
    trips[2]?.finish()
    assert.equal((await Promise.all(fewer)).length, 15)
  })

  it('sends half of many calls, and the others beside them', async () => {
    const { trips, run } = manual()
    const coalescer = new Coalescer({ run, nameOf: String })
    const answers = Array.from({ length: 40 }, (_, call) => coalescer.submit(call))
    await settled()
    assert.deepEqual(
      trips.map(({ calls }) => calls),
      [Array.from({ length: 20 }, (_, call) => call), Array.from({ length: 20 }, (_, call) => call + 20)],
    )
    answers.push(...Array.from({ length: 20 }, (_, call) => coalescer.submit(call + 40)))
    await settled()
    assert.equal(trips.length, 2)
    trips[1]?.finish()
    await settled()
    assert.equal(trips[2]?.calls.length, 20)
    for (const { finish } of trips) finish()
    assert.deepEqual(
      await Promise.all(answers),
      answers.map((_, call) => call * 10),
    )
  })

  it('sends few calls only when nothing is under way', async () => {
    const { trips, run } = manual()
    const coalescer = new Coalescer({ run, nameOf: String })
    const answers = Array.from({ length: 16 }, (_, call) => coalescer.submit(call))
    await settled()
    answers.push(...Array.from({ length: 15 }, (_, call) => coalescer.submit(call + 16)))
    await settled()
    assert.equal(trips.length, 1)
    trips[0]?.finish()
    await settled()
    assert.equal(trips[1]?.calls.length, 15)
    trips[1]?.finish()
    await Promise.all(answers)
  })

  it('keeps calls of one name out of the second round trip', async () => {
    const { trips, run } = manual()
    const coalescer = new Coalescer({ run, nameOf: (call: number) => String(call % 20) })
    const calls = Array.from({ length: 40 }, (_, call) => call)
    const answers = calls.map((call) => coalescer.submit(call))
    await settled()
    assert.equal(trips.length, 1)
    const others = Array.from({ length: 20 }, (_, index) => index + 0.5)
    answers.push(...others.map((call) => coalescer.submit(call)))
    await settled()
    assert.equal(trips.length, 1, 'nothing is looked at again before the round trip has ended')
    trips[0]?.finish()
    await settled()
    assert.deepEqual(trips[1]?.calls, calls.slice(20))
    assert.deepEqual(trips[2]?.calls, others)
    for (const { finish } of trips) finish()
    await Promise.all(answers)
  })

  it('splits batches by number and by size, and sends an oversized call alone', async () => {
    const batches: number[][] = []
    const run = async (calls: readonly number[]) => {
      batches.push([...calls])
      return [...calls]
    }
    const coalescer = new Coalescer({ run, maxCalls: 3, maxBytes: 100, weigh: (call) => call })
    await Promise.all([1, 2, 3, 4, 90, 20, 500, 5].map((call) => coalescer.submit(call)))
    assert.deepEqual(batches, [[1, 2, 3], [4, 90], [20], [500], [5]])
  })

  it('lets only the bad call of a failed batch fail', async () => {
    const run = async (calls: readonly number[]) => {
      if (calls.includes(13)) throw new HoldfastError('INVALID_ARGUMENT', '13 is not welcome')
      return calls.map((call) => call + 1)
    }
    const coalescer = new Coalescer({ run })
    const results = await Promise.allSettled([12, 13, 14].map((call) => coalescer.submit(call)))
    assert.deepEqual(
      results.map((result) => (result.status === 'fulfilled' ? result.value : (result.reason as HoldfastError).code)),
      [13, 'INVALID_ARGUMENT', 15],
    )
  })

  it('does not repeat a batch whose outcome is unknown', async () => {
    let runs = 0
    const coalescer = new Coalescer<number, number>({
      run: async () => {
        runs += 1
        throw new HoldfastError('UNKNOWN', 'The connection was lost')
      },
    })
    const results = await Promise.allSettled([1, 2, 3].map((call) => coalescer.submit(call)))
    assert.equal(runs, 1)
    assert.ok(results.every((result) => result.status === 'rejected'))
  })

  it('runs a batch again when it lost against a concurrent transaction', async () => {
    let runs = 0
    const coalescer = new Coalescer<number, number>({
      run: async (calls) => {
        runs += 1
        if (runs < 3) throw new HoldfastError('ABORTED', 'deadlock', { reason: 'TRANSACTION_CONFLICT' })
        return calls
      },
    })
    assert.deepEqual(await Promise.all([coalescer.submit(1), coalescer.submit(2)]), [1, 2])
    assert.equal(runs, 3)
  })

  it('drains: resolves when all is answered', async () => {
    const { trips, run } = manual()
    const coalescer = new Coalescer({ run })
    const answer = coalescer.submit(1)
    let drained = false
    const draining = coalescer.drain().then(() => {
      drained = true
    })
    await settled()
    assert.equal(drained, false)
    trips[0]?.finish()
    await Promise.all([answer, draining])
    assert.equal(drained, true)
  })
})
