import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { openDocumentStore, type DocumentStore } from '@holdfast/persistence'
import { type RedisServer, startRedis, startRelay, type Relay, whyNoRedis } from '@holdfast/test-servers'
import { DocumentsBackend } from './documents-backend.js'
import { openSessionStore } from './open-session-store.js'
import type { SessionBackend, SessionRow, SessionWrite } from './session-backend.js'
import type { SessionStore } from './session-store.js'

const skip = (await whyNoRedis()) ?? false
const trustMs = 100

/** Counts, delays or refuses what the cache asks of the database. */
class ObservedBackend implements SessionBackend {
  readonly kind = 'documents'
  readonly reads: string[] = []
  beforeRead: () => Promise<void> = async () => undefined
  afterRead: () => Promise<void> = async () => undefined
  beforeWrite: () => Promise<void> = async () => undefined
  readonly #inner: SessionBackend

  constructor(inner: SessionBackend) {
    this.#inner = inner
  }

  async read(key: string): Promise<SessionRow> {
    this.reads.push(key)
    await this.beforeRead()
    const row = await this.#inner.read(key)
    await this.afterRead()
    return row
  }

  async write(write: SessionWrite): Promise<SessionRow> {
    await this.beforeWrite()
    return this.#inner.write(write)
  }

  remove(key: string): ReturnType<SessionBackend['remove']> {
    return this.#inner.remove(key)
  }

  keys(after: string | undefined, limit: number): Promise<string[]> {
    return this.#inner.keys(after, limit)
  }

