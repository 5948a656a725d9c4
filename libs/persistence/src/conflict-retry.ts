import { HoldfastError } from '@holdfast/errors'

/** Whichever ends first. */
export interface ConflictRetryOptions {
  /** Runs of the work at most; default 10. */
  readonly maxAttempts?: number
  /** No further run begins after so many milliseconds; default 30,000. */
  readonly timeoutMs?: number
}

export const defaultMaxAttempts = 10
export const defaultTimeoutMs = 30_000

/** Runs work again when it lost against a concurrent transaction (ABORTED, reason TRANSACTION_CONFLICT: nothing of it remains),
 *  after a random wait that doubles from 2 ms to at most 200 ms. When the budget is spent: ABORTED with the number of runs, and
 *  the last conflict as its cause. */
export async function retryConflicts<R>(work: () => Promise<R>, options: ConflictRetryOptions = {}): Promise<R> {
  const { maxAttempts = defaultMaxAttempts, timeoutMs = defaultTimeoutMs } = options
  const started = performance.now()
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (!isConflict(error)) throw error
      const pauseMs = Math.random() * Math.min(200, 2 ** attempt)
      const elapsedMs = performance.now() - started
      if (attempt >= maxAttempts || elapsedMs + pauseMs > timeoutMs) throw exhausted(attempt, elapsedMs, error)
      await wait(pauseMs)
    }
  }
}

function isConflict(error: unknown): error is HoldfastError {
  return error instanceof HoldfastError && error.code === 'ABORTED' && error.reason === 'TRANSACTION_CONFLICT'
}

function exhausted(attempts: number, elapsedMs: number, cause: HoldfastError): HoldfastError {
  return new HoldfastError(
    'ABORTED',
    `Lost against concurrent transactions ${attempts} ${attempts === 1 ? 'time' : 'times'} in ${Math.round(elapsedMs)} ms, and nothing was written: try again later, allow more with maxAttempts and timeoutMs, or let fewer write the same`,
    { reason: 'TRANSACTION_CONFLICT', metadata: { ...cause.metadata, attempts: String(attempts) }, cause },
  )
}

export function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
