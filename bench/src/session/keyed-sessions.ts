import { openDocumentStore } from '@holdfast/persistence'
import { openSessionStore } from '@holdfast/session'
import { compareRates } from '../persistence/report.js'
import { openLegacyStore } from './legacy-store.js'
import { anyOf, keyOf, sessionMetadata, type World } from './world.js'

const warm = 2_000
const cold = 120_000
const callers = 64

/** The session store over Redis against the legacy way: writes, reads that hit, reads that miss, and first reads of what was just
 *  written. */
export async function keyedSessions({ postgres, redis, connections, report }: World): Promise<void> {
  await using documents = await openDocumentStore(await postgres.createDatabase(), { maxConnections: connections })
  await using ours = await openSessionStore({ store: documents, cache: { redis: redis.url } })
  await using legacy = await openLegacyStore(await postgres.createDatabase(), redis.url, connections)

  const keys = Array.from({ length: warm }, (_, n) => keyOf(n))
  await ours.writeMany(keys.map((key, n) => ({ key, value: sessionMetadata(n) })))
  await Promise.all(keys.map((key, n) => legacy.write(key, sessionMetadata(n))))
  const warmUp = () => ours.readMany(keys)

  let n = 0
  for (const concurrency of [1, callers]) {
    await warmUp()
    // A lone writer waits for the disk, whose times vary most.
    const rounds = concurrency === 1 ? report.rounds * 3 : report.rounds
    await compareRates({ ...report, rounds }, `write_c${concurrency}_vs_legacy`, concurrency, {
      ours: () => ours.write(keyOf(anyOf(warm)), sessionMetadata((n += 1))),
      theirs: () => legacy.write(keyOf(anyOf(warm)), sessionMetadata((n += 1))),
    })
  }
  for (const concurrency of [1, callers]) {
    await warmUp()
    await compareRates(report, `read_hit_c${concurrency}_vs_legacy`, concurrency, {
      ours: () => ours.read(keyOf(anyOf(warm))),
      theirs: () => legacy.read(keyOf(anyOf(warm))),
    })
  }
  for (const [name, concurrency] of [
    ['read_hit_vs_bare_redis', 1],
    ['read_hit_c64_vs_bare_redis', callers],
  ] as const) {
    await warmUp()
    await compareRates(report, name, concurrency, {
      ours: () => ours.read(keyOf(anyOf(warm))),
      theirs: () => legacy.readRedis(keyOf(anyOf(warm))),
    })
  }

  // Keys that are in the tables and not in Redis; when all were read once, Redis is emptied.
  for (let from = 0; from < cold; from += 2_000) {
    const some = Array.from({ length: 2_000 }, (_, index) => from + index)
    await ours.writeMany(some.map((index) => ({ key: keyOf(warm + index), value: sessionMetadata(index) })))
  }
  await legacy.query(
    `insert into sessions (key, value)
     select 'session:9f1c2ab0-5d3e-4c1b-8a77-' || lpad(n::text, 12, '0') || ':metadata',
       (select value from sessions order by key limit 1) from generate_series(${warm}, ${warm + cold - 1}) n`,
  )
  await legacy.query('analyze sessions')
  let ourNext = 0
  let theirNext = 0
  const nextKey = async (counter: number) => {
    if (counter % cold === 0 && counter > 0) await redis.command('FLUSHALL')
    return keyOf(warm + (counter % cold))
  }
  for (const concurrency of [1, callers]) {
    await redis.command('FLUSHALL')
    await compareRates(report, `read_miss_c${concurrency}_vs_legacy`, concurrency, {
      ours: async () => ours.read(await nextKey((ourNext += 1))),
      theirs: async () => legacy.read(await nextKey((theirNext += 1))),
    })
  }
  let fresh = 0
  await compareRates(report, `insert_and_read_c${callers}_vs_legacy`, callers, {
    ours: async () => {
      const key = `new:${(fresh += 1)}`
      await ours.write(key, sessionMetadata(fresh))
      await ours.read(key)
    },
    theirs: async () => {
      const key = `new:${(fresh += 1)}`
      await legacy.write(key, sessionMetadata(fresh))
      await legacy.read(key)
    },
  })
}
