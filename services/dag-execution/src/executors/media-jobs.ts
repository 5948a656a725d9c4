import { HoldfastError, errorCodes, type ErrorCode } from '@holdfast/errors'
import { jobs } from '@holdfast/protocol'
import type { NodeCall } from './node-executor.js'

/** What the clients of all four media services have alike. */
export interface JobClient<J extends MediaJob> {
  watch(
    request: { readonly jobId: string },
    options: { readonly signal: AbortSignal; readonly deadlineMs?: number },
  ): AsyncIterable<{ readonly event: jobs.JobEvent | undefined; readonly job: J | undefined }>
  cancel(request: { readonly jobId: string }, options: { readonly deadlineMs: number }): Promise<unknown>
}

interface MediaJob {
  readonly job: jobs.Job | undefined
}

const { JobState } = jobs

/** Follows a job to its end, tells its progress, and cancels it when the call is aborted.
 *  @throws what the job failed with; CANCELLED */
export async function finishJob<J extends MediaJob>(
  client: JobClient<J>,
  submitted: J | undefined,
  call: NodeCall,
): Promise<J> {
  const jobId = submitted?.job?.id ?? ''
  if (submitted === undefined || jobId === '') throw unexpected(call.type)
  if (hasEnded(submitted.job)) return succeeded(submitted, call.type)
  const cancel = () => void client.cancel({ jobId }, { deadlineMs: 5_000 }).catch(() => undefined)
  call.signal.addEventListener('abort', cancel, { once: true })
  try {
    for await (const { event, job } of client.watch({ jobId }, { signal: call.signal })) {
      if (event?.event?.$case === 'progress') call.report(progressOf(event.event.value))
      if (job !== undefined && hasEnded(job.job)) return succeeded(job, call.type)
    }
  } finally {
    call.signal.removeEventListener('abort', cancel)
  }
  throw unexpected(call.type)
}

/** An artifact as the source of media. */
export function artifactMedia(id: string): jobs.Media {
  return { source: { $case: 'artifactId', value: id }, contentType: '', name: '' }
}

export function jobOptions({ key, run, deadline }: NodeCall): Partial<jobs.JobOptions> {
  const deadlineMs = deadline === undefined ? 0 : Math.max(1, deadline.getTime() - Date.now())
  // The node tries again by itself, as its graph says.
  return { key, deadlineMs, labels: [`dag:${run}`], maxAttempts: 1 }
}

function progressOf({ fraction, stage }: jobs.JobProgress): { readonly stage: string; readonly fraction?: number } {
  return { stage, ...(fraction === undefined ? {} : { fraction }) }
}

function hasEnded(job: jobs.Job | undefined): boolean {
  return job?.state === JobState.SUCCEEDED || job?.state === JobState.FAILED || job?.state === JobState.CANCELLED
}

function succeeded<J extends MediaJob>(done: J, type: string): J {
  const { state, error } = done.job ?? {}
  if (state === JobState.SUCCEEDED) return done
  if (state === JobState.CANCELLED) throw new HoldfastError('CANCELLED', `The job of ${type} was cancelled`)
  const { code = '', message = 'The job failed', reason = '' } = error ?? {}
  throw new HoldfastError(codeNamed(code), message, reason === '' ? {} : { reason })
}

function codeNamed(name: string): ErrorCode {
  return errorCodes.find((code) => code === name) ?? 'UNKNOWN'
}

function unexpected(type: string): HoldfastError {
  return new HoldfastError('INTERNAL', `The service of ${type} answered without a job: it is not of this contract`)
}
