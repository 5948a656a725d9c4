import { openDocumentStore } from '@holdfast/persistence'
import { postgresForTests, startRedis, whyNoRedis } from '@holdfast/test-servers'
import { describe } from 'node:test'
import { openSessionMigration } from '../migration/session-migration.js'
import { describeSessionStore } from './conformance/index.js'
import { openMigratingBackend } from './migrating-backend.js'
import { openSessionStore } from './open-session-store.js'

const noRedis = await whyNoRedis()
const trustMs = 100

// One phase for each truth: the others do less of the same.
for (const phase of ['verify', 'cutover'] as const) {
  const isCached = phase === 'cutover'
  describe('a session store', { skip: isCached ? (noRedis ?? false) : false }, () =>
    describeSessionStore(`in the phase ${phase}, ${isCached ? 'with Redis' : 'without a cache'}`, async () => {
      const legacy = await postgresForTests()
      const fresh = await postgresForTests()
      const redis = isCached ? await startRedis() : undefined
      const store = await openDocumentStore(fresh.url)
      await using migration = await openSessionMigration({ from: legacy.url, store, trustMs })
      await migration.dualWrite()
      await migration.backfill()
      await migration.verify()
      if (phase === 'cutover') await migration.cutover()
      return {
        open: async () =>
          openSessionStore({
            store,
            backend: await openMigratingBackend(legacy.url, store, { trustMs }),
            ...(redis === undefined ? {} : { cache: { redis: redis.url } }),
            trustMs,
          }),
        stop: async () => {
          await store.close()
          await redis?.stop()
          await legacy[Symbol.asyncDispose]()
          await fresh[Symbol.asyncDispose]()
        },
      }
    }),
  )
}
