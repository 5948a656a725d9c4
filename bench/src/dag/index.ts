import { startPostgres } from '@holdfast/test-servers'
import type { BenchOptions, BenchReport } from '../main.js'
import { cancelling, eventLatency } from './latency.js'
import { criticalPath, forEach500 } from './paths.js'
import { recovery } from './recovery.js'
import { againstDbos, throughput } from './throughput.js'
import type { DagWorld } from './world.js'

const parts: readonly ((world: DagWorld) => Promise<void>)[] = [
  criticalPath,
  throughput,
  forEach500,
  eventLatency,
  cancelling,
  recovery,
  againstDbos,
]

/** What the local engine adds to graphs of nodes that do next to nothing, on PostgreSQL. */
export async function run({ long, report: print }: BenchOptions): Promise<BenchReport> {
  const metrics: Record<string, number> = {}
  const notes = [
    'PostgreSQL: default durability (fsync, synchronous_commit on); engine, subscribers and server on one machine',
  ]
  await using postgres = await startPostgres({ settings: { shared_buffers: '256MB' } })
  const world: DagWorld = {
    postgres,
    note: (line) => {
      notes.push(line)
      print(line)
    },
    rounds: long ? 15 : 5,
    metric: (name, value) => {
      metrics[name] = value
      print(`${name}: ${value}`)
    },
  }
  for (const part of parts) await part(world)
  return { metrics, notes }
}
