import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import type { Collection, Scope } from '../document-store.js'
import { faultOf, type Suite, untyped, upTo } from './suite.js'

export function testKeyedTransactions(suite: Suite): void {
  const counts = (scope: Scope): Collection<number> => scope.collection<number>('conformance-counts')
  const count = async (tx: Scope): Promise<number> => {
    const next = ((await counts(tx).get('a'))?.data ?? 0) + 1
    await counts(tx).put('a', next)
    return next
  }

  describe('a transaction with a key', () => {
    it('takes effect once, and answers the first result when it is repeated', async () => {
      const tenant = suite.tenant()
      // Tables that are not there yet are made between two runs.
      assert.equal(await counts(tenant).count(), 0)
      let runs = 0
      const once = (key: string) =>
        tenant.transaction(
          async (tx) => {
            runs += 1
            return { n: await count(tx), text: 'a\0\ud800b' }
          },
          { key },
        )
      assert.deepEqual(await once('k1'), { n: 1, text: 'a\0\ud800b' })
      assert.deepEqual(await once('k1'), { n: 1, text: 'a\0\ud800b' })
      assert.deepEqual(await once('k2'), { n: 2, text: 'a\0\ud800b' })
      assert.equal(runs, 2)
      assert.equal((await counts(tenant).get('a'))?.data, 2)
    })

    it('takes effect once when several run it at the same time', async () => {
      const tenant = suite.tenant()
      const results = await Promise.all(upTo(6).map(() => tenant.transaction(count, { key: 'k', maxAttempts: 50 })))
      assert.deepEqual(
        results,
        upTo(6).map(() => 1),
      )
      assert.equal((await counts(tenant).get('a'))?.data, 1)
    })

    it('is remembered by other stores', async (t) => {
      const { openAnother } = suite
      if (openAnother === undefined) {
        t.skip('this backend has one store for its data')
        return
      }
      const tenant = suite.tenant()
      assert.equal(await tenant.transaction(count, { key: 'k' }), 1)
      const other = await openAnother()
      try {
        assert.equal(await other.tenant(tenant.tenantId).transaction(count, { key: 'k' }), 1)
      } finally {
        await other.close()
      }
    })

    it('whose work throws leaves no record, so that it runs again', async () => {
      const tenant = suite.tenant()
      const failure = new Error('not now')
      const failed = tenant.transaction(
        async (tx) => {
          await count(tx)
          throw failure
        },
        { key: 'k' },
      )
      await assert.rejects(failed, (error) => error === failure)
      assert.equal(await tenant.transaction(count, { key: 'k' }), 1)
    })

    it('may have no result, and is its tenant’s alone', async () => {
      const tenant = suite.tenant()
      const work = async (tx: Scope): Promise<void> => void (await count(tx))
      assert.equal(await tenant.transaction(work, { key: 'k' }), undefined)
      assert.equal(await tenant.transaction(work, { key: 'k' }), undefined)
      assert.equal((await counts(tenant).get('a'))?.data, 1)
      const other = suite.tenant()
      await other.transaction(work, { key: 'k' })
      assert.equal((await counts(other).get('a'))?.data, 1)
    })

    it('writes nothing when its result cannot be kept, or its key is none', async () => {
      const tenant = suite.tenant()
      const unkept = tenant.transaction(
        async (tx) => {
          await count(tx)
          return { when: NaN }
        },
        { key: 'k' },
      )
      await assert.rejects(unkept, faultOf('result.when'))
      assert.equal(await counts(tenant).get('a'), undefined)
      for (const key of ['', 'x'.repeat(513), untyped(3)]) {
        await assert.rejects(tenant.transaction(count, { key }), faultOf('key'))
      }
    })
  })

  describe('a transaction’s budget', () => {
    const conflict = new HoldfastError('ABORTED', 'another was first', { reason: 'TRANSACTION_CONFLICT' })

    it('ends after so many runs, with their number and the last conflict', async () => {
      let runs = 0
      const failed = suite.tenant().transaction(
        async () => {
          runs += 1
          throw conflict
        },
        { maxAttempts: 3 },
      )
      await assert.rejects(failed, (error) => {
        assert.ok(error instanceof HoldfastError)
        assert.equal(error.code, 'ABORTED')
        assert.equal(error.metadata['attempts'], '3')
        assert.equal(error.cause, conflict)
        return true
      })
      assert.equal(runs, 3)
    })

    it('ends after so long', async () => {
      const started = performance.now()
      const failed = suite.tenant().transaction(
        async () => {
          throw conflict
        },
        { maxAttempts: 1_000_000, timeoutMs: 300 },
      )
      await assert.rejects(failed, { code: 'ABORTED', reason: 'TRANSACTION_CONFLICT' })
      assert.ok(performance.now() - started < 5_000)
      await assert.rejects(suite.tenant().transaction(count, { timeoutMs: 0 }), faultOf('timeoutMs'))
    })
  })

  describe('the work of a transaction that calls the store instead of its tx', () => {
    it('is told so at once where it would wait for itself', async (t) => {
      if (suite.store.kind === 'postgres') {
        t.skip('a server has several sessions: the call is one of its own, beside the transaction')
        return
      }
      const tenant = suite.tenant()
      await counts(tenant).put('a', 1)
      const started = performance.now()
      const calls: (() => Promise<unknown>)[] = [
        () => counts(tenant).get('a'),
        () => counts(tenant).put('a', 2),
        () => counts(tenant).claim({}),
        () => counts(tenant).find().toArray(),
        () => tenant.log<number>('conformance-log').append('s', [{ data: 1 }]),
        () => tenant.transaction(async () => 1),
        () => tenant.blobs.put(Buffer.from('bytes')),
      ]
      for (const call of calls) {
        await assert.rejects(tenant.transaction(call), { code: 'FAILED_PRECONDITION', reason: 'TRANSACTION_OPEN' })
      }
      assert.ok(performance.now() - started < 5_000)
      assert.equal((await counts(tenant).get('a'))?.data, 1)
    })

    it('leaves others alone, who wait for its end', async () => {
      const tenant = suite.tenant()
      await counts(tenant).put('a', 1)
      let open: () => void = () => {}
      const opened = new Promise<void>((resolve) => {
        open = resolve
      })
      const slow = tenant.transaction(async (tx) => {
        await counts(tx).get('a')
        open()
        await new Promise((resolve) => setTimeout(resolve, 50))
        return 'done'
      })
      await opened
      assert.equal((await counts(tenant).get('a'))?.data, 1)
      assert.equal(await slow, 'done')
    })
  })
}
