import { HoldfastError } from '@holdfast/errors'
import { jobCancelled } from './failures.js'
import type { Job } from './job.js'
import { asError } from './record.js'

/** What a succeeded job made. @throws the failure of a failed one; CANCELLED; FAILED_PRECONDITION if it has not ended */
export function outputOf<Output>(job: Job<unknown, Output>): Output {
  switch (job.state) {
    case 'succeeded':
      return job.output as Output
    case 'failed':
      if (job.error !== undefined) throw asError(job.error)
      throw new HoldfastError('UNKNOWN', `Job ${job.id} failed, and no error was recorded`)
    case 'cancelled':
      throw jobCancelled(job.id)
    case 'queued':
    case 'running':
      throw new HoldfastError('FAILED_PRECONDITION', `Job ${job.id} is ${job.state}: wait for its end`, {
        reason: 'JOB_NOT_OVER',
      })
  }
}
