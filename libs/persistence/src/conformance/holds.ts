import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Scope, TenantStore } from '../document-store.js'
import { type Suite, untyped, upTo } from './suite.js'

const minute = 60_000

export function testHolds(suite: Suite): void {
  describe('holds', () => {
    const logOf = (tenant: Scope) => tenant.log<number>('conformance-log')
    const hold = (tenant: TenantStore, stream: string, ms = minute): Promise<boolean> =>
      tenant.readTogether((scope) => scope.log('conformance-log').hold(stream, ms))
    const append = async (tenant: Scope, stream: string, count = 1): Promise<boolean> => {
      const entries = upTo(count).map((data) => ({ key: `${performance.now()}-${data}`, data }))
      return (await logOf(tenant).appendHeld(stream, entries)).isHeld
    }

    it('are told of by appends from then on, of one entry and of several, alone and with others', async () => {
      const tenant = suite.tenant()
      assert.equal(await append(tenant, 'a'), false)
      assert.equal(await append(tenant, 'b', 2), false)
      assert.equal(await hold(tenant, 'a'), true)
      assert.equal(await hold(tenant, 'a'), true)
      assert.equal(await append(tenant, 'a'), true)
      assert.equal(await append(tenant, 'a', 3), true)
      const both = await Promise.all(['a', 'b', 'a', 'c', 'a'].map((stream) => append(tenant, stream)))
      assert.deepEqual(both, [true, false, true, false, true])
      const many = await Promise.all(['a', 'b', 'c'].map((stream) => append(tenant, stream, 2)))
      assert.deepEqual(many, [true, false, false])
      assert.equal(await append(suite.tenant(), 'a'), false)
    })

    it('are told of by an append to a stream that has to be there', async () => {
      const tenant = suite.tenant()
      await logOf(tenant).create('a')
      const existing = (stream: string) => logOf(tenant).appendHeld(stream, [{ data: 1 }], { ifExists: true })
      assert.equal((await existing('a')).isHeld, false)
      await hold(tenant, 'a')
      assert.equal((await existing('a')).isHeld, true)
      assert.equal((await logOf(tenant).appendHeld('a', [{ data: 1 }], { ifNext: 3 })).isHeld, true)
    })

    it('end', async () => {
      const tenant = suite.tenant()
      await append(tenant, 'a')
      assert.equal(await hold(tenant, 'a', 5), true)
      while (await append(tenant, 'a')) await new Promise((resolve) => setTimeout(resolve, 5))
      assert.equal(await append(tenant, 'a'), false)
    })

    it('are taken for granted where an entry was stored before', async () => {
      const tenant = suite.tenant()
      const entries = [{ key: 'k', data: 1 }]
      assert.equal((await logOf(tenant).appendHeld('a', entries)).isHeld, false)
      assert.equal((await logOf(tenant).appendHeld('a', entries)).isHeld, true)
    })

    it('are of a branch by itself', async () => {
      const tenant = suite.tenant()
      await append(tenant, 'a', 2)
      await hold(tenant, 'a')
      await logOf(tenant).fork('a', 1, 'branch')
      assert.equal(await append(tenant, 'branch'), false)
      assert.equal(await hold(tenant, 'branch'), true)
      assert.equal(await append(tenant, 'branch'), true)
    })

    it('are of nothing that is not there or was removed', async () => {
      const tenant = suite.tenant()
      assert.equal(await hold(tenant, 'none'), false)
      await append(tenant, 'gone')
      await logOf(tenant).remove('gone')
      assert.equal(await hold(tenant, 'gone'), false)
    })

    it('come with what is read', async () => {
      const tenant = suite.tenant()
      await append(tenant, 'a', 3)
      const [entries, isHeld, head] = await tenant.readTogether((scope) => {
        const log = scope.log<number>('conformance-log')
        return Promise.all([log.read('a', { reverse: true, limit: 1 }), log.hold('a', minute), log.head('a')])
      })
      assert.deepEqual([entries.map(({ seq }) => seq), isHeld, head.next], [[3], true, 4])
    })

    it('are one in what is read together', async () => {
      const both = suite.tenant().readTogether((scope) => {
        const log = scope.log('conformance-log')
        return Promise.all([log.hold('a', minute), log.hold('b', minute)])
      })
      await assert.rejects(both, { code: 'INVALID_ARGUMENT' })
    })

    it('refuse no time at all', async () => {
      await assert.rejects(hold(suite.tenant(), 'a', untyped(0)), { code: 'INVALID_ARGUMENT' })
    })
  })
}
