import { HoldfastError } from '@holdfast/errors'
import type { AttemptEvents } from './attempt-events.js'
import type { AttemptHome, Outcome } from './attempt-home.js'
import type { AttemptWork } from './attempt-work.js'
import { backoffMs } from './backoff.js'
import { costOf } from './cost.js'
import type { Ending } from './ending.js'
import { deadlineExceeded, isRetryable } from './failures.js'
import type { JobCost } from './job-model.js'
import type { JobKind } from './job-kind.js'
import { toArtifactRecord } from './lineage/artifact.js'
import { madeArtifacts } from './lineage/made-artifacts.js'
import { type EventRecord, finalEvent, type JobRecord, toJob, toJobError } from './record.js'
import { blobsOf } from './stored-json.js'
import type { TenantTables } from './tables.js'

/** An attempt when its work has come to an end. */
export interface AttemptState {
  readonly home: Pick<AttemptHome, 'clock' | 'retainMs' | 'prices'>
  readonly kind: JobKind
  readonly tables: TenantTables
  readonly id: string
  readonly record: JobRecord
  readonly version: number
  readonly work: AttemptWork
  readonly events: AttemptEvents
}

/** A record that is being put together. */
type Draft = { -readonly [Field in keyof JobRecord]: JobRecord[Field] }

/** What is to be written of how the attempt came out. @param left events that were not written yet */
export function endingOf(attempt: AttemptState, outcome: Outcome, left: readonly EventRecord[]): Ending {
  const { home, record, work } = attempt
  const now = Math.max(home.clock.now(), record.startedAt ?? 0)
  const draft = draftOf(record)
  const cost = costOf(home.prices[record.model?.name ?? ''], work.used)
  if (work.used !== undefined) draft.usage = work.used
  if (cost !== undefined) draft.cost = cost
  switch (outcome.kind) {
    case 'cached':
      return fromCache(attempt, draft, outcome, left, now)
    case 'succeeded':
      return succeeded(attempt, draft, outcome, left, cost, now)
    case 'cancelled': {
      if (outcome.stopped !== undefined) draft.stopped = outcome.stopped
      return final(attempt, draft, 'cancelled', left, now)
    }
    case 'released':
      return again(attempt, draft, now, undefined, left)
    case 'failed':
      return failed(attempt, draft, outcome.error, left, now)
  }
}

/** Without what only an open job has. Assigned to afterwards: spreads of records with as many members take ten times as long. */
function draftOf(record: JobRecord): Draft {
  const { open: _, readyAt: __, timed: ___, error: ____, cancelRequested: _____, ...rest } = record
  return rest
}

function fromCache(
  attempt: AttemptState,
  draft: Draft,
  { from }: Outcome & { readonly kind: 'cached' },
  left: readonly EventRecord[],
  now: number,
): Ending {
  const { output, outputs } = from.data
  draft.fromCache = from.id
  draft.outputs = outputs
  if (output !== undefined) draft.output = output
  return final(attempt, draft, 'succeeded', left, now, { blobs: blobsOf(output) })
}

function succeeded(
  attempt: AttemptState,
  draft: Draft,
  { output, value }: Outcome & { readonly kind: 'succeeded' },
  left: readonly EventRecord[],
  cost: JobCost | undefined,
  now: number,
): Ending {
  const { id, kind, record, tables, work } = attempt
  draft.inputs = work.sourceIds.size === 0 ? record.inputs : [...new Set([...record.inputs, ...work.sourceIds])]
  const artifacts = madeArtifacts({
    id,
    kind,
    record: draft,
    input: work.input,
    outputs: work.outputs,
    output: { stored: output, value },
    cost,
    now,
  })
  draft.output = output
  draft.outputs = artifacts.map((artifact) => ({ id: artifact.id, ...toArtifactRecord(artifact) }))
  const outputEvents = artifacts
    .slice(0, work.outputs.length)
    .map((artifact): EventRecord => ({ type: 'output', artifact }))
  const { record: hook } = kind
  return final(attempt, draft, 'succeeded', [...left, ...outputEvents], now, {
    blobs: blobsOf(output),
    artifacts: [...work.sources, ...artifacts],
    ...(record.cacheKey === undefined ? {} : { cacheKey: record.cacheKey }),
    ...(hook === undefined
      ? {}
      : {
          record: (tx) =>
            hook(tx, { job: { ...toJob(tables.tenant, { id, data: draft }), output: value }, output: value }),
        }),
  })
}

function failed(
  attempt: AttemptState,
  draft: Draft,
  error: HoldfastError,
  left: readonly EventRecord[],
  now: number,
): Ending {
  const { id, kind, record } = attempt
  const fails = (why: HoldfastError): Ending => {
    draft.error = toJobError(why)
    return final(attempt, draft, 'failed', left, now)
  }
  if (!isRetryable(error) || record.tries >= record.maxAttempts) return fails(error)
  // Cancelled while the attempt failed by itself.
  if (record.cancelRequested === true) return final(attempt, draft, 'cancelled', left, now)
  const delayMs = backoffMs(kind, record.tries, error)
  if (record.deadline !== undefined && now + delayMs >= record.deadline) {
    return fails(
      new HoldfastError('DEADLINE_EXCEEDED', deadlineExceeded(id).message, { reason: 'JOB_DEADLINE', cause: error }),
    )
  }
  return again(attempt, draft, now + delayMs, { error, delayMs }, left)
}

/** The job is over. */
function final(
  attempt: AttemptState,
  draft: Draft,
  state: 'succeeded' | 'failed' | 'cancelled',
  left: readonly EventRecord[],
  now: number,
  more: Pick<Ending, 'blobs' | 'artifacts' | 'cacheKey' | 'record'> = {},
): Ending {
  const { events, home, id, record, tables, version } = attempt
  draft.state = state
  draft.endedAt = now
  const isSilent = events.isSilent && left.length === 0 && record.attempt === 1
  if (isSilent) draft.silent = true
  const told = isSilent ? [] : [...events.beginning(), ...left, finalEvent(draft)]
  return { tables, id, version, ttlMs: home.retainMs, next: draft, events: told, ...more }
}

/** Queued for another attempt. */
function again(
  attempt: AttemptState,
  draft: Draft,
  readyAt: number,
  failure: { readonly error: HoldfastError; readonly delayMs: number } | undefined,
  left: readonly EventRecord[],
): Ending {
  const { events, id, record, tables, version } = attempt
  const { holder: _, ...next }: Draft = draft
  next.state = 'queued'
  next.open = true
  next.readyAt = readyAt
  if (record.timed !== undefined) next.timed = record.timed
  if (failure === undefined) next.tries -= 1
  else next.error = toJobError(failure.error)
  if (record.cancelRequested === true) next.cancelRequested = true
  const retrying: EventRecord = {
    type: 'retrying',
    attempt: record.attempt + 1,
    delayMs: failure?.delayMs ?? 0,
    ...(failure === undefined ? {} : { error: toJobError(failure.error) }),
  }
  return { tables, id, version, ttlMs: null, next, events: [...events.beginning(), ...left, retrying] }
}
