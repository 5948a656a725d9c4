import assert from 'node:assert/strict'
import { it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { openDocumentStore } from '@holdfast/persistence'
import { postgresForTests } from '@holdfast/test-servers'
import type { Caller } from '../caller.js'
import { type CallLimiter, limitCalls } from './call-limiter.js'

it('limits of calls hold over servers that share nothing but a PostgreSQL', async () => {
  await using database = await postgresForTests()
  await using one = await openDocumentStore(database.url, { sweepIntervalMs: 0 })
  await using two = await openDocumentStore(database.url, { sweepIntervalMs: 0 })
  const [perSecond, burst, portion] = [0.5, 40, 1]
  const caller: Caller = { tenant: 'acme', role: 'writer', credential: 'k' }
  const startedAt = performance.now()

  /** Until it is refused. */
  async function letIn(limiter: CallLimiter): Promise<number> {
    for (let calls = 0; ; calls += 1) {
      try {
        await limiter.take(caller)
      } catch (error) {
        assert.ok(error instanceof HoldfastError)
        assert.equal(error.reason, 'RATE_LIMITED')
        return calls
      }
    }
  }

  const servers = [one, two].map((store) => limitCalls(store, { credential: { perSecond, burst } }))
  const calls = await Promise.all(servers.map(letIn))
  const most = burst + perSecond * ((performance.now() - startedAt) / 1000) + 2 * servers.length * portion
  const all = calls.reduce((sum, count) => sum + count, 0)
  assert.ok(all <= most, `${calls.join(' and ')} of at most ${most}`)
  assert.ok(all >= burst - 2 * servers.length * portion, `only ${calls.join(' and ')}`)
  // A server that starts now finds what the others took.
  await using three = await openDocumentStore(database.url, { sweepIntervalMs: 0 })
  const late = await letIn(limitCalls(three, { credential: { perSecond, burst } }))
  assert.ok(late <= 2 * portion + perSecond * ((performance.now() - startedAt) / 1000), `${late} more`)
})
