import { invalidField } from '@holdfast/errors'
import type { Blob, BlobHead, Scope, TenantStore } from '@holdfast/persistence'
import type { Job, JobProgress } from './job.js'
import type { JobModel, JobUsage } from './job-model.js'
import type { Artifact } from './lineage/artifact.js'

export interface OutputOptions {
  /** What it is to the job: `audio`, `image`. */
  readonly role: string
  readonly contentType: string
  /** File name, without folders. */
  readonly name?: string
  /** Goes in front of the content, and is known later than that. */
  readonly head?: BlobHead
}

/** What the work on a job has at hand. */
export interface JobContext {
  readonly id: string
  readonly kind: string
  readonly tenant: string
  /** From 1; no two attempts of a job have the same. */
  readonly attempt: number
  /** Aborts when the job is cancelled, its deadline or time limit has passed, the lease is lost, or the process stops. Work that goes on
   *  after it is thrown away. */
  readonly signal: AbortSignal
  readonly deadline?: Date
  /** Ids of the artifacts that the job is made from. */
  readonly inputs: readonly string[]
  /** The tenant's documents, logs and blobs. */
  readonly store: TenantStore
  /** Tells those who watch; carried to the log in the background, and dropped when the lease is lost. Of progress that comes faster than it
   *  can be stored, the last remains. */
  report(this: void, progress: JobProgress): void
  /** A part of the result while the rest is being made, for those who watch; JSON. None is dropped. */
  put(this: void, data: unknown): void
  /** Stores bytes as one of the job's outputs. They belong to it when it succeeds; else nothing keeps them. */
  addOutput(this: void, content: Uint8Array | AsyncIterable<Uint8Array>, options: OutputOptions): Promise<Artifact>
  /** The same for bytes that are stored already. */
  linkOutput(this: void, blob: Pick<Blob, 'hash' | 'sizeBytes'>, options: OutputOptions): Artifact
  /** Keeps bytes that came within the input, a text, as an artifact of their own, from which what the job makes is made. */
  addInput(this: void, content: Uint8Array, options: Omit<OutputOptions, 'head'>): Promise<Artifact>
  /** The same for an artifact or a message (`CONVERSATION/SEQ`) that is there. Unlike `inputs` of the job it is not what its result follows from. */
  linkInput(this: void, id: string): void
  /** Adds to what the job has used so far. */
  usage(this: void, used: JobUsage): void
}

export interface BackoffOptions {
  /** Before the second attempt; default 500. Doubles with each one; each wait is drawn between half of it and all. */
  readonly baseMs?: number
  /** Default 60,000. */
  readonly maxMs?: number
}

export interface JobKindOptions<Input, Output> {
  /** 1 to 64 lower-case letters, digits, hyphens. */
  readonly name: string
  /** Does the work of one attempt. What it throws ends the attempt: UNAVAILABLE, ABORTED and RESOURCE_EXHAUSTED with a retry hint are tried
   *  again, all else fails the job. */
  run(this: void, input: Input, context: JobContext): Promise<Output> | Output
  /** Who works on this input. Asked once, when the job is submitted. */
  model?(this: void, input: Input): JobModel | undefined
  /** What the result follows from besides the model and the artifacts that the job is made from; equal JSON answers equal jobs from what the
   *  first one made. Default and `undefined`: not cached. */
  cache?(this: void, input: Input): unknown
  /** What lineage says of how outputs were made; default: what `cache` returns. */
  parameters?(this: void, input: Input): unknown
  /** The output itself is an artifact under this role: `transcript`. Default: only what `addOutput` stored. */
  readonly outputRole?: string
  /** Writes what else has to be there when, and only when, the job has succeeded, in the transaction that ends it. May run more than once. */
  record?(this: void, tx: Scope, done: { readonly job: Job<Input, Output>; readonly output: Output }): Promise<void>
  /** Where the submitter waits (`run`), the first attempt begins while the job is being stored: for work without effects but what it hands to its
   *  context, since it was for nothing if the job cannot be stored, or was submitted before with its key. Nothing of it is told or kept before.
   *  Default false. */
  readonly startsEarly?: boolean
  /** Attempts that may fail or die, 1 to 20; default 3. */
  readonly maxAttempts?: number
  readonly backoff?: BackoffOptions
  /** Of one attempt; then the job fails with DEADLINE_EXCEEDED. Default: none. */
  readonly timeoutMs?: number
  /** Attempts at once, over all processes. Default: only the number of workers limits. */
  readonly concurrency?: { readonly perModel?: number; readonly perTenant?: number }
}

export interface JobKind<Input = unknown, Output = unknown> extends JobKindOptions<Input, Output> {
  readonly maxAttempts: number
  readonly backoff: Required<BackoffOptions>
}

/** @throws INVALID_ARGUMENT naming the option at fault */
export function jobKind<Input, Output>(options: JobKindOptions<Input, Output>): JobKind<Input, Output> {
  const { name, run, maxAttempts = 3, backoff = {}, timeoutMs, concurrency = {} } = options
  if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(name)) {
    throw invalidField('name', 'must be 1 to 64 lower-case letters, digits and hyphens')
  }
  if (typeof run !== 'function') throw invalidField('run', 'must be a function')
  const { baseMs = 500, maxMs = 60_000 } = backoff
  checkCount(maxAttempts, 'maxAttempts', 20)
  checkCount(baseMs, 'backoff.baseMs')
  checkCount(maxMs, 'backoff.maxMs')
  if (timeoutMs !== undefined) checkCount(timeoutMs, 'timeoutMs')
  if (concurrency.perModel !== undefined) checkCount(concurrency.perModel, 'concurrency.perModel', 1_000)
  if (concurrency.perTenant !== undefined) checkCount(concurrency.perTenant, 'concurrency.perTenant', 1_000)
  return { ...options, maxAttempts, backoff: { baseMs, maxMs } }
}

export function checkCount(value: unknown, field: string, most: number = Number.MAX_SAFE_INTEGER): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 && value <= most) return value
  throw invalidField(field, `must be an integer from 1${most === Number.MAX_SAFE_INTEGER ? '' : ` to ${most}`}`)
}
