import type { Collection, Scope } from '@holdfast/persistence'
import { type Artifact, type ArtifactRecord, toArtifactRecord } from './artifact.js'

export const artifactsCollection = 'artifacts'

export function artifactsIn(scope: Scope): Collection<ArtifactRecord> {
  return scope.collection<ArtifactRecord>(artifactsCollection, {
    indexes: [{ on: 'inputs', array: true }, { on: ['role', 'at'] }],
  })
}

export function isHash(id: string): boolean {
  return /^[0-9a-f]{64}$/.test(id)
}

/** Within a transaction. Bytes that are there already keep what is known of them, and get the inputs that are new. */
export async function recordArtifacts(tx: Scope, artifacts: readonly Artifact[]): Promise<void> {
  const collection = artifactsIn(tx)
  // One round trip, which `getMany` within a transaction is not.
  const known = await collection.find({ _id: { $in: artifacts.map(({ id }) => id) } }).toArray()
  const written = new Map(known.map(({ id, data }) => [id, data]))
  for (const artifact of artifacts) {
    const before = written.get(artifact.id)
    const after = merge(before, toArtifactRecord(artifact))
    if (after === before) continue
    await collection.put(artifact.id, after)
    written.set(artifact.id, after)
    if (before === undefined && isHash(artifact.id)) {
      await tx.blobs.link(artifact.id, { collection: artifactsCollection, id: artifact.id })
    }
  }
}

function merge(before: ArtifactRecord | undefined, added: ArtifactRecord): ArtifactRecord {
  if (before === undefined) return added
  const inputs = [...new Set([...before.inputs, ...added.inputs])]
  // What came from outside and is made as well gets its maker.
  if (before.jobId === undefined && added.jobId !== undefined) {
    return {
      ...added,
      role: before.role,
      inputs,
      at: before.at,
      ...(before.name === undefined ? {} : { name: before.name }),
    }
  }
  return inputs.length === before.inputs.length ? before : { ...before, inputs }
}
