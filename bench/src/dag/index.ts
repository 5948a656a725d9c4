import { startPostgres } from '@holdfast/test-servers'
import type { BenchOptions, BenchReport } from '../benchmark.js'
import { collectFigures, runParts } from '../figures.js'
import { cancelling, eventLatency } from './latency.js'
import { criticalPath, forEach500 } from './paths.js'
import { recovery } from './recovery.js'
import { againstDbos, throughput } from './throughput.js'
import type { DagWorld } from './world.js'

const parts: Readonly<Record<string, (world: DagWorld) => Promise<void>>> = {
  criticalPath,
  throughput,
  forEach500,
  eventLatency,
  cancelling,
  recovery,
  againstDbos,
}

/** What the local engine adds to graphs of nodes that do next to nothing, on PostgreSQL. */
export async function run({ long, part: only, report: print }: BenchOptions): Promise<BenchReport> {
  const { figures, report } = collectFigures(
    print,
    'PostgreSQL: default durability (fsync, synchronous_commit on); engine, subscribers and server on one machine',
  )
  await using postgres = await startPostgres({ settings: { shared_buffers: '256MB' } })
  await runParts(parts, { ...figures, postgres, rounds: long ? 15 : 5 }, only)
  return report
}
