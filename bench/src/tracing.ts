import type { BenchOptions, BenchReport } from './main.js'
import { tracingOverhead } from './gateway/tracing-overhead.js'

/** What traces cost a server, by itself: the part of `gateway` that needs no credentials. */
export async function run({ long, report: print }: BenchOptions): Promise<BenchReport> {
  const metrics: Record<string, number> = {}
  const notes: string[] = []
  await tracingOverhead({
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
  })
  return { metrics, notes }
}
