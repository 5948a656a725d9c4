import type { Collection } from '@holdfast/persistence'
import type { Job } from '../job.js'
import { type Artifact, type ArtifactRecord, toArtifact } from './artifact.js'
import { messageOf } from './inputs.js'

export interface LineageNode {
  readonly id: string
  readonly artifact?: Artifact
  /** A message of a conversation. */
  readonly message?: { readonly conversationId: string; readonly seq: number }
  /** Only as what was asked for. */
  readonly job?: Job
  /** The next ones, in the direction of the list that this one is in. */
  readonly nodes: readonly LineageNode[]
  /** There are more beyond the depth or the 1,000 nodes of a tree, or they stand elsewhere in it already. */
  readonly isCut: boolean
}

const mostNodes = 1_000
/** As many values as an index of array elements is asked for at once. */
const mostAtOnce = 20

interface Growing {
  readonly id: string
  readonly record: ArtifactRecord | undefined
  readonly nodes: Growing[]
  isCut: boolean
}

/** What stands around an artifact in one direction, a level for each round of reads. Each artifact stands in the tree once, where it is
 *  nearest. @param first the ids of the first level, where they are known */
export async function readTree(
  collection: Collection<ArtifactRecord>,
  id: string,
  direction: 'from' | 'into',
  depth: number,
  first: readonly string[] | undefined,
): Promise<LineageNode[]> {
  const root: Growing = { id, record: undefined, nodes: [], isCut: false }
  const seen = new Set([id])
  let level: Growing[] = [root]
  for (let step = 0; level.length > 0; step += 1) {
    const found = await neighbours(collection, level, direction, step === 0 ? first : undefined)
    const next: Growing[] = []
    for (const { of, ids } of found) {
      for (const [neighbour, record] of ids) {
        if (step >= depth || seen.has(neighbour) || seen.size > mostNodes) {
          of.isCut = true
          continue
        }
        seen.add(neighbour)
        const node = { id: neighbour, record, nodes: [], isCut: false }
        of.nodes.push(node)
        next.push(node)
      }
    }
    level = next
  }
  return root.nodes.map(finished)
}

type Neighbours = readonly (readonly [id: string, record: ArtifactRecord | undefined])[]

async function neighbours(
  collection: Collection<ArtifactRecord>,
  level: readonly Growing[],
  direction: 'from' | 'into',
  first: readonly string[] | undefined,
): Promise<{ readonly of: Growing; readonly ids: Neighbours }[]> {
  if (direction === 'into' && first === undefined) return madeFrom(collection, level)
  const wanted = level.map((of) => ({ of, ids: first ?? of.record?.inputs ?? [] }))
  const ids = [...new Set(wanted.flatMap((one) => one.ids))]
  const documents = ids.length === 0 ? [] : await collection.getMany(ids)
  const records = new Map(ids.map((id, index) => [id, documents[index]?.data]))
  return wanted.map((one) => ({ of: one.of, ids: one.ids.map((id) => [id, records.get(id)] as const) }))
}

async function madeFrom(
  collection: Collection<ArtifactRecord>,
  level: readonly Growing[],
): Promise<{ readonly of: Growing; readonly ids: Neighbours }[]> {
  const made = new Map(level.map((of) => [of.id, { of, ids: [] as (readonly [string, ArtifactRecord])[] }]))
  const ids = [...made.keys()]
  for (let start = 0; start < ids.length; start += mostAtOnce) {
    const some = ids.slice(start, start + mostAtOnce)
    const found = await collection.find({ inputs: { $in: some } }, { limit: mostNodes }).toArray()
    for (const { id, data } of found) {
      for (const input of data.inputs) made.get(input)?.ids.push([id, data])
    }
  }
  return [...made.values()]
}

function finished({ id, record, nodes, isCut }: Growing): LineageNode {
  const message = messageOf(id)
  return {
    id,
    ...(record === undefined ? {} : { artifact: toArtifact(id, record) }),
    ...(message === undefined || record?.jobId !== undefined ? {} : { message }),
    nodes: nodes.map(finished),
    isCut,
  }
}
