import type { ErrorCode } from '@holdfast/errors'
import type { JobCost, JobModel, JobUsage } from './job-model.js'
import type { Artifact } from './lineage/artifact.js'

export const jobStates = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const
export type JobState = (typeof jobStates)[number]

/** A failure as it is stored; what callers branch on is `code`, then `reason`. */
export interface JobError {
  readonly code: ErrorCode
  readonly message: string
  readonly reason: string
  readonly fields?: readonly { readonly field: string; readonly description: string }[]
}

export interface JobProgress {
  /** 0 to 1; absent: nobody can say. */
  readonly fraction?: number
  /** What is being done: `decoding`, `transcribing`. */
  readonly stage?: string
  /** What else there is to say; JSON. */
  readonly detail?: unknown
}

export interface Job<Input = unknown, Output = unknown> {
  readonly id: string
  readonly tenant: string
  readonly kind: string
  readonly state: JobState
  /** The attempt that is under way or was the last; 0: none has begun. */
  readonly attempt: number
  readonly maxAttempts: number
  readonly createdAt: Date
  /** Of the last attempt. */
  readonly startedAt?: Date
  readonly endedAt?: Date
  readonly deadline?: Date
  /** The last that was reported. Only in what `get` answers. */
  readonly progress?: JobProgress
  /** Of a failed job, or of the last attempt of one that is to be tried again. */
  readonly error?: JobError
  readonly model?: JobModel
  /** The output was there already: the same model, version, inputs and parameters. */
  readonly fromCache: boolean
  readonly input: Input
  /** Of a succeeded job. Absent in listings, as is `input`, when it is larger than 64 KiB. */
  readonly output?: Output
  /** Ids of the artifacts that it is made from. */
  readonly inputs: readonly string[]
  /** What it made, in the order in which it was made. */
  readonly outputs: readonly Artifact[]
  readonly usage?: JobUsage
  /** Absent without a price for the model. */
  readonly cost?: JobCost
  /** Sorted. */
  readonly labels: readonly string[]
  /** `cancel` was called and the job has not ended yet. */
  readonly cancelRequested: boolean
  /** Of a cancelled job: whether the computation ended with it. False: it went on, and what it computed is thrown away. Absent: none
   *  was under way. */
  readonly stopped?: boolean
}

export type JobEventBody =
  | { readonly type: 'queued' }
  /** What an earlier attempt put out is void. */
  | { readonly type: 'started'; readonly attempt: number }
  | ({ readonly type: 'progress' } & JobProgress)
  /** Part of the result while the rest is being made. */
  | { readonly type: 'output'; readonly artifact?: Artifact; readonly data?: unknown }
  /** `attempt` is the one to come, in `delayMs` at the earliest. Without an error: its process stopped and gave it back. */
  | { readonly type: 'retrying'; readonly error?: JobError; readonly attempt: number; readonly delayMs: number }
  | { readonly type: 'succeeded'; readonly fromCache: boolean }
  | { readonly type: 'failed'; readonly error: JobError }
  | { readonly type: 'cancelled'; readonly stopped?: boolean }

/** `seq` is the cursor: pass it as `after` to go on behind the event. It grows by one within a job. */
export type JobEvent = JobEventBody & { readonly seq: number; readonly at: Date }

export interface JobPage {
  readonly items: readonly Job[]
  /** Pass as `cursor` for the next page; absent on the last one. */
  readonly next?: string
}
