import type { BenchOptions, BenchReport } from '../main.js'
import { authOverhead } from './auth-overhead.js'
import { overload } from './overload.js'
import { tracingOverhead } from './tracing-overhead.js'
import type { GatewayWorld } from './world.js'

/** Each starts what it compares, measures both sides in alternation, and ends it. */
const parts: Readonly<Record<string, (world: GatewayWorld) => Promise<void>>> = {
  auth: authOverhead,
  tracing: tracingOverhead,
  overload,
}

/** What stands between the wire and a service: credentials, traces, limits. */
export async function run({ long, part: only, report: print }: BenchOptions): Promise<BenchReport> {
  const metrics: Record<string, number> = {}
  const notes: string[] = []
  const world: GatewayWorld = {
    rounds: long ? 25 : 9,
    ms: long ? 3000 : 1000,
    metric: (name, value) => {
      metrics[name] = value
      print(`${name}: ${value}`)
    },
    note: (line) => {
      notes.push(line)
      print(line)
    },
  }
  for (const [name, part] of Object.entries(parts)) if (only === undefined || only === name) await part(world)
  return { metrics, notes }
}
