import type { HoldfastError } from '@holdfast/errors'
import type { ClaimedDocument } from '@holdfast/persistence'
import type { DatabaseClock } from './clock.js'
import type { Prices } from './cost.js'
import type { Endings } from './ending.js'
import type { JobDocument, JobRecord } from './record.js'
import type { StoredJson } from './stored-json.js'

/** What attempts have of the jobs that they belong to. */
export interface AttemptHome {
  /** This process among all holders. */
  readonly holder: string
  readonly clock: DatabaseClock
  readonly endings: Endings
  readonly prices: Prices
  readonly retainMs: number
  readonly leaseMs: number
  /** How long work may take to heed its signal. */
  readonly stopMs: number
  /** Attempts of this process by what they would have as a result. */
  readonly inFlight: Map<string, Promise<unknown>>
}

export interface AttemptBeginning {
  readonly lease?: ClaimedDocument<JobRecord>['lease'] | undefined
  readonly stored?: Promise<unknown> | undefined
}

/** How an attempt ended: with the job as it is now, or `undefined` if it is another's. */
export interface AttemptEnd {
  readonly job: JobDocument | undefined
  /** Of a job that succeeded here: what `run` answered. */
  readonly value?: unknown
}

/** What an attempt came to, before that is recorded. */
export type Outcome =
  | { readonly kind: 'succeeded'; readonly output: StoredJson; readonly value: unknown }
  | { readonly kind: 'cached'; readonly from: JobDocument }
  | { readonly kind: 'failed'; readonly error: HoldfastError }
  | { readonly kind: 'cancelled'; readonly stopped?: boolean }
  | { readonly kind: 'released' }
