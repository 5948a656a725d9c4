import { encodeJson } from '@holdfast/persistence'
import type { JobCost } from '../job-model.js'
import type { JobKind } from '../job-kind.js'
import type { JobRecord } from '../record.js'
import { asStored, jsonContentType, type StoredJson } from '../stored-json.js'
import type { Artifact } from './artifact.js'

/** A job that has succeeded, and what it made. */
export interface Made {
  readonly id: string
  readonly kind: JobKind
  readonly record: JobRecord
  readonly input: unknown
  /** What the work stored. */
  readonly outputs: readonly Artifact[]
  readonly output: { readonly stored: StoredJson; readonly value: unknown }
  readonly cost: JobCost | undefined
  readonly now: number
}

/** The artifacts of a job with all that lineage says of them; the output itself among them, last, if the kind names its role. */
export function madeArtifacts({ id, kind, record, input, outputs, output, cost, now }: Made): Artifact[] {
  const { inputs, model, startedAt = now } = record
  const parameters = (kind.parameters ?? kind.cache)?.(input)
  const made = {
    jobId: id,
    jobKind: kind.name,
    inputs,
    ...(model === undefined ? {} : { model }),
    ...(parameters === undefined ? {} : { parameters: asStored(parameters, 'parameters') }),
    durationMs: Math.max(0, now - startedAt),
    ...(cost === undefined ? {} : { cost }),
    createdAt: new Date(now),
  }
  const artifacts = outputs.map((artifact) => ({ ...artifact, ...made }))
  const { outputRole: role } = kind
  if (role === undefined) return artifacts
  const { stored, value } = output
  const sizeBytes = 'blob' in stored ? stored.sizeBytes : Buffer.byteLength(encodeJson(value ?? null, 'output'))
  return [...artifacts, { id: `${id}/${role}`, role, contentType: jsonContentType, sizeBytes, ...made }]
}
