import type { BenchOptions, BenchReport } from '../main.js'
import { authOverhead } from './auth-overhead.js'
import type { GatewayWorld } from './world.js'

/** Each starts what it compares, measures both sides in alternation, and ends it. */
const parts: readonly ((world: GatewayWorld) => Promise<void>)[] = [authOverhead]

/** What stands between the wire and a service: credentials, traces, limits. */
export async function run({ long, report: print }: BenchOptions): Promise<BenchReport> {
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
  for (const part of parts) await part(world)
  return { metrics, notes }
}
