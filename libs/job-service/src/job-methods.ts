import { HoldfastError, invalidField } from '@holdfast/errors'
import type { Job, JobEvent, JobState, Jobs } from '@holdfast/jobs'
import { jobs as wire } from '@holdfast/protocol'
import { type CallContext, linkedSignal } from '@holdfast/server'
import { jobEventToWire, jobToWire } from './wire-messages.js'

export interface JobMethodsOptions<JobMessage> {
  readonly jobs: Jobs
  /** Name of the kind: others' jobs are not found here. */
  readonly kind: string
  /** The service's own message of a job: `job` with the typed result, if `stored` has succeeded and is not `isListed`. */
  readonly message: (job: wire.Job, stored: Job, isListed: boolean) => JobMessage
}

interface JobRequest {
  readonly jobId: string
}

interface ListRequest {
  readonly pageSize: number
  readonly pageToken: string
  readonly filter: wire.JobFilter | undefined
}

/** Get, Watch, Cancel, List and Retry as the services of media serve them; Submit is each one's own. */
export interface JobMethods<JobMessage> {
  get(request: JobRequest, context: CallContext): Promise<{ job: JobMessage }>
  watch(
    request: JobRequest & { readonly after: number },
    context: CallContext,
  ): AsyncIterable<{ event: wire.JobEvent; job: JobMessage | undefined }>
  cancel(request: JobRequest, context: CallContext): Promise<{ job: JobMessage }>
  list(request: ListRequest, context: CallContext): Promise<{ jobs: JobMessage[]; nextPageToken: string }>
  retry(request: JobRequest, context: CallContext): Promise<{ job: JobMessage }>
}

export function jobMethods<JobMessage>(options: JobMethodsOptions<JobMessage>): JobMethods<JobMessage> {
  const { jobs, kind } = options
  const message = (job: Job, isListed = false): JobMessage =>
    options.message(jobToWire(job, { isListed, hasTypedOutput: true }), job, isListed)

  async function ours(jobId: string, context: CallContext): Promise<Job> {
    if (jobId === '') throw invalidField('job_id', 'is empty: name the job')
    context.annotate({ jobId })
    const job = await jobs.get(jobId)
    if (job.kind !== kind) {
      throw new HoldfastError('NOT_FOUND', `There is no job ${jobId} here: it is one of ${job.kind}`, {
        reason: 'JOB_NOT_FOUND',
      })
    }
    return job
  }

  return {
    async get({ jobId }, context) {
      return { job: message(await ours(jobId, context)) }
    },

    async *watch({ jobId, after }, context) {
      await ours(jobId, context)
      const { stopping } = context
      // The watcher goes on at another process.
      using until = linkedSignal([context.signal, stopping])
      // An end is the last event only if none follows: a job that was retried goes on after it.
      let end: JobEvent | undefined
      for await (const event of jobs.watch(jobId, { after, signal: until.signal })) {
        if (end !== undefined) yield { event: jobEventToWire(end), job: undefined }
        end = endings.has(event.type) ? event : undefined
        if (end === undefined) yield { event: jobEventToWire(event), job: undefined }
      }
      if (end !== undefined) yield { event: jobEventToWire(end), job: message(await jobs.get(jobId)) }
      until.signal.throwIfAborted()
      if (end === undefined) {
        const text = `The events of job ${jobId} end before the cursor ${after}: watch it from 0`
        throw new HoldfastError('OUT_OF_RANGE', text, {
          fields: [{ field: 'after', description: 'is beyond the end' }],
        })
      }
    },

    async cancel({ jobId }, context) {
      await ours(jobId, context)
      return { job: message(await jobs.cancel(jobId)) }
    },

    async list({ pageSize, pageToken, filter }, context) {
      if (pageSize < 0) throw invalidField('page_size', `is ${pageSize}: must be 0 or more`)
      context.annotate({ kind })
      const states = (filter?.states ?? []).map(stateOf)
      const page = await jobs.list({
        signal: context.signal,
        kind,
        limit: Math.min(1000, pageSize === 0 ? 50 : pageSize),
        ...(pageToken === '' ? {} : { cursor: pageToken }),
        ...(states.length === 0 ? {} : { state: states }),
        ...(filter === undefined || filter.label === '' ? {} : { label: filter.label }),
      })
      return { jobs: page.items.map((job) => message(job, true)), nextPageToken: page.next ?? '' }
    },

    async retry({ jobId }, context) {
      await ours(jobId, context)
      return { job: message(await jobs.retry(jobId)) }
    },
  }
}

const endings: ReadonlySet<string> = new Set(['succeeded', 'failed', 'cancelled'])

const stateNames: ReadonlyMap<number, JobState> = new Map([
  [wire.JobState.QUEUED, 'queued'],
  [wire.JobState.RUNNING, 'running'],
  [wire.JobState.SUCCEEDED, 'succeeded'],
  [wire.JobState.FAILED, 'failed'],
  [wire.JobState.CANCELLED, 'cancelled'],
])

function stateOf(state: wire.JobState, place: number): JobState {
  const name = stateNames.get(state)
  if (name === undefined) throw invalidField(`filter.states[${place}]`, `is ${state}: there is no such state`)
  return name
}
