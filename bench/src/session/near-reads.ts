import { openDocumentStore } from '@holdfast/persistence'
import { openSessionStore } from '@holdfast/session'
import { compareRates } from '../persistence/report.js'
import { anyOf, keyOf, sessionMetadata, type World } from './world.js'

const keys = 2_000

/** Reads that the near cache answers against reads that Redis answers, both through the session store. */
export async function nearReads({ postgres, redis, connections, report }: World): Promise<void> {
  await using documents = await openDocumentStore(await postgres.createDatabase(), { maxConnections: connections })
  const near = { maxBytes: 64 * 1024 * 1024 }
  await using nearby = await openSessionStore({ store: documents, name: 'near', cache: { redis: redis.url, near } })
  await using far = await openSessionStore({ store: documents, name: 'far', cache: { redis: redis.url } })
  const names = Array.from({ length: keys }, (_, n) => keyOf(n))
  for (const store of [nearby, far]) {
    await store.writeMany(names.map((key, n) => ({ key, value: sessionMetadata(n) })))
    await store.readMany(names)
  }
  // A caller that is answered at once leaves the event loop no time to hear from Redis.
  let calls = 0
  const breathe = async () => {
    if ((calls += 1) % 64 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  for (const concurrency of [1, 64]) {
    await compareRates(report, `near_hit_c${concurrency}_vs_redis_hit`, concurrency, {
      ours: async () => {
        await breathe()
        return nearby.read(keyOf(anyOf(keys)))
      },
      theirs: () => far.read(keyOf(anyOf(keys))),
    })
  }
}
