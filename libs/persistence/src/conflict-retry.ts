import { HoldfastError } from '@holdfast/errors'

export interface ConflictRetryOptions {
  /** Runs of the work at most; default 10. */
  readonly maxAttempts?: number
}

/** Runs work again when it lost against a concurrent transaction (ABORTED, reason TRANSACTION_CONFLICT: nothing of it remains),
 *  after a random wait that doubles from 2 ms to at most 200 ms. The last failure is thrown as it is. */
export async function retryConflicts<R>(work: () => Promise<R>, options: ConflictRetryOptions = {}): Promise<R> {
  const { maxAttempts = 10 } = options
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (attempt >= maxAttempts || !isConflict(error)) throw error
      await wait(Math.random() * Math.min(200, 2 ** attempt))
    }
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === 'ABORTED' && error.reason === 'TRANSACTION_CONFLICT'
}

export function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
