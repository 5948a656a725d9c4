import assert from 'node:assert/strict'
import { it } from 'node:test'
import { openDocumentStore } from '@holdfast/persistence'
import { startRedisCluster, whyNoRedis } from '@holdfast/test-servers'
import { openSessionStore } from './open-session-store.js'

const skip = (await whyNoRedis()) ?? false

it('goes on while a node of the cluster is away, and with the cache when it is back', { skip }, async () => {
  await using documents = await openDocumentStore('memory:')
  await using cluster = await startRedisCluster()
  const options = { store: documents, cache: { redisCluster: cluster.urls }, trustMs: 100 }
  await using one = await openSessionStore(options)
  await using two = await openSessionStore(options)
  const keys = Array.from({ length: 30 }, (_, n) => `key-${n}`)
  const writeAll = async (value: number) => {
    await one.writeMany(keys.map((key) => ({ key, value })))
    assert.deepEqual(new Set(await two.readMany(keys)), new Set([value]))
    assert.deepEqual(new Set(await one.readMany(keys)), new Set([value]))
  }
  await writeAll(1)
  const [node] = cluster.nodes
  await node?.kill()
  await writeAll(2)
  assert.equal((await one.healthCheck()).cache.status, 'down')
  await writeAll(3)
  await node?.restart()
  for (const store of [one, two]) {
    for (const deadline = Date.now() + 15_000; (await store.healthCheck()).cache.status === 'down';) {
      assert.ok(Date.now() < deadline, 'the cluster did not come back')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  await writeAll(4)
  assert.equal((await two.healthCheck()).cache.status, 'up')
})
