import type { BenchOptions, BenchReport } from '../main.js'
import { cancelling } from './cancelling.js'
import { jobThroughput } from './job-throughput.js'
import type { MediaReport } from './media-report.js'
import { speech } from './speech.js'

/** By name, so that one can be run alone: `HOLDFAST_BENCH_PARTS=jobs npm run bench -- media`. */
const parts: Readonly<Record<string, (report: MediaReport) => Promise<void>>> = {
  jobs: jobThroughput,
  speech,
  cancelling,
}

/** The services of media: what jobs and services add to the models that do the work, and how many jobs a second there are room for. */
export async function run({ long, report: print }: BenchOptions): Promise<BenchReport> {
  const metrics: Record<string, number> = {}
  const notes: string[] = []
  const report: MediaReport = {
    long,
    metric: (name, value) => {
      metrics[name] = value
      print(`${name}: ${value}`)
    },
    note: (line) => {
      notes.push(line)
      print(line)
    },
  }
  const chosen = process.env['HOLDFAST_BENCH_PARTS']?.split(',') ?? Object.keys(parts)
  for (const [name, part] of Object.entries(parts)) if (chosen.includes(name)) await part(report)
  return { metrics, notes }
}
