import { HoldfastError } from '@holdfast/errors'
import type { CollectionOptions, Document } from '@holdfast/persistence'
import type { Job, JobError, JobEvent, JobEventBody, JobState } from './job.js'
import type { JobCost, JobModel, JobUsage } from './job-model.js'
import { type ArtifactRecord, toArtifact } from './lineage/artifact.js'
import type { StoredJson } from './stored-json.js'

/** A job as it is stored: a document of its tenant. Times are milliseconds since 1970 by the database's clock. */
export interface JobRecord {
  readonly kind: string
  readonly state: JobState
  /** While it is queued or running: what claims look for. */
  readonly open?: true
  /** When a worker may take it: at once, after a backoff, or when who runs it without a lease must have been heard of. */
  readonly readyAt?: number
  /** Who runs it: a process. With `attempt` it tells attempts apart, so that what an old one wants to record is refused. */
  readonly holder?: string
  readonly attempt: number
  /** Attempts that count against `maxAttempts`: not those that were given back. */
  readonly tries: number
  readonly maxAttempts: number
  readonly createdAt: number
  /** Of the last attempt, and of the first. */
  readonly startedAt?: number
  readonly firstStartedAt?: number
  readonly endedAt?: number
  readonly deadline?: number
  /** While it is open and has a deadline. */
  readonly timed?: true
  readonly cancelRequested?: true
  readonly stopped?: boolean
  readonly error?: JobError
  readonly model?: JobModel
  /** The caller's idempotency key, and that there is one. */
  readonly key?: string
  readonly keyed?: true
  /** sha256 of what the caller asked for, where there is a key to compare it by. */
  readonly asked?: string
  readonly input: StoredJson
  readonly output?: StoredJson
  readonly inputs: readonly string[]
  readonly outputs: readonly (ArtifactRecord & { readonly id: string })[]
  readonly usage?: JobUsage
  readonly cost?: JobCost
  readonly labels: readonly string[]
  /** Names of what limits it, where something does: see limits.ts. */
  readonly limits?: readonly string[]
  /** Where its result is looked for and kept; absent: it is not cached. */
  readonly cacheKey?: string
  /** The caller does not want what is there already. */
  readonly refresh?: true
  /** The job whose result this one has. */
  readonly fromCache?: string
  /** Its log was begun before its first attempt: it was cancelled while it waited, and retried. */
  readonly hasLog?: true
  /** The trace of its submitter, as W3C's `traceparent`. */
  readonly trace?: string
  /** It ended before anything was written to its log: its events follow from this record. */
  readonly silent?: true
}

export const jobsCollection = 'jobs'

/** Each index costs every write of a job that is in it: ended jobs leave the first two, and few are in the others. Ids grow with time, so that
 *  listings need none. */
export const jobIndexes: CollectionOptions<JobRecord> = {
  indexes: [
    { on: 'readyAt', where: { open: true } },
    { on: 'deadline', where: { timed: true } },
    { on: ['kind', 'key'], unique: true, where: { keyed: true } },
  ],
}

export const eventsLog = 'job-events'

/** An event as an entry of the log; its number and its time are the entry's, unless it happened before it was written. */
export type EventRecord = JobEventBody & { readonly at?: number }

export type JobDocument = Document<JobRecord>

export function isEnded({ state }: Pick<JobRecord, 'state'>): boolean {
  return state === 'succeeded' || state === 'failed' || state === 'cancelled'
}

export function isFinal({ type }: Pick<JobEventBody, 'type'>): boolean {
  return type === 'succeeded' || type === 'failed' || type === 'cancelled'
}

/** The first events of a job, which are not written down while they follow from its record. */
export function impliedEvents(record: JobRecord): (EventRecord & { readonly at: number })[] {
  const events: (EventRecord & { readonly at: number })[] = [{ type: 'queued', at: record.createdAt }]
  const { firstStartedAt } = record
  // Of later attempts the log tells.
  if (firstStartedAt !== undefined) events.push({ type: 'started', attempt: 1, at: firstStartedAt })
  if (isEnded(record)) events.push({ ...finalEvent(record), at: record.endedAt ?? record.createdAt })
  return events
}

export function finalEvent(record: JobRecord): JobEventBody {
  switch (record.state) {
    case 'succeeded':
      return { type: 'succeeded', fromCache: record.fromCache !== undefined }
    case 'failed':
      return { type: 'failed', error: record.error ?? unknownError }
    case 'cancelled':
      return record.stopped === undefined ? { type: 'cancelled' } : { type: 'cancelled', stopped: record.stopped }
    case 'queued':
    case 'running':
      throw new HoldfastError('INTERNAL', `A job that is ${record.state} has no final event`)
  }
}

const unknownError: JobError = { code: 'UNKNOWN', reason: 'UNKNOWN', message: 'No error was recorded' }

export function toEvent(seq: number, record: EventRecord, at: Date): JobEvent {
  const { at: earlier, ...body } = record
  return { ...withDates(body), seq, at: earlier === undefined ? at : new Date(earlier) }
}

/** An artifact in an event was JSON in between. */
function withDates(body: JobEventBody): JobEventBody {
  if (body.type !== 'output' || body.artifact === undefined) return body
  return { ...body, artifact: { ...body.artifact, createdAt: new Date(body.artifact.createdAt) } }
}

/** Without what is kept in blobs. */
export function toJob(tenant: string, { id, data: record }: Pick<JobDocument, 'id' | 'data'>): Job {
  const { startedAt, endedAt, deadline, error, model, usage, cost, stopped, input, output } = record
  return {
    id,
    tenant,
    kind: record.kind,
    state: record.state,
    attempt: record.attempt,
    maxAttempts: record.maxAttempts,
    createdAt: new Date(record.createdAt),
    ...(startedAt === undefined ? {} : { startedAt: new Date(startedAt) }),
    ...(endedAt === undefined ? {} : { endedAt: new Date(endedAt) }),
    ...(deadline === undefined ? {} : { deadline: new Date(deadline) }),
    ...(error === undefined ? {} : { error }),
    ...(model === undefined ? {} : { model }),
    fromCache: record.fromCache !== undefined,
    input: 'json' in input ? input.json : undefined,
    ...(output !== undefined && 'json' in output ? { output: output.json } : {}),
    inputs: record.inputs,
    outputs: record.outputs.map(({ id, ...artifact }) => toArtifact(id, artifact)),
    ...(usage === undefined ? {} : { usage }),
    ...(cost === undefined ? {} : { cost }),
    labels: record.labels,
    cancelRequested: record.cancelRequested === true && !isEnded(record),
    ...(stopped === undefined ? {} : { stopped }),
  }
}

/** The failure that ended it, to be thrown. */
export function asError({ code, message, reason, fields }: JobError): HoldfastError {
  return new HoldfastError(code, message, { reason, ...(fields === undefined ? {} : { fields }) })
}

export function toJobError(error: HoldfastError): JobError {
  const { code, message, reason, fields } = error
  return { code, message, reason, ...(fields.length === 0 ? {} : { fields }) }
}
