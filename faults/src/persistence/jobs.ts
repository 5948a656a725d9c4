import type { Collection, Scope } from '@holdfast/persistence'

export interface Job {
  readonly state: 'open' | 'done'
  readonly at: number
  readonly attempts: number
  readonly completed: number
}

export interface WorkerSettings {
  /** Of the store. */
  readonly url: string
  /** In one process. */
  readonly workers: number
}

export const leaseMs = 1_000

export function jobsOf(scope: Scope): Collection<Job> {
  return scope.collection<Job>('jobs', { indexes: [{ on: ['state', 'at'] }] })
}
