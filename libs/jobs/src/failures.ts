import { HoldfastError } from '@holdfast/errors'

export function jobNotFound(id: string): HoldfastError {
  return new HoldfastError(
    'NOT_FOUND',
    `There is no job ${id}: it was never submitted, or its time of retention is over`,
    {
      reason: 'JOB_NOT_FOUND',
    },
  )
}

export function leaseLost(id: string): HoldfastError {
  return new HoldfastError('ABORTED', `Job ${id} was taken over by another attempt: drop what this one made`, {
    reason: 'LEASE_LOST',
  })
}

export function deadlineExceeded(id: string): HoldfastError {
  return new HoldfastError(
    'DEADLINE_EXCEEDED',
    `Job ${id} did not end before its deadline: allow more, or ask for less`,
    {
      reason: 'JOB_DEADLINE',
    },
  )
}

export function timedOut(id: string, timeoutMs: number): HoldfastError {
  return new HoldfastError(
    'DEADLINE_EXCEEDED',
    `An attempt of job ${id} took longer than ${timeoutMs} ms: ask for less`,
    {
      reason: 'JOB_TIMEOUT',
    },
  )
}

/** Every process that tried died, or was not heard of until its lease had run out. */
export function attemptsExhausted(id: string, attempts: number): HoldfastError {
  return new HoldfastError(
    'UNAVAILABLE',
    `Job ${id} was begun ${attempts} times and its process ended each time before it did: find out why, then retry it`,
    { reason: 'ATTEMPTS_EXHAUSTED' },
  )
}

export function jobCancelled(id: string): HoldfastError {
  return new HoldfastError('CANCELLED', `Job ${id} was cancelled`, { reason: 'JOB_CANCELLED' })
}

export function stopping(id: string): HoldfastError {
  return new HoldfastError('UNAVAILABLE', `The process that ran job ${id} stops: another one takes it`, {
    reason: 'WORKER_STOPPING',
  })
}

/** Nobody is told that nothing was done when something may have been. */
export function isOutage(error: unknown): boolean {
  return error instanceof HoldfastError && (error.code === 'UNAVAILABLE' || error.code === 'UNKNOWN')
}

export function isAborted(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === 'ABORTED'
}

/** Worth another attempt. RESOURCE_EXHAUSTED only if it says when: a quota that is used up is not there again in a second. */
export function isRetryable({ code, retryAfterMs }: HoldfastError): boolean {
  return code === 'UNAVAILABLE' || code === 'ABORTED' || (code === 'RESOURCE_EXHAUSTED' && retryAfterMs !== undefined)
}
