import { openDocumentStore } from '@holdfast/persistence'
import { startPostgres } from '@holdfast/test-servers'
import { randomBytes } from 'node:crypto'
import type { BenchOptions, BenchReport } from './benchmark.js'
import { measure, median, quantile, rounded } from './rounds.js'

interface Job {
  readonly state: string
  readonly at: number
  readonly body: string
}

const rows = 5_000

/** What `columns` saves reads without an index, and costs writes, by the size of the documents: time without over time with. */
export async function run({ long, report }: BenchOptions): Promise<BenchReport> {
  const rounds = long ? 15 : 5
  await using server = await startPostgres({ settings: { shared_buffers: '256MB' } })
  await using store = await openDocumentStore(await server.createDatabase())
  const metrics: Record<string, number> = {}
  for (const sizeBytes of [300, 3_000, 20_000]) {
    // Hex of random bytes: the server cannot make it much smaller.
    const body = () => randomBytes(sizeBytes / 2).toString('hex')
    const items = Array.from({ length: rows }, (_, n) => ({
      id: `job-${n}`,
      data: { state: n % 10 === 0 ? 'open' : 'shut', at: (n * 7919) % rows, body: body() },
    }))
    const plain = store.collection<Job>(`plain-${sizeBytes}`)
    const own = store.collection<Job>(`own-${sizeBytes}`, { columns: ['state', 'at'] })
    for (const jobs of [plain, own]) await jobs.load(items)
    const operations = {
      count: (jobs: typeof plain) => jobs.count({ state: 'open' }),
      sort: (jobs: typeof plain) => jobs.find({}, { sort: { at: 1 }, limit: 10 }).toArray(),
      distinct: (jobs: typeof plain) => jobs.distinct('state'),
      put: (jobs: typeof plain) => jobs.put('job-5', { state: 'shut', at: 5, body: body() }),
    }
    for (const [name, operation] of Object.entries(operations)) {
      const p50 = async (jobs: typeof plain) => quantile((await measure(() => operation(jobs), 1, 200)).latencies, 0.5)
      const ratios: number[] = []
      for (let round = 0; round < rounds; round += 1) ratios.push((await p50(plain)) / (await p50(own)))
      metrics[`${name}_${sizeBytes}`] = rounded(median(ratios), 2)
      report(`${name} of ${sizeBytes} bytes: ${metrics[`${name}_${sizeBytes}`]}`)
    }
  }
  return { metrics, notes: [`PostgreSQL, default durability, one caller, ${rows} documents`] }
}
