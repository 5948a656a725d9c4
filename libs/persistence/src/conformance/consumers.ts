import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TenantStore } from '../document-store.js'
import { fed, shape } from './feed.js'
import { faultOf, type Suite, untyped, upTo } from './suite.js'

export function testConsumers(suite: Suite): void {
  /** Resolves when it holds. */
  async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10))
  }

  describe('a consumer of changes', { timeout: 120_000 }, () => {
    it('gets every change once, in order, in batches, and goes on where it stopped', async () => {
      const docs = fed(suite.tenant())
      for (const n of upTo(7)) await docs.put(`d${n}`, { n })
      const seen: string[] = []
      const sizes: number[] = []
      const start = () =>
        docs.consumer(
          'copy',
          (events) => {
            sizes.push(events.length)
            seen.push(...events.map(shape))
          },
          { batch: 3 },
        )
      const first = start()
      await until(() => seen.length === 7)
      assert.ok(first.active)
      await first.stop()
      assert.equal(first.active, false)
      await docs.put('d7', { n: 7 })
      await using second = start()
      await until(() => seen.length >= 8)
      await docs.put('d8', { n: 8 })
      await until(() => seen.length >= 9)
      assert.equal(second.name, 'copy')
      assert.deepEqual(
        seen,
        upTo(9).map((n) => `write d${n} 1`),
      )
      assert.deepEqual(sizes, [3, 3, 1, 1, 1])
    })

    it('is active once: another of its name waits, and takes over when it stops', async () => {
      const docs = fed(suite.tenant())
      const seen: string[] = []
      const handled = (by: string) =>
        docs.consumer('one', (events) => void seen.push(...events.map(({ id }) => `${by} ${id}`)), { leaseMs: 400 })
      const a = handled('a')
      await until(() => a.active)
      await using b = handled('b')
      await docs.put('x', { n: 1 })
      await until(() => seen.length === 1)
      // Longer than the lease: it is renewed.
      await new Promise((resolve) => setTimeout(resolve, 900))
      assert.deepEqual([a.active, b.active], [true, false])
      await a.stop()
      await until(() => b.active)
      await docs.put('y', { n: 1 })
      await until(() => seen.length === 2)
      assert.deepEqual(seen, ['a x', 'b y'])
    })

    it('hands the same events to its handler again after it failed, and ends with its error at last', async () => {
      const docs = fed(suite.tenant())
      await docs.put('x', { n: 1 })
      const seen: string[][] = []
      await using twice = docs.consumer('retried', (events) => {
        seen.push(events.map(shape))
        if (seen.length < 3) throw new Error('not yet')
      })
      await until(() => seen.length === 3)
      assert.deepEqual(seen, [['write x 1'], ['write x 1'], ['write x 1']])
      await twice.stop()
      await twice.done
      const never = docs.consumer('failing', () => Promise.reject(new Error('never')), { maxAttempts: 2 })
      await assert.rejects(never.done, /never/)
      assert.equal(never.active, false)
    })

    it('with a transaction writes its results exactly once, also when the handler fails in between', async () => {
      const tenant = suite.tenant()
      const docs = fed(tenant)
      for (const n of upTo(12)) await docs.put(`d${n}`, { n })
      const totals = (scope: Pick<TenantStore, 'collection'>) => scope.collection<{ sum: number }>('conformance-docs')
      let calls = 0
      await using summing = docs.consumer(
        'sum',
        async (events, tx) => {
          calls += 1
          for (const { document } of events) {
            await totals(tx).updateOne('total', { $inc: { sum: document?.data.n ?? 0 } }, { upsert: true })
          }
          if (calls % 2 === 1) throw new Error('after the writes')
        },
        { transactional: true, batch: 4 },
      )
      await until(async () => (await totals(tenant).get('total'))?.data.sum === 66)
      await docs.put('last', { n: 100 })
      await until(async () => (await totals(tenant).get('total'))?.data.sum === 166)
      await summing.stop()
      assert.ok(calls >= 8)
    })

    it('begins with what comes if it is told so', async () => {
      const docs = fed(suite.tenant())
      await docs.put('old', { n: 1 })
      const seen: string[] = []
      await using late = docs.consumer('late', (events) => void seen.push(...events.map(({ id }) => id)), {
        from: 'now',
      })
      await until(() => late.active)
      await docs.put('new', { n: 1 })
      await until(() => seen.length > 0)
      assert.deepEqual(seen, ['new'])
    })

    it('refuses what it cannot do', async () => {
      const docs = fed(suite.tenant())
      const nothing = () => {}
      assert.throws(() => docs.consumer('', nothing), faultOf('name'))
      assert.throws(() => docs.consumer('x', untyped(1)), faultOf('handler'))
      for (const [field, value] of Object.entries({ batch: 0, leaseMs: 1, maxAttempts: 0.5, from: 'end', size: 1 })) {
        assert.throws(() => docs.consumer('x', nothing, untyped({ [field]: value })), faultOf(field))
      }
      const off = suite.tenant().collection('conformance-docs').consumer('x', nothing)
      await assert.rejects(off.done, { code: 'FAILED_PRECONDITION', reason: 'FEED_OFF' })
    })
  })
}
