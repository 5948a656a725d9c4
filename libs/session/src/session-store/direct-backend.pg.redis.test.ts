import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { createClient, type RedisClientType } from '@redis/client'
import { postgresForTests, type RedisServer, startRedis, type TestDatabase, whyNoRedis } from '@holdfast/test-servers'
import { sameJson } from '../migration/canonical-json.js'
import { type DirectBackend, openDirectBackend } from './direct-backend.js'
import type { SessionWrite } from './session-backend.js'

describe('the Redis of the old service', { skip: (await whyNoRedis()) ?? false }, () => {
  let database: TestDatabase
  let redis: RedisServer
  let backends: DirectBackend[]
  let client: RedisClientType

  before(async () => {
    database = await postgresForTests()
    redis = await startRedis()
    client = createClient({ url: redis.url })
    await client.connect()
    const open = () => openDirectBackend(database.url, { redis: redis.url, sweepIntervalMs: 0 })
    backends = [await open(), await open()]
  })

  after(async () => {
    for (const one of backends) await one.close()
    client.destroy()
    await redis.stop()
    await database[Symbol.asyncDispose]()
  })

  const write = (key: string, value: unknown, options: Partial<SessionWrite> = {}): SessionWrite => ({
    key,
    value,
    json: JSON.stringify(value),
    ttlMs: undefined,
    ifVersion: undefined,
    ...options,
  })
  const inRedis = async (key: string): Promise<string> => (await client.get(key)) ?? ''
  /** What follows the answer has arrived. */
  const settled = async (key: string, text: string): Promise<void> => {
    for (let n = 0; n < 200 && (await inRedis(key)) !== text; n += 1) await delay(5)
    assert.equal(await inRedis(key), text)
  }

  it('holds the text that the old service would have put there, without expiry', async () => {
    const [one] = backends as [DirectBackend]
    await one.write(write('session:a:state', { n: 1, text: 'ü' }))
    await settled('session:a:state', '{"n":1,"text":"ü"}')
    assert.equal(await client.pTTL('session:a:state'), -1)
    assert.deepEqual(await client.keys('holdfast:*'), [])
    await one.write(write('session:a:context', { messages: [{ id: 'x', role: 1, content: '', timestamp: 5 }] }))
    await settled('session:a:context', '{"messages":[{"id":"x","role":1,"content":"","timestamp":5.0}]}')
    await one.remove('session:a:state')
    await settled('session:a:state', '')
    await assert.rejects(one.write(write('session:a:state', 2, { ifVersion: 1 })))
    await one.write(write('short', 1, { ttlMs: 5 }))
    await delay(20)
    await one.sweep()
    await settled('short', '')
  })

  it('never holds what the table does not, whoever writes at the same time', async () => {
    const writer = async (backend: DirectBackend, number: number): Promise<void> => {
      for (let turn = 0; turn < 60; turn += 1) {
        const key = `shared:${turn % 3}`
        if (turn % 9 === 8) await backend.remove(key)
        else await backend.write(write(key, [number, turn]))
      }
    }
    await Promise.all([0, 1, 2, 3].map((number) => writer(backends[number % 2] as DirectBackend, number)))
    await delay(50)
    for (const key of ['shared:0', 'shared:1', 'shared:2']) {
      const text = await inRedis(key)
      const { json } = await (backends[0] as DirectBackend).read(key)
      if (text !== '') assert.ok(sameJson(text, json), `${key}: ${text} in Redis, ${json} in the table`)
    }
  })

  it('loses what was written over while it was away, when it is back', async () => {
    const [one] = backends as [DirectBackend]
    await one.write(write('kept', 'old'))
    await settled('kept', '"old"')
    redis.pause()
    await one.write(write('kept', 'new'))
    await one.write(write('kept', 'newer'))
    redis.resume()
    const behind = async (): Promise<number> => {
      const text = 'select count(*) from holdfast_session_versions where behind'
      return Number((await one.driver.query({ text, values: [] }))[0]?.[0])
    }
    assert.equal(await behind(), 1)
    for (let n = 0; n < 500 && (await behind()) > 0; n += 1) await delay(10)
    assert.equal(await behind(), 0)
    assert.equal(await inRedis('kept'), '')
    assert.equal((await one.read('kept')).json, '"newer"')
  })
})
