import { setTimeout as delay } from 'node:timers/promises'
import { HoldfastError } from '@holdfast/errors'
import { type JobKind, jobKind } from '@holdfast/jobs'
import type { Log, Scope } from '@holdfast/persistence'

export interface WorkInput {
  readonly n: number
  readonly ms: number
  /** The first attempt fails and is worth another. */
  readonly stumbles: boolean
}

export interface WorkerSettings {
  /** Of the store. */
  readonly url: string
  readonly workers: number
  /** Jobs that the worker submits itself, where no other process can. */
  readonly submits?: number
  readonly seed: number
}

export type WorkerMessage =
  | { readonly kind: 'ready' }
  /** A model was at work on the job and stopped, at this time of the machine's clock. */
  | { readonly kind: 'stopped'; readonly id: string; readonly at: number }
  | { readonly kind: 'began'; readonly id: string }
  | { readonly kind: 'ended' }
  /** All jobs that the worker submitted have ended. */
  | { readonly kind: 'done' }

/** Short, so that jobs of killed processes come back soon. */
export const leaseMs = 1_500

/** What jobs did, counted: a stream for each, an entry for each time. */
export function effectsOf(scope: Scope): Log<{ readonly attempt: number }> {
  return scope.log('job-effects')
}

export interface Kinds {
  readonly work: JobKind<WorkInput, { readonly n: number }>
  readonly endless: JobKind<null, never>
}

export function kindsFor(tell: (message: WorkerMessage) => void): Kinds {
  const work = jobKind({
    name: 'work',
    maxAttempts: 20,
    backoff: { baseMs: 20, maxMs: 100 },
    run: async (input: WorkInput, { attempt, report, signal }) => {
      for (let step = 1; step <= 4; step += 1) {
        await delay(input.ms / 4, undefined, { signal })
        if (input.n % 3 === 0) report({ fraction: step / 4 })
      }
      if (input.stumbles && attempt === 1) throw new HoldfastError('UNAVAILABLE', 'The first attempt stumbles')
      return { n: input.n }
    },
    // In the transaction of the end, and without a key: whatever ends twice is seen twice.
    record: async (tx, { job }) => {
      await effectsOf(tx).append(job.id, [{ data: { attempt: job.attempt } }])
      tell({ kind: 'ended' })
    },
  })
  const endless = jobKind({
    name: 'endless',
    maxAttempts: 20,
    run: async (_: null, { id, signal }): Promise<never> => {
      tell({ kind: 'began', id })
      try {
        return await delay(600_000, undefined as never, { signal })
      } finally {
        tell({ kind: 'stopped', id, at: Date.now() })
      }
    },
  })
  return { work, endless }
}

export function inputOf(n: number, random: () => number): WorkInput {
  return { n, ms: 4 + Math.round(random() * 150), stumbles: n % 10 === 0 }
}
