import type { ErasureReport } from '@holdfast/persistence'
import type { Job, JobEvent, JobPage, JobState } from './job.js'
import type { JobKind } from './job-kind.js'
import type { SubmitOptions } from './submission.js'

export interface OfTenant {
  /** Default `default`. */
  readonly tenant?: string
}

export interface WaitOptions extends OfTenant {
  /** Ends the waiting with CANCELLED, not the job. */
  readonly signal?: AbortSignal
}

export interface WatchOptions extends WaitOptions {
  /** Events behind this cursor; default 0: all. */
  readonly after?: number
}

export interface CancelOptions extends OfTenant {
  /** How long to wait for the job to end; default 1,000 milliseconds. 0: do not wait. */
  readonly waitMs?: number
}

export interface ListOptions extends OfTenant {
  /** Gives up what the database has not begun, and ends what it can, when it aborts; its reason is thrown. */
  readonly signal?: AbortSignal
  readonly kind?: string | readonly string[]
  readonly state?: JobState | readonly JobState[]
  readonly label?: string
  /** 1 to 1,000; default 100. */
  readonly limit?: number
  /** From the page before. */
  readonly cursor?: string
}

/** Jobs that have not ended, over all processes and tenants. */
export interface OpenJobs {
  readonly kind: string
  readonly queued: number
  readonly running: number
}

export interface JobsHealth {
  /** `failing`: the last look for jobs failed. */
  readonly state: 'ok' | 'stopping' | 'failing'
  /** Attempts that this process may make at once, and makes now. */
  readonly workers: number
  readonly running: number
  readonly error?: string
}

/** Work that outlives calls and processes. What is submitted is stored before it is answered; every job is run by one process at a time,
 *  by another if that one dies, and its end is recorded once. */
export interface Jobs extends AsyncDisposable {
  /** Stores a job and answers; it begins at once if this process has a place for it.
   *  @throws ALREADY_EXISTS (KEY_REUSED) if the key was used with another input; INVALID_ARGUMENT; NOT_FOUND naming an input that
   *  there is not; RESOURCE_EXHAUSTED (QUEUE_FULL) if too many jobs of the tenant wait */
  submit<Input, Output>(
    kind: JobKind<Input, Output>,
    input: Input,
    options?: SubmitOptions,
  ): Promise<Job<Input, Output>>
  /** Submits a job and waits for its end, with as few round trips as it takes. `outputOf` makes an error of a failed one. */
  run<Input, Output>(
    kind: JobKind<Input, Output>,
    input: Input,
    options?: SubmitOptions & { readonly signal?: AbortSignal },
  ): Promise<Job<Input, Output>>
  /** @throws NOT_FOUND */
  get(id: string, options?: OfTenant): Promise<Job>
  /** The job when it has ended. @throws NOT_FOUND; CANCELLED when the signal aborts */
  wait(id: string, options?: WaitOptions): Promise<Job>
  /** What happened to the job, then what happens, until it has ended or the signal aborts (quietly). @throws NOT_FOUND */
  watch(id: string, options?: WatchOptions): AsyncIterable<JobEvent>
  /** A queued job ends at once. A running one is told to, at whichever process it runs; answered is the job as it is after `waitMs` at most.
   *  Once ended, `stopped` says whether its computation ended with it. An ended job is answered as it is. @throws NOT_FOUND */
  cancel(id: string, options?: CancelOptions): Promise<Job>
  /** Newest first, without progress. */
  list(options?: ListOptions): Promise<JobPage>
  /** Queues a failed or cancelled job again, with all its attempts and without a deadline.
   *  @throws NOT_FOUND; FAILED_PRECONDITION (JOB_NOT_OVER, JOB_SUCCEEDED) */
  retry(id: string, options?: OfTenant): Promise<Job>
  /** Cancels what runs of the tenant here and deletes all that the tenant has, jobs or not: `store.tenant(id).eraseTenant()`, and what names it
   *  among all tenants. Stop other processes' submissions before. */
  eraseTenant(tenant: string): Promise<ErasureReport>
  health(): JobsHealth
  /** Of each kind that this process knows. */
  open(): Promise<OpenJobs[]>
  /** Takes no more jobs, gives what runs `drainMs`, and the rest back for other processes, which take it at once. */
  close(): Promise<void>
}
