import type { JobCost, JobModel } from '../job-model.js'

/** Something that was uploaded or made: bytes, or a JSON document. */
export interface Artifact {
  /** sha256 of the bytes; of a JSON output the job's id and its role, `JOB/transcript`. */
  readonly id: string
  /** What it is to its job: `audio`, `transcript`, `image`; `upload` for what came from outside. */
  readonly role: string
  readonly contentType: string
  readonly sizeBytes: number
  /** File name, if it has one. */
  readonly name?: string
  readonly createdAt: Date
  /** The job that made it; absent for uploads, as is what follows. Of bytes that several jobs made: the first. */
  readonly jobId?: string
  readonly jobKind?: string
  /** Ids of all that it was made from, by whichever job. */
  readonly inputs: readonly string[]
  readonly model?: JobModel
  readonly parameters?: unknown
  readonly durationMs?: number
  readonly cost?: JobCost
}

/** As it is stored. */
export interface ArtifactRecord extends Omit<Artifact, 'id' | 'createdAt'> {
  /** Milliseconds since 1970. */
  readonly at: number
}

export function toArtifact(id: string, { at, ...record }: ArtifactRecord): Artifact {
  return { id, ...record, createdAt: new Date(at) }
}

export function toArtifactRecord(artifact: Artifact): ArtifactRecord {
  const { id: _, createdAt, ...record } = artifact
  return { ...record, at: createdAt.getTime() }
}
