import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startRedis, startRedisCluster, whyNoRedis } from '@holdfast/test-servers'
import { InProcessCache } from './in-process-cache.js'
import { openRedisCache } from './redis-cache.js'
import { connectRedis } from './redis-connection.js'
import type { CacheEntry, SessionCache } from './session-cache.js'

const noRedis = (await whyNoRedis()) ?? false

const kinds: Readonly<
  Record<string, () => Promise<{ readonly cache: SessionCache; readonly stop: () => Promise<void> }>>
> = {
  'in the process': async () => ({ cache: new InProcessCache(1_000_000), stop: async () => undefined }),
  'in Redis': async () => {
    const server = await startRedis()
    return { cache: await openRedisCache({ url: server.url, timeoutMs: 10_000 }), stop: () => server.stop() }
  },
  'in Redis Cluster': async () => {
    const cluster = await startRedisCluster()
    return { cache: await openRedisCache({ clusterUrls: cluster.urls, timeoutMs: 10_000 }), stop: () => cluster.stop() }
  },
}

for (const [kind, open] of Object.entries(kinds)) {
  describe(`a cache ${kind}`, { skip: kind.includes('Redis') && noRedis }, () => {
    it('makes entries under leases only, and goes forward', async () => {
      const { cache, stop } = await open()
      const now = Date.now()
      const entry = (version: number, json?: string): CacheEntry => ({ version, json, expiresAt: undefined })
      const versions = async (epoch: number, ...keys: readonly string[]) =>
        (await cache.get(epoch, keys)).map((answer) => (answer.kind === 'hit' ? answer.entry.version : answer.kind))
      const lease = async (key: string, token: string, takeOver = false) =>
        (await cache.lease(1, [{ key, token, takeOver }]))[0]?.kind
      const fill = async (key: string, token: string, version: number) =>
        (await cache.fill(1, [{ key, token, entry: entry(version, '"x"') }], now))[0]
      const change = (key: string, version: number, json?: string) =>
        cache.change(1, [{ key, entry: entry(version, json) }], now)
      try {
        await change('a', 5, '"a"')
        assert.deepEqual(await versions(1, 'a', 'b'), ['miss', 'miss'])
        assert.equal(await fill('a', 'nobody', 5), false)
        assert.equal(await lease('a', 'one'), 'miss')
        assert.equal(await lease('a', 'two'), 'leased')
        assert.equal(await lease('b', 'two'), 'miss')
        assert.deepEqual(await versions(1, 'a'), ['leased'])
        assert.equal(await fill('a', 'two', 4), false)
        // A refused fill ended the lease.
        assert.deepEqual(await versions(1, 'a'), ['miss'])
        assert.equal(await lease('a', 'one'), 'miss')
        assert.equal(await lease('a', 'two', true), 'miss')
        assert.equal(await fill('a', 'one', 4), false)
        await lease('a', 'three', true)
        assert.equal(await fill('a', 'three', 4), true)
        assert.equal(await lease('a', 'four', true), 'hit')
        await change('a', 3, '"older"')
        assert.deepEqual(await versions(1, 'a', 'b'), [4, 'leased'])
        await change('b', 9, '"b"')
        assert.deepEqual(await versions(1, 'a', 'b'), [4, 'miss'])
        await change('a', 7)
        const [tombstone] = await cache.get(1, ['a'])
        assert.deepEqual(tombstone?.kind === 'hit' && tombstone.entry, entry(7))
        assert.ok(tombstone?.kind === 'hit' && Math.abs(tombstone.until - now - 60_000) < 2)
        assert.equal(await fill('a', 'nobody', 8), false)
        assert.deepEqual(await versions(1, 'a'), [8])
        assert.deepEqual(await versions(2, 'a'), ['miss'])
        await cache.forget(1, ['a', 'b'])
        assert.deepEqual(await versions(1, 'a'), ['miss'])
        // An entry goes with its value.
        await lease('c', 'one')
        await cache.fill(1, [{ key: 'c', token: 'one', entry: { version: 1, json: '1', expiresAt: now + 40 } }], now)
        assert.deepEqual(await versions(1, 'c'), [1])
        await new Promise((resolve) => setTimeout(resolve, 60))
        assert.deepEqual(await versions(1, 'c'), ['miss'])
        // Many at once.
        const keys = Array.from({ length: 700 }, (_, n) => `many-${n}`)
        const leases = await cache.lease(
          1,
          keys.map((key) => ({ key, token: key, takeOver: false })),
        )
        assert.ok(leases.every((answer) => answer.kind === 'miss'))
        const fills = keys.map((key, n) => ({ key, token: key, entry: entry(n + 1, String(n)) }))
        assert.ok((await cache.fill(1, fills, now)).every(Boolean))
        assert.deepEqual(
          await versions(1, ...keys),
          keys.map((_, n) => n + 1),
        )
      } finally {
        await cache.close()
        await stop()
      }
    })
  })
}

describe('a cache in the process', () => {
  it('lets go what was not used for longest', async () => {
    const cache = new InProcessCache(3_000)
    for (const key of ['a', 'b', 'c', 'd']) {
      await cache.lease(1, [{ key, token: key, takeOver: false }])
      const entry = { version: 1, json: 'x'.repeat(300), expiresAt: undefined }
      await cache.fill(1, [{ key, token: key, entry }], 0)
      await cache.get(1, ['a'])
    }
    const answers = await cache.get(1, ['a', 'b', 'c', 'd'])
    assert.deepEqual(
      answers.map(({ kind }) => kind),
      ['hit', 'miss', 'hit', 'hit'],
    )
  })
})

describe('a connection to Redis', { skip: noRedis }, () => {
  it('says that the server is away without its password, and finds another one in its place', async () => {
    const server = await startRedis()
    // The default user has no password: any is right.
    const connection = await connectRedis({ url: server.url.replace('redis://', 'redis://default:sesame-opens@') })
    try {
      const id = connection.serverId()
      assert.ok(id)
      let returned: () => void = () => undefined
      const isBack = new Promise<void>((resolve) => (returned = resolve))
      connection.onReturn(() => returned())
      await server.kill()
      const error: unknown = await connection.send('a', ['GET', 'a']).catch((caught: unknown) => caught)
      assert.ok(error instanceof Error && 'code' in error && error.code === 'UNAVAILABLE')
      assert.doesNotMatch(`${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`, /sesame/)
      assert.equal(connection.serverId(), undefined)
      await server.restart()
      await isBack
      assert.notEqual(connection.serverId(), id)
      assert.equal(await connection.send('a', ['GET', 'a']), null)
    } finally {
      await connection.close()
      await server.stop()
    }
  })

  it('fails after its time limit when the server stands still, and at once from then on', async () => {
    const server = await startRedis()
    const connection = await connectRedis({ url: server.url, timeoutMs: 400 })
    try {
      server.pause()
      const start = performance.now()
      await Promise.all(Array.from({ length: 50 }, () => assert.rejects(connection.send('a', ['GET', 'a']))))
      const took = performance.now() - start
      assert.ok(took > 350 && took < 2000, `${took}`)
      await assert.rejects(connection.ping(), { code: 'UNAVAILABLE' })
      assert.ok(performance.now() - start - took < 200)
    } finally {
      server.resume()
      await connection.close()
      await server.stop()
    }
  })
})
