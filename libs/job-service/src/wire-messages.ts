import type { Artifact, Job, JobCost, JobError, JobEvent, JobModel, JobProgress, JobUsage } from '@holdfast/jobs'
import { jobs as wire } from '@holdfast/protocol'

export interface JobToWireOptions {
  /** The answer carries the typed result beside the job: no need to send it twice. Default false. */
  readonly hasTypedOutput?: boolean
  /** Without what may be large. Default false. */
  readonly isListed?: boolean
}

/** So that a page of 1,000 jobs fits into a message. */
const largestListedInput = 4096

export function jobToWire(job: Job, { hasTypedOutput = false, isListed = false }: JobToWireOptions = {}): wire.Job {
  const inputJson = jsonOf(job.input)
  return {
    id: job.id,
    kind: job.kind,
    state: states[job.state],
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
    createTime: job.createdAt,
    startTime: job.startedAt,
    endTime: job.endedAt,
    deadline: job.deadline,
    progress: job.progress === undefined ? undefined : progressToWire(job.progress),
    error: job.error === undefined ? undefined : errorToWire(job.error),
    model: job.model === undefined ? undefined : modelToWire(job.model),
    fromCache: job.fromCache,
    inputJson: isListed && inputJson.length > largestListedInput ? '' : inputJson,
    outputJson: isListed || hasTypedOutput ? '' : jsonOf(job.output),
    inputIds: [...job.inputs],
    outputs: job.outputs.map(artifactToWire),
    usage: job.usage === undefined ? undefined : usageToWire(job.usage),
    cost: costToWire(job.cost),
    labels: [...job.labels],
    cancelRequested: job.cancelRequested,
    stopped: job.stopped,
  }
}

const states: Readonly<Record<Job['state'], wire.JobState>> = {
  queued: wire.JobState.QUEUED,
  running: wire.JobState.RUNNING,
  succeeded: wire.JobState.SUCCEEDED,
  failed: wire.JobState.FAILED,
  cancelled: wire.JobState.CANCELLED,
}

export function jobEventToWire(event: JobEvent): wire.JobEvent {
  return { cursor: event.seq, createTime: event.at, event: eventBody(event) }
}

function eventBody(event: JobEvent): wire.JobEvent['event'] {
  switch (event.type) {
    case 'queued':
      return { $case: 'queued', value: {} }
    case 'started':
      return { $case: 'started', value: { attempt: event.attempt } }
    case 'progress':
      return { $case: 'progress', value: progressToWire(event) }
    case 'output': {
      const artifact = event.artifact === undefined ? undefined : artifactToWire(event.artifact)
      return { $case: 'output', value: { artifact, dataJson: jsonOf(event.data) } }
    }
    case 'retrying': {
      const { attempt, delayMs } = event
      const error = event.error === undefined ? undefined : errorToWire(event.error)
      return { $case: 'retrying', value: { error, attempt, delayMs } }
    }
    case 'succeeded':
      return { $case: 'succeeded', value: { fromCache: event.fromCache } }
    case 'failed':
      return { $case: 'failed', value: { error: errorToWire(event.error) } }
    case 'cancelled':
      return { $case: 'cancelled', value: { stopped: event.stopped } }
  }
}

export function artifactToWire(artifact: Artifact): wire.Artifact {
  return {
    id: artifact.id,
    role: artifact.role,
    contentType: artifact.contentType,
    sizeBytes: artifact.sizeBytes,
    name: artifact.name ?? '',
    createTime: artifact.createdAt,
    jobId: artifact.jobId ?? '',
    jobKind: artifact.jobKind ?? '',
    inputIds: [...artifact.inputs],
    model: artifact.model === undefined ? undefined : modelToWire(artifact.model),
    parametersJson: jsonOf(artifact.parameters),
    durationMs: Math.round(artifact.durationMs ?? 0),
    cost: costToWire(artifact.cost),
  }
}

export function modelToWire({ name, version, provider }: JobModel): wire.ModelUsed {
  return { name, version, provider }
}

function progressToWire({ fraction, stage = '', detail }: JobProgress): wire.JobProgress {
  return { fraction, stage, detailJson: jsonOf(detail) }
}

function errorToWire({ code, message, reason }: JobError): wire.JobError {
  return { code, message, reason: reason === code ? '' : reason }
}

function usageToWire(usage: JobUsage): wire.Usage {
  const whole = (value: number | undefined): number => Math.round(value ?? 0)
  return {
    inputTokens: whole(usage.inputTokens),
    outputTokens: whole(usage.outputTokens),
    audioMs: whole(usage.audioMs),
    characters: whole(usage.characters),
    images: whole(usage.images),
    computeMs: whole(usage.computeMs),
  }
}

function costToWire(cost: JobCost | undefined): wire.Cost | undefined {
  return cost === undefined ? undefined : { amount: cost.amount, currency: cost.currency }
}

function jsonOf(value: unknown): string {
  return value === undefined ? '' : JSON.stringify(value)
}
