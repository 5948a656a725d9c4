import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'
import { HoldfastError } from '@holdfast/errors'
import { openDocumentStore } from '@holdfast/persistence'
import type { Caller } from '../caller.js'
import { type CallLimiter, limitCalls } from './call-limiter.js'

const caller = (tenant: string, credential = ''): Caller => ({ tenant, role: 'writer', credential })

async function isLetIn(limiter: CallLimiter, who: Caller): Promise<boolean> {
  try {
    await limiter.take(who)
    return true
  } catch (error) {
    if (error instanceof HoldfastError && error.reason === 'RATE_LIMITED') return false
    throw error
  }
}

describe('limits of calls', () => {
  it('hold over several processes, within a portion or two for each', async () => {
    await using store = await openDocumentStore('memory:', { sweepIntervalMs: 0 })
    const [processes, perSecond, burst, portion] = [4, 200, 40, 20]
    const limiters = Array.from({ length: processes }, () => limitCalls(store, { tenant: { perSecond, burst } }))
    const startedAt = performance.now()
    let letIn = 0
    await Promise.all(
      limiters.map(async (limiter) => {
        while (performance.now() - startedAt < 1000) {
          if (await isLetIn(limiter, caller('acme'))) letIn += 1
          else await after(1)
        }
      }),
    )
    const seconds = (performance.now() - startedAt) / 1000
    const most = perSecond * seconds + burst + processes * 2 * portion
    assert.ok(letIn <= most, `${letIn} of at most ${most} in ${seconds} s`)
    assert.ok(letIn >= perSecond * 0.8, `only ${letIn} in ${seconds} s`)
  })

  it('refuse with a retry delay and the quota, and know tenants and credentials apart', async () => {
    await using store = await openDocumentStore('memory:', { sweepIntervalMs: 0 })
    const limiter = limitCalls(store, {
      tenant: { perSecond: 1, burst: 3 },
      credential: { perSecond: 0.1, burst: 1 },
      tenants: { large: { perSecond: 1000 } },
    })
    await limiter.take(caller('acme', 'one'))
    await assert.rejects(
      async () => limiter.take(caller('acme', 'one')),
      (error) => {
        assert.ok(error instanceof HoldfastError)
        assert.deepEqual([error.code, error.reason], ['RESOURCE_EXHAUSTED', 'RATE_LIMITED'])
        assert.ok((error.retryAfterMs ?? 0) > 5000 && (error.retryAfterMs ?? 0) <= 10_000, String(error.retryAfterMs))
        assert.deepEqual(error.quota, [{ subject: 'credential one', description: '0.1 calls a second' }])
        return true
      },
    )
    await limiter.take(caller('acme', 'two'))
    await limiter.take(caller('acme', 'three'))
    await assert.rejects(async () => limiter.take(caller('acme', 'four')), /tenant acme/)
    await limiter.take(caller('other', 'five'))
    for (let n = 0; n < 50; n += 1) await limiter.take(caller('large'))
  })

  it('ask the store once for a portion, not once for a call', async () => {
    await using store = await openDocumentStore('memory:', { sweepIntervalMs: 0 })
    const limiter = limitCalls(store, { tenant: { perSecond: 10_000 } })
    await limiter.take(caller('acme'))
    let atOnce = 0
    for (let n = 0; n < 400; n += 1) if (limiter.take(caller('acme')) === undefined) atOnce += 1
    assert.equal(atOnce, 400)
  })

  it('let calls in while the store does not answer', async () => {
    const store = await openDocumentStore('memory:', { sweepIntervalMs: 0 })
    const limiter = limitCalls(store, { tenant: { perSecond: 10 } })
    await store.close()
    assert.equal(await isLetIn(limiter, caller('acme')), true)
  })
})
