import { HoldfastError, errorCodes, type ErrorCode } from '@holdfast/errors'
import { jobs } from '@holdfast/protocol'
import type { CommandContext } from '../command-context.js'
import { startProgress } from '../progress.js'

/** A service's own message of a job. */
export interface JobMessage {
  readonly job: jobs.Job | undefined
}

export interface WatchedEvent<Message extends JobMessage> {
  readonly event: jobs.JobEvent | undefined
  readonly job: Message | undefined
}

/** What the clients of all services of media have in common. */
export interface JobClient<Message extends JobMessage> {
  get(request: { readonly jobId: string }): Promise<{ readonly job: Message | undefined }>
  watch(
    request: { readonly jobId: string; readonly after?: number },
    options?: { readonly signal?: AbortSignal },
  ): AsyncIterable<WatchedEvent<Message>>
  cancel(request: { readonly jobId: string }): Promise<{ readonly job: Message | undefined }>
  retry(request: { readonly jobId: string }): Promise<{ readonly job: Message | undefined }>
  list(request: ListRequest): Promise<{ readonly jobs: readonly Message[]; readonly nextPageToken: string }>
}

export interface ListRequest {
  readonly pageSize: number
  readonly pageToken: string
  readonly filter: { readonly states: jobs.JobState[]; readonly label: string }
}

/** Watches a job that was submitted until it has ended, with a bar on a terminal; Ctrl-C cancels it.
 *  @throws what the job failed with; CANCELLED */
export async function finished<Message extends JobMessage>(
  client: JobClient<Message>,
  submitted: Message | undefined,
  label: string,
  { err, signal }: CommandContext,
): Promise<Message> {
  const jobId = submitted?.job?.id ?? ''
  const progress = startProgress(err, label)
  try {
    for await (const { event, job } of client.watch({ jobId }, { signal })) {
      const now = event?.event
      if (now?.$case === 'progress' && now.value.fraction !== undefined) progress.update(now.value.fraction, 1)
      if (job !== undefined) return succeeded(job)
    }
  } catch (error) {
    // Whoever leaves does not want it any more.
    if (!signal.aborted) throw error
    await client.cancel({ jobId }).catch(() => {})
    throw new HoldfastError('CANCELLED', `Job ${jobId} was cancelled, as was wished`, { cause: error })
  } finally {
    progress.stop()
  }
  throw new HoldfastError('UNAVAILABLE', `Nobody says how job ${jobId} ended: see holdfast jobs show ${jobId}`)
}

/** @throws what the job failed with; CANCELLED */
export function succeeded<Message extends JobMessage>(message: Message): Message {
  const { job } = message
  if (job?.state === jobs.JobState.SUCCEEDED) return message
  if (job?.state === jobs.JobState.CANCELLED) throw new HoldfastError('CANCELLED', `Job ${job.id} was cancelled`)
  const { code = '', message: text = 'nobody knows why', reason = '' } = job?.error ?? {}
  const known = errorCodes.find((one) => one === code) ?? ('UNKNOWN' satisfies ErrorCode)
  throw new HoldfastError(known, text, reason === '' ? {} : { reason })
}
