import { chunkIdsOf } from './stored-value.js'
import {
  type StoredCheckpoint,
  type ThreadCollections,
  checkpointId,
  chunkId,
  lifeId,
  threadId,
  under,
} from './thread-records.js'
import { readChunks } from './write-checkpoint.js'

export interface PruneReport {
  /** How many checkpoints were deleted, with their writes. */
  readonly checkpoints: number
  /** How many chunks of values, which no checkpoint has any more. */
  readonly values: number
}

const leaseMs = 600_000
const deletesAtOnce = 200

/** Keeps the newest checkpoints of each namespace of a thread, and those that they are rebuilt from. One at a time for a thread: a second
 *  one finds nothing to do. Beside writers: see `writeCheckpoint`. */
export async function pruneThread(
  collections: ThreadCollections,
  thread: string,
  keepLast: number,
  /** What was written less than so many milliseconds ago may be part of a checkpoint that is being written. */
  graceMs: number,
): Promise<PruneReport> {
  const { threads, checkpoints, chunks } = collections
  const nothing = { checkpoints: 0, values: 0 }
  const id = threadId(thread)
  await threads.updateOne(id, { $setOnInsert: { life: 0, pruning: false, prunes: 0 } }, { upsert: true })
  const claimed = await threads.claim({ _id: id }, { leaseMs, set: { $set: { pruning: true }, $inc: { prunes: 1 } } })
  if (claimed === undefined) return nothing
  const { life } = claimed.data
  let report = nothing
  try {
    const candidates = await chunks.find(under(lifeId(thread, life)), { project: { life: 1 } }).toArray()
    const all = (await checkpoints.find({ ...under(id), life }, { sort: { _id: -1 } }).toArray()).map(
      ({ data }) => data,
    )
    const kept = keptOf(all, keepLast)
    const gone = all.filter((checkpoint) => !kept.has(checkpoint))
    for (const some of batches(gone)) {
      await claimed.lease.renew()
      await Promise.all(some.map((checkpoint) => removeCheckpoint(collections, checkpoint)))
    }
    const used = await usedChunks(collections, thread, life, kept)
    const before = claimed.updatedAt.getTime() - graceMs
    const unused = candidates.filter((chunk) => !used.has(chunk.id) && chunk.updatedAt.getTime() <= before)
    let values = 0
    for (const some of batches(unused)) {
      await claimed.lease.renew()
      // A chunk that was written again since has another version.
      const deletes = some.map((chunk) => ({ delete: { filter: chunk.id, ifVersion: chunk.version } }))
      const { results } = await chunks.bulk(deletes, { ordered: false })
      for (const result of results) {
        if (result.status === 'done') values += result.deleted ?? 0
        else if (result.status === 'failed' && result.error.code !== 'ABORTED') throw result.error
      }
    }
    report = { checkpoints: gone.length, values }
  } finally {
    await claimed.lease.release({ set: { $set: { pruning: false } } })
  }
  return report
}

function keptOf(newestFirst: readonly StoredCheckpoint[], keepLast: number): ReadonlySet<StoredCheckpoint> {
  const namespaces = new Map<string, StoredCheckpoint[]>()
  for (const checkpoint of newestFirst) {
    const others = namespaces.get(checkpoint.namespace)
    if (others === undefined) namespaces.set(checkpoint.namespace, [checkpoint])
    else others.push(checkpoint)
  }
  const kept = new Set<StoredCheckpoint>()
  for (const checkpoints of namespaces.values()) {
    const byId = new Map(checkpoints.map((checkpoint) => [checkpoint.checkpoint, checkpoint]))
    for (const checkpoint of checkpoints.slice(0, keepLast)) {
      kept.add(checkpoint)
      const rebuilt = new Set(checkpoint.deltas)
      for (const { channel } of checkpoint.values) rebuilt.delete(channel)
      for (let at = byId.get(checkpoint.parent ?? ''); at !== undefined && rebuilt.size > 0;) {
        kept.add(at)
        for (const { channel } of at.values) rebuilt.delete(channel)
        at = byId.get(at.parent ?? '')
      }
    }
  }
  return kept
}

async function removeCheckpoint(
  { checkpoints, writes }: ThreadCollections,
  { thread, namespace, checkpoint }: StoredCheckpoint,
): Promise<void> {
  const id = checkpointId(thread, namespace, checkpoint)
  await checkpoints.deleteOne(id)
  await writes.deleteMany({ ...under(id), checkpoint })
}

async function usedChunks(
  collections: ThreadCollections,
  thread: string,
  life: number,
  kept: ReadonlySet<StoredCheckpoint>,
): Promise<ReadonlySet<string>> {
  const used = new Set<string>()
  const lists = new Map<string, string>()
  // Lists of chunks are shared by many checkpoints.
  const fetch = async (ids: readonly string[]): Promise<string[]> => {
    const unknown = ids.filter((id) => !lists.has(id))
    for (const [index, text] of (await readChunks(collections, thread, life, unknown)).entries()) {
      lists.set(unknown[index] ?? '', text)
    }
    return ids.map((id) => lists.get(id) ?? '')
  }
  for (const { values } of kept) {
    for (const { value } of values) {
      for (const chunk of await chunkIdsOf(value, fetch)) used.add(chunkId(thread, life, chunk))
    }
  }
  return used
}

function* batches<T>(all: readonly T[]): Iterable<readonly T[]> {
  for (let start = 0; start < all.length; start += deletesAtOnce) yield all.slice(start, start + deletesAtOnce)
}
