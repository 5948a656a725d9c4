import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Suite } from './suite.js'

export function testLifecycle(suite: Suite): void {
  describe('a store', () => {
    it('tells the time of the database', async () => {
      const now = await suite.store.now()
      assert.ok(Math.abs(now.getTime() - Date.now()) < 60_000, now.toISOString())
    })

    it('says what it is and how it is', async () => {
      const health = await suite.store.health()
      assert.equal(health.kind, suite.store.kind)
      assert.notEqual(health.server, '')
      assert.ok(health.latencyMs >= 0)
    })

    it('has nothing left to migrate, however many ask', async () => {
      const reports = await Promise.all([suite.store.migrate(), suite.store.migrate(), suite.store.migrate()])
      for (const report of reports) assert.deepEqual(report.applied, [])
      assert.equal(new Set(reports.map(({ version }) => version)).size, 1)
    })

    it('answers what was called before it was closed, and refuses what is called after', async () => {
      const store = await suite.open()
      const docs = store.collection<number>('conformance-docs')
      const log = store.log<number>('conformance-log')
      const before = Promise.all([docs.put('closing', 1), log.append('closing', [{ data: 1 }])])
      await before
      const last = docs.put('closing', 2)
      await store.close()
      assert.equal((await last).data, 2)
      await store.close()
      const refused = { code: 'FAILED_PRECONDITION', reason: 'STORE_CLOSED' }
      await assert.rejects(docs.get('closing'), refused)
      await assert.rejects(log.read('closing'), refused)
      await assert.rejects(store.blobs.put(Uint8Array.of(1)), refused)
      await assert.rejects(
        store.transaction(async () => 1),
        refused,
      )
      await assert.rejects(store.health(), refused)
      await assert.rejects(store.now(), refused)
    })

    it('can be used with `await using`', async () => {
      const store = await suite.open()
      await store[Symbol.asyncDispose]()
      await assert.rejects(store.now(), { code: 'FAILED_PRECONDITION', reason: 'STORE_CLOSED' })
    })
  })
}
