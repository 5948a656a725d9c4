import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startRedis, startRedisCluster, whyNoRedis } from './redis.js'

const skip = (await whyNoRedis()) ?? false

describe('a test Redis', { skip }, () => {
  it('answers, dies, comes back empty on its port, and stops', async () => {
    const server = await startRedis()
    try {
      assert.equal(await server.command('SET', 'a', '1'), '+OK')
      assert.equal(await server.command('GET', 'a'), '1')
      await server.kill()
      await assert.rejects(server.command('GET', 'a'))
      await server.restart()
      assert.equal(await server.command('GET', 'a'), '$-1')
      server.pause()
      const answer = server.command('PING')
      server.resume()
      assert.equal(await answer, '+PONG')
    } finally {
      await server.stop()
    }
    await assert.rejects(server.command('PING'))
  })

  it('can be a cluster, of which each node has its part of the keys', async () => {
    await using cluster = await startRedisCluster()
    const answers = await Promise.all(
      cluster.nodes.map((node) => node.command('SET', 'somewhere', '1').catch((error: unknown) => String(error))),
    )
    assert.equal(answers.filter((answer) => answer === '+OK').length, 1)
    assert.equal(answers.filter((answer) => answer.includes('MOVED')).length, 2)
  })
})
