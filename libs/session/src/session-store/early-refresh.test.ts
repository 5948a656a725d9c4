import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openDocumentStore } from '@holdfast/persistence'
import type { EpochTrust } from '../cache/epoch-trust.js'
import { InProcessCache } from '../cache/in-process-cache.js'
import { maxAgeMs } from '../cache/session-cache.js'
import { CachedSessions } from './cached-sessions.js'
import { DocumentsBackend } from './documents-backend.js'

/** Sessions whose clock the test sets. */
async function withClock(
  run: (sessions: CachedSessions, clock: { now: number }, loads: string[], backend: DocumentsBackend) => Promise<void>,
): Promise<void> {
  await using documents = await openDocumentStore('memory:')
  const backend = new DocumentsBackend(documents, 'sessions')
  const clock = { now: Date.now() }
  const loads: string[] = []
  const observed = Object.assign(Object.create(backend) as DocumentsBackend, {
    read: (key: string) => {
      loads.push(key)
      return backend.read(key)
    },
    write: backend.write.bind(backend),
    remove: backend.remove.bind(backend),
  })
  const trust = { current: () => 1, fresh: async () => 1, soon: async () => 1, now: () => clock.now }
  const cache = new InProcessCache(1_000_000)
  await run(new CachedSessions(observed, cache, trust as unknown as EpochTrust, 10), clock, loads, backend)
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 5))

describe('a hot entry', () => {
  const write = { key: 'hot', value: 1, json: '1', ttlMs: undefined, ifVersion: undefined }

  it('is loaded anew once before it goes by its age, while readers go on hitting', () =>
    withClock(async (sessions, clock, loads, backend) => {
      await sessions.write(write)
      await sessions.read('hot')
      assert.equal(loads.length, 1)
      const filledAt = clock.now
      clock.now = filledAt + maxAgeMs / 2
      for (let n = 0; n < 500; n += 1) await sessions.read('hot')
      assert.equal(loads.length, 1)
      // Written behind the back of the cache, as by a process that died before it told.
      await backend.write({ ...write, value: 2, json: '2' })
      clock.now = filledAt + maxAgeMs - 0.001
      const seen = new Set<string | undefined>()
      for (let n = 0; n < 50; n += 1) seen.add((await sessions.read('hot')).json)
      assert.ok(seen.has('1'), 'the readers did not go on hitting')
      await settled()
      assert.equal(loads.length, 2)
      assert.equal((await sessions.read('hot')).json, '2')
      clock.now = filledAt + maxAgeMs + maxAgeMs / 2
      for (let n = 0; n < 500; n += 1) assert.equal((await sessions.read('hot')).json, '2')
      assert.equal(loads.length, 2)
    }))

  it('that ends with its value is not', () =>
    withClock(async (sessions, clock, loads) => {
      await sessions.write({ ...write, ttlMs: 20_000 })
      await sessions.read('hot')
      clock.now += 19_800
      for (let n = 0; n < 200; n += 1) await sessions.read('hot')
      assert.equal(loads.length, 1)
    }))
})
