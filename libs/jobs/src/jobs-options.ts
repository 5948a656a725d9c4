import type { Prices } from './cost.js'
import type { Job } from './job.js'
import type { JobKind } from './job-kind.js'

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
  /** Told of each job that this process ended or answered from the cache, once it is stored; without what is kept in blobs. For metrics. */
  readonly onEnd?: (job: Job) => void
}
