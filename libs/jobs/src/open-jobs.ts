import type { DocumentStore } from '@holdfast/persistence'
import { invalidField } from '@holdfast/errors'
import { checkPrices, type Prices } from './cost.js'
import { checkCount, type JobKind } from './job-kind.js'
import type { Jobs } from './jobs.js'
import { StoredJobs } from './stored-jobs.js'

export interface JobsOptions {
  /** Which jobs this process knows: those it runs, and can submit. */
  readonly kinds: readonly JobKind[]
  /** Attempts at once in this process; default 2. 0: it submits and asks, and others do the work. */
  readonly workers?: number
  /** How long a process that is not heard of keeps its jobs, in milliseconds; default 15,000, at least 300. Renewed three times within. */
  readonly leaseMs?: number
  /** Between two looks for jobs that no news came of; default 1,000. */
  readonly pollMs?: number
  /** What running attempts may take when this process stops; default 10,000. */
  readonly drainMs?: number
  /** How long work may take to heed its signal before it counts as not stopped; default 150. */
  readonly stopMs?: number
  /** How long ended jobs, their events and cached results are kept; default 30 days. Artifacts stay. */
  readonly retainMs?: number
  /** Jobs of one tenant that may wait; default 10,000. Counted every quarter of a second in each process. */
  readonly maxQueued?: number
  readonly prices?: Prices
}

/** @throws INVALID_ARGUMENT naming the option at fault */
export async function openJobs(store: DocumentStore, options: JobsOptions): Promise<Jobs> {
  const {
    kinds,
    workers = 2,
    leaseMs = 15_000,
    pollMs = 1_000,
    drainMs = 10_000,
    stopMs = 150,
    retainMs = 30 * 24 * 3_600_000,
    maxQueued = 10_000,
    prices = {},
  } = options
  if (!Number.isSafeInteger(workers) || workers < 0 || workers > 1_000) {
    throw invalidField('workers', 'must be an integer from 0 to 1000')
  }
  for (const [field, value] of Object.entries({ leaseMs, pollMs, stopMs, retainMs, maxQueued })) {
    checkCount(value, field)
  }
  if (drainMs !== 0) checkCount(drainMs, 'drainMs')
  if (leaseMs < 300) throw invalidField('leaseMs', 'must be at least 300')
  checkPrices(prices)
  const names = new Map(kinds.map((kind) => [kind.name, kind]))
  if (names.size < kinds.length) throw invalidField('kinds', 'must have different names')
  const jobs = new StoredJobs(store, names, { workers, leaseMs, pollMs, drainMs, stopMs, retainMs, maxQueued, prices })
  await jobs.start()
  return jobs
}
