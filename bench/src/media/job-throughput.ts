import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { jobKind, openJobs } from '@holdfast/jobs'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import { startPostgres } from '@holdfast/test-servers'
import { compare, median, rounded } from '../rounds.js'
import type { MediaReport } from './media-report.js'

const callers = 64

/** Empty jobs a second, each submitted, run and waited for, over log appends a second from as many callers, in the same rounds; and what one
 *  job costs whose result is there already. */
export async function jobThroughput(report: MediaReport): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'))
  const figures: Figures[] = []
  try {
    {
      await using postgres = await startPostgres({ settings: { shared_buffers: '256MB' } })
      await using store = await openDocumentStore(await postgres.createDatabase())
      figures.push(await throughputOn(store, 'postgres', report))
    }
    await using store = await openDocumentStore(`embedded:${folder}`)
    figures.push(await throughputOn(store, 'embedded', report))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  // Without a name: of the store that does worse.
  report.metric('job_throughput_vs_append', Math.min(...figures.map(({ ratio }) => ratio)))
  report.metric('cache_hit_ms', Math.max(...figures.map(({ cacheHitMs }) => cacheHitMs)))
}

interface Figures {
  readonly ratio: number
  readonly cacheHitMs: number
}

async function throughputOn(store: DocumentStore, name: string, { long, metric, note }: MediaReport): Promise<Figures> {
  const empty = jobKind({ name: 'empty', run: () => null })
  const cached = jobKind({ name: 'cached', cache: (input: number) => input, run: () => ({ text: 'good morning' }) })
  const stream = store.log<{ readonly n: number }>('appends')
  const append = (worker: number) => stream.append(`caller-${worker}`, [{ data: { n: worker } }])
  const settings = { concurrency: callers, rounds: long ? 11 : 5, ms: long ? 3_000 : 1_500 }
  let figures: Figures
  {
    await using jobs = await openJobs(store, { kinds: [empty, cached], workers: callers })
    const run = await compare(() => jobs.run(empty, null), append, settings)
    metric(`${name}_job_throughput_vs_append`, rounded(run.ratio))
    note(
      `${name}: ${Math.round(run.subjectPerSecond)} jobs a second, ${Math.round(run.baselinePerSecond)} appends, ${callers} callers`,
    )

    await jobs.run(cached, 1)
    const hits: number[] = []
    const alone: number[] = []
    for (let n = 0; n < 200; n += 1) {
      hits.push(await timed(() => jobs.run(cached, 1)))
      alone.push(await timed(() => jobs.run(empty, null)))
    }
    figures = { ratio: rounded(run.ratio), cacheHitMs: rounded(median(hits), 2) }
    metric(`${name}_cache_hit_ms`, figures.cacheHitMs)
    metric(`${name}_job_alone_ms`, rounded(median(alone), 2))
  }
  // No place is free where they are submitted, so that each is queued, claimed and done by its lease.
  await using workers = await openJobs(store, { kinds: [empty], workers: callers })
  await using front = await openJobs(store, { kinds: [empty], workers: 0 })
  const queued = await compare(() => front.run(empty, null), append, settings)
  metric(`${name}_queued_job_throughput_vs_append`, rounded(queued.ratio))
  note(`${name}: ${Math.round(queued.subjectPerSecond)} queued jobs a second; ${workers.health().running} left`)
  return figures
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const before = performance.now()
  await work()
  return performance.now() - before
}
