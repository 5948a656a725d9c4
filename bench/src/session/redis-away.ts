import { openDocumentStore } from '@holdfast/persistence'
import { openSessionStore, type SessionStore } from '@holdfast/session'
import { startRedis } from '@holdfast/test-servers'
import { measure, median, quantile, rounded } from '../rounds.js'
import { anyOf, keyOf, sessionMetadata, type World } from './world.js'

const keys = 2_000
const callers = 32

/** What Redis being away costs: p99 of calls (three reads to a write) over p99 of a store without a cache, in alternation; and how many
 *  calls failed, from the moment on at which it was killed. */
export async function redisAway({ postgres, connections, report }: World): Promise<void> {
  await using redis = await startRedis()
  await using documents = await openDocumentStore(await postgres.createDatabase(), { maxConnections: connections })
  await using alone = await openSessionStore({ store: documents, name: 'alone' })
  await using cached = await openSessionStore({ store: documents, name: 'cached', cache: { redis: redis.url } })
  const values = Array.from({ length: keys }, (_, n) => ({ key: keyOf(n), value: sessionMetadata(n) }))
  for (const store of [alone, cached]) await store.writeMany(values)
  await cached.readMany(values.map(({ key }) => key))

  let failed = 0
  const call = (store: SessionStore) => async () => {
    const key = keyOf(anyOf(keys))
    try {
      if (Math.random() < 0.25) await store.write(key, sessionMetadata(1))
      else await store.read(key)
    } catch {
      failed += 1
    }
  }
  await measure(call(alone), callers, report.ms)
  await measure(call(cached), callers, report.ms)
  const losing = measure(call(cached), callers, 3_000)
  await redis.kill()
  const lost = await losing
  const ratios: number[] = []
  for (let round = 0; round < report.rounds; round += 1) {
    const database = await measure(call(alone), callers, report.ms)
    const away = await measure(call(cached), callers, report.ms)
    ratios.push(quantile(away.latencies, 0.99) / quantile(database.latencies, 0.99))
  }
  report.metric('redis_away_p99_vs_database_only', rounded(median(ratios)))
  report.metric('redis_lost_longest_call_ms', rounded(lost.latencies.at(-1) ?? Number.NaN, 0))
  report.metric('redis_away_failed_calls', failed)
}
