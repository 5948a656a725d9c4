import { setTimeout as delay } from 'node:timers/promises'
import type { Log, Scope } from '@holdfast/persistence'
import { jobKind, type JobKind } from './job-kind.js'

export interface ZombieNews {
  readonly ready?: true
  readonly began?: number
  readonly finished?: number
  readonly aborted?: string
}

export function zombieEffects(scope: Scope): Log<{ readonly attempt: number }> {
  return scope.log('zombie-effects')
}

/** The first attempt takes its time, and does not heed its signal. */
export function zombieKind(tell: (news: ZombieNews) => void): JobKind<null, { attempt: number }> {
  return jobKind({
    name: 'zombie',
    run: async (_: null, { attempt, report, signal }) => {
      signal.addEventListener('abort', () => tell({ aborted: (signal.reason as { reason: string }).reason }))
      report({ stage: `attempt ${attempt}` })
      tell({ began: attempt })
      if (attempt === 1) for (let step = 0; step < 60; step += 1) await delay(20)
      report({ stage: `end of attempt ${attempt}` })
      tell({ finished: attempt })
      return { attempt }
    },
    record: async (tx, { job }) => {
      await zombieEffects(tx).append(job.id, [{ data: { attempt: job.attempt } }])
    },
  })
}
