import type { BenchOptions, BenchReport } from '../benchmark.js'
import { collectFigures, runParts } from '../figures.js'
import { cancelling } from './cancelling.js'
import { jobThroughput } from './job-throughput.js'
import type { MediaReport } from './media-report.js'
import { speech } from './speech.js'

const parts: Readonly<Record<string, (report: MediaReport) => Promise<void>>> = {
  jobs: jobThroughput,
  speech,
  cancelling,
}

/** The services of media: what jobs and services add to the models that do the work, and how many jobs a second there are room for. */
export async function run({ long, part: only, report: print }: BenchOptions): Promise<BenchReport> {
  const { figures, report } = collectFigures(print)
  await runParts(parts, { ...figures, long }, only)
  return report
}
