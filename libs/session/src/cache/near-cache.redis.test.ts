import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openDocumentStore } from '@holdfast/persistence'
import { type RedisServer, startRedis, startRelay, whyNoRedis } from '@holdfast/test-servers'
import { openSessionStore } from '../session-store/open-session-store.js'
import type { SessionStore } from '../session-store/session-store.js'

const skip = (await whyNoRedis()) ?? false
const maxAgeMs = 400

describe('a near cache', { skip }, () => {
  /** A reader with a near cache behind a relay, and a writer of another process. */
  async function pair(
    run: (
      reader: SessionStore,
      writer: SessionStore,
      redis: RedisServer,
      hold: (held: boolean) => void,
    ) => Promise<void>,
    maxBytes = 100_000,
  ): Promise<void> {
    await using documents = await openDocumentStore('memory:')
    await using redis = await startRedis()
    await using relay = await startRelay(redis.port)
    const near = { maxBytes, maxAgeMs }
    const options = { store: documents, trustMs: 100 }
    await using reader = await openSessionStore({ ...options, cache: { redis: `redis://${relay.address}`, near } })
    await using writer = await openSessionStore({ ...options, cache: { redis: redis.url } })
    await run(reader, writer, redis, (held) => relay.hold(held))
  }

  const gets = async (redis: RedisServer): Promise<number> => {
    const statistics = await redis.command('INFO', 'commandstats')
    return ['get', 'mget'].reduce(
      (sum, name) => sum + Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(statistics)?.[1] ?? 0),
      0,
    )
  }

  it('answers without asking Redis until the value changes, and then with the new one', () =>
    pair(async (reader, writer, redis) => {
      await writer.write('key', 'old')
      await reader.read('key')
      await reader.read('key')
      // Scripts call GET too; nothing else is under way.
      const before = await gets(redis)
      for (let n = 0; n < 100; n += 1) assert.equal(await reader.read('key'), 'old')
      assert.ok((await gets(redis)) - before <= 1)
      await writer.write('key', 'new')
      const start = performance.now()
      while ((await reader.read('key')) !== 'new') {
        assert.ok(performance.now() - start < maxAgeMs / 2)
        // What is answered at once leaves the event loop no time to hear of anything.
        await new Promise((resolve) => setImmediate(resolve))
      }
    }))

  it('shows this process its own writes at once, and goes back for nobody', () =>
    pair(async (reader, writer) => {
      let seen = 0
      for (let n = 0; n < 150; n += 1) {
        const store = n % 3 === 0 ? reader : writer
        const [{ version }] = await Promise.all([store.write('key', n), reader.read('key'), reader.read('key')])
        const read = (await reader.readEntry('key'))?.version ?? 0
        assert.ok(read >= seen, `version ${read} after ${seen}`)
        if (store === reader) assert.ok(read >= version)
        seen = read
      }
    }))

  it('is behind by no more than its age when Redis does not reach this process', () =>
    pair(async (reader, writer, _, hold) => {
      await writer.write('key', 'old')
      await reader.read('key')
      await reader.read('key')
      hold(true)
      await writer.write('key', 'new')
      const written = performance.now()
      for (;;) {
        const asked = performance.now()
        if ((await reader.read('key')) === 'new') break
        assert.ok(asked - written < maxAgeMs)
      }
      hold(false)
    }))

  it('forgets everything when Redis is emptied or lost', () =>
    pair(async (reader, writer, redis) => {
      await writer.write('key', 'value')
      await reader.read('key')
      await reader.read('key')
      const before = await gets(redis)
      await redis.command('FLUSHALL')
      await new Promise((resolve) => setTimeout(resolve, 20))
      assert.equal(await reader.read('key'), 'value')
      assert.ok((await gets(redis)) > before)
      await redis.restart()
      assert.equal(await reader.read('key'), 'value')
      await writer.write('key', 'other')
      assert.equal(await reader.read('key'), 'other')
    }))

  it('holds no more than it may', () =>
    pair(async (reader, writer, redis) => {
      const keys = Array.from({ length: 40 }, (_, n) => `key-${n}`)
      await writer.writeMany(keys.map((key) => ({ key, value: 'x'.repeat(100) })))
      for (let time = 0; time < 2; time += 1) for (const key of keys) await reader.read(key)
      const before = await gets(redis)
      for (const key of keys.toReversed()) await reader.read(key)
      const asked = (await gets(redis)) - before
      assert.ok(asked >= 20 && asked < 40, `${asked}`)
    }, 8_000))
})
