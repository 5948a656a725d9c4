import { startPostgres, startRedis } from '@holdfast/test-servers'
import type { BenchOptions, BenchReport } from '../benchmark.js'
import { collectFigures, runParts } from '../figures.js'
import { againstLangGraph, appends, dialogueReplay, historyRoundTrips } from './conversations.js'
import { erasure } from './erasure.js'
import { keyedSessions } from './keyed-sessions.js'
import { nearReads } from './near-reads.js'
import { redisAway } from './redis-away.js'
import type { World } from './world.js'

const parts: Readonly<Record<string, (world: World) => Promise<void>>> = {
  keyedSessions,
  nearReads,
  redisAway,
  historyRoundTrips,
  appends,
  dialogueReplay,
  againstLangGraph,
  erasure,
}

/** The session store and conversations, over PostgreSQL and Redis, against the legacy way of doing the same: `NAME_vs_legacy` is
 *  the rate of ours over theirs. */
export async function run({ long, part: only, report: print }: BenchOptions): Promise<BenchReport> {
  const connections = 10
  const { figures, report } = collectFigures(
    print,
    `PostgreSQL: default durability (fsync, synchronous_commit on), ${connections} connections a side; one Redis for both`,
  )
  await using postgres = await startPostgres({ settings: { shared_buffers: '256MB' } })
  await using redis = await startRedis()
  const world: World = {
    postgres,
    redis,
    connections,
    long,
    report: { ...figures, rounds: long ? 15 : 5, ms: long ? 3000 : 700 },
  }
  await runParts(parts, world, only)
  return report
}
