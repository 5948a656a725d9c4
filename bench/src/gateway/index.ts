import type { BenchOptions, BenchReport } from '../benchmark.js'
import { collectFigures, runParts } from '../figures.js'
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
  const { figures, report } = collectFigures(print)
  await runParts(parts, { ...figures, rounds: long ? 25 : 9, ms: long ? 3000 : 1000 }, only)
  return report
}
