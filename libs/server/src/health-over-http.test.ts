import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { ServerHealth } from './health.js'
import { createMetrics, serveMetrics } from './metrics.js'

it('tells alive, ready and degraded apart over HTTP', async () => {
  let health: ServerHealth = { isAlive: true, isReady: true, degraded: [] }
  await using server = await serveMetrics(createMetrics(), { listen: '127.0.0.1:0', health: () => health })
  const ask = async (path: string) => {
    const response = await fetch(`http://${server.address}${path}`)
    return [response.status, await response.json()]
  }
  assert.deepEqual(await ask('/readyz'), [200, { status: 'ready' }])
  health = { ...health, degraded: ['the cache is away'] }
  assert.deepEqual(await ask('/readyz?verbose'), [200, { status: 'degraded', degraded: ['the cache is away'] }])
  assert.deepEqual(await ask('/livez'), [200, { status: 'alive' }])
  const models = [{ service: 'vision', name: 'eye', state: 'loaded' }] as const
  health = { ...health, degraded: [], models }
  assert.deepEqual(await ask('/readyz'), [200, { status: 'ready', models }])
  health = { ...health, models: [], isReady: false }
  assert.deepEqual(await ask('/readyz'), [503, { status: 'not ready' }])
  assert.deepEqual(await ask('/livez'), [200, { status: 'alive' }])
  health = { ...health, isAlive: false }
  assert.deepEqual(await ask('/livez'), [503, { status: 'not alive' }])
})
