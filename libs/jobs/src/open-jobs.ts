import type { DocumentStore } from '@holdfast/persistence'
import { invalidField } from '@holdfast/errors'
import { checkPrices } from './cost.js'
import { checkCount } from './job-kind.js'
import type { Jobs } from './jobs.js'
import type { JobsOptions } from './jobs-options.js'
import { StoredJobs } from './stored-jobs.js'

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
    onEnd,
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
  const known = {
    workers,
    leaseMs,
    pollMs,
    drainMs,
    stopMs,
    retainMs,
    maxQueued,
    prices,
    ...(onEnd === undefined ? {} : { onEnd }),
  }
  const jobs = new StoredJobs(store, names, known)
  await jobs.start()
  return jobs
}