  ping(): Promise<number> {
    return this.#inner.ping()
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}

describe('sessions in front of which Redis stands', { skip }, () => {
  let documents: DocumentStore
  let redis: RedisServer
  before(async () => {
    documents = await openDocumentStore('memory:')
    redis = await startRedis()
  })
  after(async () => {
    await documents.close()
    await redis.stop()
  })

  let names = 0
  /** Processes of one fleet, each with its own way to Redis. */
  async function fleet(
    processes: number,
    run: (
      stores: readonly SessionStore[],
      backends: readonly ObservedBackend[],
      relays: readonly Relay[],
    ) => Promise<void>,
  ): Promise<void> {
    const name = `test-${(names += 1)}`
    const backends = Array.from({ length: processes }, () => new ObservedBackend(new DocumentsBackend(documents, name)))
    const relays = await Promise.all(backends.map(() => startRelay(redis.port)))
    const stores = await Promise.all(
      backends.map((backend, n) =>
        openSessionStore({
          store: documents,
          backend,
          name,
          trustMs,
          cache: { redis: `redis://${relays[n]?.address}` },
        }),
      ),
    )
    try {
      await run(stores, backends, relays)
    } finally {
      for (const store of stores) await store.close()
      for (const relay of relays) await relay[Symbol.asyncDispose]()
    }
  }

  it('reads a cold hot key once for 500 clients', () =>
    fleet(1, async ([store], [backend]) => {
      assert.ok(store && backend)
      await store.write('hot', 'value')
      await redis.command('FLUSHALL')
      const answers = await Promise.all(Array.from({ length: 500 }, () => store.read('hot')))
      assert.deepEqual(new Set(answers), new Set(['value']))
      assert.deepEqual(backend.reads, ['hot'])
    }))

  it('reads a cold hot key once for 500 clients of several processes, whenever they come while it is read', () =>
    fleet(4, async (stores, backends) => {
      await stores[0]?.write('hot', 'value')
      await redis.command('FLUSHALL')
      for (const backend of backends) {
        backend.afterRead = () => new Promise((resolve) => setTimeout(resolve, 40))
      }
      const answers = await Promise.all(
        Array.from({ length: 500 }, async (_, n) => {
          await new Promise((resolve) => setTimeout(resolve, n % 25))
          return stores[n % 4]?.read('hot')
        }),
      )
      assert.deepEqual(new Set(answers), new Set(['value']))
      assert.deepEqual(
        backends.flatMap(({ reads }) => reads),
        ['hot'],
      )
    }))

  it('does not let a reader that loaded before a write answer one that came after it', () =>
    fleet(1, async ([store], [backend]) => {
      assert.ok(store && backend)
      await store.write('key', 'old')
      await redis.command('FLUSHALL')
      let loaded: () => void = () => undefined
      const isLoaded = new Promise<void>((resolve) => (loaded = resolve))
      let goOn: () => void = () => undefined
      const mayGoOn = new Promise<void>((resolve) => (goOn = resolve))
      backend.afterRead = () => {
        loaded()
        return mayGoOn
      }
      const early = store.read('key')
      await isLoaded
      backend.afterRead = async () => undefined
      await store.write('key', 'new')
      const late = store.read('key')
      goOn()
      assert.equal(await early, 'old')
      assert.equal(await late, 'new')
      assert.equal(await store.read('key'), 'new')
    }))

  describe('has none of the faults of the store that it replaces', () => {
    it('shows nobody what is not durable yet', () =>
      fleet(2, async ([one, two], [backend]) => {
        assert.ok(one && two && backend)
        await one.write('key', 'durable')
        await two.read('key')
        let goOn: () => void = () => undefined
        const mayGoOn = new Promise<void>((resolve) => (goOn = resolve))
        backend.beforeWrite = () => mayGoOn
        const writing = one.write('key', 'not yet')
        await new Promise((resolve) => setTimeout(resolve, 20))
        assert.deepEqual(await Promise.all([one.read('key'), two.read('key')]), ['durable', 'durable'])
        goOn()
        await writing
        assert.deepEqual(await Promise.all([one.read('key'), two.read('key')]), ['not yet', 'not yet'])
      }))

    it('keeps the newer value when a reader that missed comes back with an older one', () =>
      fleet(2, async ([reader, writer], [backend]) => {
        assert.ok(reader && writer && backend)
        await writer.write('key', 'old')
        await redis.command('FLUSHALL')
        let loaded: () => void = () => undefined
        const isLoaded = new Promise<void>((resolve) => (loaded = resolve))
        let goOn: () => void = () => undefined
        const mayGoOn = new Promise<void>((resolve) => (goOn = resolve))
        backend.afterRead = () => {
          loaded()
          return mayGoOn
        }
        const reading = reader.read('key')
        await isLoaded
        await writer.write('key', 'new')
        assert.equal(await writer.read('key'), 'new')
        goOn()
        await reading
        assert.deepEqual(await Promise.all([reader.read('key'), writer.read('key')]), ['new', 'new'])
      }))

    it('says that the database is away, and never that nothing is there or that it was not written', () =>
      fleet(1, async ([store], [backend]) => {
        assert.ok(store && backend)
        await store.write('key', 'value')
        await redis.command('FLUSHALL')
        const away = async () => {
          throw Object.assign(new Error('connection refused'), { code: 'ECONNREFUSED' })
        }
        backend.beforeRead = away
        backend.beforeWrite = away
        await assert.rejects(store.read('key'), /refused/)
        await assert.rejects(store.exists('key'), /refused/)
        await assert.rejects(store.readMany(['key']), /refused/)
        await assert.rejects(store.write('key', 'other'), /refused/)
        backend.beforeRead = async () => undefined
        assert.equal(await store.read('key'), 'value')
      }))

    it('lists the keys that the database has, whatever is cached, without a command that walks through Redis', () =>
      fleet(1, async ([store]) => {
        assert.ok(store)
        await store.writeMany(['a:1', 'a:2', 'b:1'].map((key) => ({ key, value: key })))
        await store.read('a:1')
        await redis.command('CONFIG', 'RESETSTAT')
        assert.deepEqual(await store.listKeys('a:*'), ['a:1', 'a:2'])
        const statistics = await redis.command('INFO', 'commandstats')
        assert.doesNotMatch(statistics, /cmdstat_(keys|scan)/)
      }))

    it('loses none of two concurrent changes of one value', () =>
      fleet(2, async (stores) => {
        const add = async (store: SessionStore, message: number): Promise<void> => {
          for (;;) {
            const entry = await store.readEntry<number[]>('context')
            try {
              await store.write('context', [...(entry?.value ?? []), message], { ifVersion: entry?.version ?? 0 })
              return
            } catch (error) {
              if ((error as { code?: string }).code !== 'ABORTED') throw error
            }
          }
        }
        await Promise.all(Array.from({ length: 12 }, (_, n) => add(stores[n % 2] as SessionStore, n)))
        const messages = await stores[0]?.read<number[]>('context')
        assert.deepEqual(
          messages?.toSorted((a, b) => a - b),
          Array.from({ length: 12 }, (_, n) => n),
        )
      }))

    it('lets values expire', () =>
      fleet(1, async ([store]) => {
        assert.ok(store)
        await store.write('short', 'value', { ttlMs: 300 })
        assert.equal(await store.read('short'), 'value')
        await new Promise((resolve) => setTimeout(resolve, 320))
        assert.equal(await store.read('short'), undefined)
      }))

    it('goes on while Redis is away, and distrusts what it held before', () =>
      fleet(2, async (stores, _, relays) => {
        const [one, two] = stores
        const [cutOff] = relays
        assert.ok(one && two && cutOff)
        await one.write('key', 'old')
        await Promise.all(stores.map((store) => store.read('key')))
        // Only the writer is cut off: the other process has the old value at hand.
        cutOff.aim(undefined)
        cutOff.cut()
        await one.write('key', 'new')
        assert.deepEqual(await Promise.all(stores.map((store) => store.read('key'))), ['new', 'new'])
        assert.deepEqual((await one.healthCheck()).cache, { status: 'down' })
        await one.write('key', 'newer')
        assert.equal(await two.read('key'), 'newer')
        cutOff.aim(redis.port)
        for (const deadline = Date.now() + 5_000; Date.now() < deadline;) {
          if ((await one.healthCheck()).cache.status === 'up') break
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
        assert.equal((await one.healthCheck()).cache.status, 'up')
        assert.deepEqual(await Promise.all(stores.map((store) => store.read('key'))), ['newer', 'newer'])
        assert.equal(await one.delete('key'), true)
        assert.deepEqual(await Promise.all(stores.map((store) => store.read('key'))), [undefined, undefined])
      }))
  })

  it('answers a write after Redis was lost when nobody can see the older value any more, and waits once', () =>
    fleet(2, async ([one, two], _, [cutOff]) => {
      assert.ok(one && two && cutOff)
      await one.write('key', 0)
      cutOff.aim(undefined)
      cutOff.cut()
      const times: number[] = []
      for (let n = 1; n <= 20; n += 1) {
        await two.read('key')
        const start = performance.now()
        await one.write('key', n)
        times.push(performance.now() - start)
        assert.equal(await two.read('key'), n)
      }
      const waits = times.filter((ms) => ms > trustMs * 0.8)
      assert.ok(waits.length <= 1, `waited ${waits.map(Math.round).join(', ')} ms`)
    }))
})
