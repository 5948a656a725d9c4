import { openDocumentStore } from '@holdfast/persistence'
import { postgresForTests, startRedis, startRedisCluster, whyNoRedis } from '@holdfast/test-servers'
import { describe } from 'node:test'
import { describeSessionStore } from './conformance/index.js'
import { openSessionStore, type SessionCacheChoice } from './open-session-store.js'

const noRedis = await whyNoRedis()

interface TestCache extends AsyncDisposable {
  readonly cache?: SessionCacheChoice
}

const caches: Readonly<Record<string, () => Promise<TestCache>>> = {
  'without a cache': async () => ({ [Symbol.asyncDispose]: async () => undefined }),
  'with Redis': async () => {
    const server = await startRedis()
    return { cache: { redis: server.url }, [Symbol.asyncDispose]: () => server.stop() }
  },
  'with Redis Cluster': async () => {
    const cluster = await startRedisCluster()
    return { cache: { redisCluster: cluster.urls }, [Symbol.asyncDispose]: () => cluster.stop() }
  },
}

for (const [which, start] of Object.entries(caches)) {
  const skip = which === 'without a cache' ? false : (noRedis ?? false)
  describe('a session store', { skip }, () =>
    describeSessionStore(`on PostgreSQL, ${which}`, async () => {
      const database = await postgresForTests()
      const { cache, ...server } = await start()
      const store = await openDocumentStore(database.url)
      return {
        open: async () =>
          openSessionStore({
            // Each process has a document store of its own; here they share one.
            store,
            ...(cache === undefined ? {} : { cache }),
            trustMs: 200,
          }),
        stop: async () => {
          await store.close()
          await server[Symbol.asyncDispose]()
          await database[Symbol.asyncDispose]()
        },
      }
    }),
  )
}
