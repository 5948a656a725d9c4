import { randomUUID } from 'node:crypto'
import { HoldfastError, invalidField } from '@holdfast/errors'
import { traceToKeep } from '@holdfast/persistence'
import type { JobModel } from './job-model.js'
import { checkCount, type JobKind } from './job-kind.js'
import { limitsOf } from './limits.js'
import type { JobRecord } from './record.js'
import { cacheKeyOf } from './results.js'
import { asStored, jsonHash, type StoredJson } from './stored-json.js'

export interface SubmitOptions {
  /** Idempotency key, 1 to 200 characters: of all submissions of a kind with the same key one makes a job and all answer it, as long as it is
   *  retained. Default: each makes one. */
  readonly key?: string
  /** Whose job it is; default `default`. */
  readonly tenant?: string
  /** From now on, queued or running, until it fails with DEADLINE_EXCEEDED; default: none. */
  readonly deadlineMs?: number
  /** `false`: the model works even if the result is there already; what it makes is kept for others all the same. Default true. */
  readonly useCache?: boolean
  /** Ids of the artifacts that it is made from, or hashes of blobs, which become artifacts; at most 100. */
  readonly inputs?: readonly string[]
  /** At most 32, of 1 to 128 characters; to list jobs by. */
  readonly labels?: readonly string[]
  /** 1 to 20; default: the kind's. */
  readonly maxAttempts?: number
}

/** A job that was asked for, checked, and not stored yet. */
export interface Submission {
  readonly kind: JobKind
  readonly record: Omit<JobRecord, 'state' | 'createdAt' | 'input'>
  readonly input: unknown
  readonly deadlineMs: number | undefined
}

const known = ['key', 'tenant', 'deadlineMs', 'useCache', 'inputs', 'labels', 'maxAttempts', 'signal']

/** @throws INVALID_ARGUMENT naming what is at fault; what the kind throws of the input */
export function checkSubmission(kind: JobKind, given: unknown, options: SubmitOptions): Submission {
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw invalidField(name, `is not an option here: known are ${known.join(', ')}`)
  }
  const { key, deadlineMs, useCache = true, inputs = [], labels = [], maxAttempts = kind.maxAttempts } = options
  if (key !== undefined) checkText(key, 'key', 200)
  if (deadlineMs !== undefined) checkCount(deadlineMs, 'deadlineMs')
  if (typeof useCache !== 'boolean') throw invalidField('useCache', 'must be true or false')
  checkCount(maxAttempts, 'maxAttempts', 20)
  checkTexts(inputs, 'inputs', 100, 512)
  checkTexts(labels, 'labels', 32, 128)
  const input = asStored(given, 'input')
  const model = kind.model?.(input)
  if (model !== undefined) checkModel(model)
  const parameters = kind.cache?.(input)
  const limits = limitsOf(kind, model).map(({ name }) => name)
  const asked = key === undefined ? undefined : jsonHash([input, inputs])
  return {
    kind,
    input,
    deadlineMs,
    record: {
      kind: kind.name,
      attempt: 0,
      tries: 0,
      maxAttempts,
      ...(model === undefined ? {} : { model }),
      ...(key === undefined || asked === undefined ? {} : { key, keyed: true, asked }),
      inputs: [...new Set(inputs)],
      outputs: [],
      labels: [...new Set(labels)].toSorted(),
      ...(limits.length === 0 ? {} : { limits }),
      ...(parameters === undefined ? {} : { cacheKey: cacheKeyOf(kind.name, model, inputs, parameters) }),
      ...(useCache ? {} : { refresh: true }),
    },
  }
}

export function withInput(
  record: Submission['record'],
  createdAt: number,
  input: StoredJson,
  deadlineMs?: number,
): Omit<JobRecord, 'state'> {
  const asked = { createdAt, input }
  const timed = deadlineMs === undefined ? undefined : { deadline: createdAt + deadlineMs, timed: true as const }
  return Object.assign({}, record, traceToKeep(), asked, timed)
}

export function otherInput(key: string): HoldfastError {
  return new HoldfastError(
    'ALREADY_EXISTS',
    `A job with the key ${key} was submitted with another input: use another key`,
    {
      reason: 'KEY_REUSED',
    },
  )
}

/** Ends work that was begun before its key was known to have a job. */
export function submittedBefore(id: string): HoldfastError {
  return new HoldfastError('ALREADY_EXISTS', `Job ${id} was submitted with this key before`, { reason: 'KEY_USED' })
}

/** Ids grow with time: new jobs stand together in the index, and listings are in its order. Of a UUID the digits that are random, since Node draws
 *  those of many at once. */
export function newId(now: number): string {
  const uuid = randomUUID()
  return now.toString(16).padStart(12, '0') + uuid.slice(0, 8) + uuid.slice(24)
}

function checkModel({ name, version, provider }: JobModel): void {
  for (const [field, value] of Object.entries({ name, version, provider })) checkText(value, `model.${field}`, 200)
}

function checkTexts(values: readonly string[], field: string, most: number, longest: number): void {
  if (!Array.isArray(values) || values.length > most) throw invalidField(field, `must be an array of at most ${most}`)
  for (const [index, value] of values.entries()) checkText(value, `${field}[${index}]`, longest)
}

function checkText(value: unknown, field: string, longest: number): void {
  if (typeof value === 'string' && value.length > 0 && value.length <= longest) return
  throw invalidField(field, `must be a text of 1 to ${longest} characters`)
}
