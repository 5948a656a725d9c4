import { HoldfastError } from '@holdfast/errors'
import type {
  ChannelVersions,
  Checkpoint,
  CheckpointMetadata,
  SerializerProtocol,
} from '@langchain/langgraph-checkpoint'
import type { Place } from './checkpoint-place.js'
import type { KnownChannel, KnownCheckpoint, KnownCheckpoints } from './known-checkpoints.js'
import { labelsOf } from './metadata-filter.js'
import { type Chunk, chunkIdsOf, pack, toChunks } from './stored-value.js'
import {
  type ThreadCollections,
  checkpointId,
  chunkId,
  deletedThread,
  lifeId,
  threadId,
  threadState,
  under,
} from './thread-records.js'

export interface NewCheckpoint {
  /** `checkpoint` names the parent. */
  readonly place: Place
  readonly checkpoint: Checkpoint
  readonly metadata: CheckpointMetadata
  readonly newVersions: ChannelVersions
}

export interface CheckpointTarget {
  readonly collections: ThreadCollections
  readonly serde: SerializerProtocol
  readonly known: KnownCheckpoints
}

const roundsBesidePrunes = 3
const maxWaitMs = 10_000

/** Writes the chunks that are not there yet, then the checkpoint, and then looks whether a prune or a deletion began meanwhile: a prune may
 *  have deleted chunks that were taken to be there, so that all are written again (docs/decisions/0025-checkpoints-in-chunks.md). After
 *  some rounds of that the writer keeps prunes out for one. */
export async function writeCheckpoint(target: CheckpointTarget, added: NewCheckpoint): Promise<void> {
  const { collections, serde, known } = target
  const { place, checkpoint, metadata, newVersions } = added
  const { thread, namespace } = place
  const id = checkpointId(thread, namespace, checkpoint.id)
  const start = await startOf(target, place)
  const isNew = (channel: string): boolean => Object.hasOwn(newVersions, channel) || start.isOrphan
  const changed = await encode(serde, added, isNew)
  const inherited = start.channels.filter(
    ({ stored: { channel, version } }) =>
      !isNew(channel) &&
      Object.hasOwn(checkpoint.channel_values, channel) &&
      checkpoint.channel_versions[channel] === version,
  )
  const channels = [...inherited, ...changed]
  const names = new Set(channels.map(({ stored }) => stored.channel))
  const { channel_values: _, ...frame } = checkpoint
  const record = {
    life: start.state.life,
    thread,
    namespace,
    checkpoint: checkpoint.id,
    ...(place.checkpoint === undefined ? {} : { parent: place.checkpoint }),
    frame: await pack(serde, frame),
    metadata: await pack(serde, metadata),
    labels: labelsOf(metadata),
    deltas: deltaChannels(metadata),
    values: channels.map(({ stored }) => stored),
  }
  const there = new Set(start.channels.flatMap(({ chunkIds }) => chunkIds))
  let missing = changed.flatMap(({ chunks }) => chunks).filter((chunk) => !there.has(chunk.id))
  let { state } = start
  const write = async (): Promise<void> => {
    await writeChunks(collections, thread, state.life, missing)
    await collections.checkpoints.put(id, record)
  }
  for (let round = 0; ; round += 1) {
    // While somebody prunes, nothing is taken to be there.
    if (round > 0 || state.pruning) {
      missing = (await encode(serde, added, (channel) => names.has(channel))).flatMap(({ chunks }) => chunks)
    }
    const isAlone = round === roundsBesidePrunes
    if (isAlone) await withoutPrunes(collections, thread, write)
    else await write()
    const now = await threadState(collections, thread)
    if (now.life !== state.life) {
      await collections.checkpoints.deleteOne(id)
      await collections.chunks.deleteMany(under(lifeId(thread, state.life)))
      throw deletedThread(thread)
    }
    if (isAlone) return
    if (now.version === state.version) {
      if (!state.pruning) known.set(id, { state, channels })
      return
    }
    state = now
  }
}

/** Takes the place of a prune, and so waits for the one that is under way.
 *  @throws ABORTED if that takes longer than ten seconds */
async function withoutPrunes({ threads }: ThreadCollections, thread: string, work: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + maxWaitMs
  while (performance.now() < deadline) {
    const claimed = await threads.claim({ _id: threadId(thread) }, { leaseMs: maxWaitMs })
    if (claimed !== undefined) {
      try {
        return await work()
      } finally {
        await claimed.lease.release()
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 2 + Math.random() * 20))
  }
  throw new HoldfastError('ABORTED', `Thread ${thread} is pruned all the time: prune it less often`, {
    reason: 'CONTENTION',
  })
}

interface Start extends KnownCheckpoint {
  /** The parent is not there (any more): nothing can be taken from it. */
  readonly isOrphan: boolean
}

async function startOf({ collections, known }: CheckpointTarget, place: Place): Promise<Start> {
  const { thread, namespace, checkpoint } = place
  if (checkpoint === undefined) {
    return { state: await threadState(collections, thread), channels: [], isOrphan: false }
  }
  const id = checkpointId(thread, namespace, checkpoint)
  const before = known.get(id)
  if (before !== undefined) return { ...before, isOrphan: false }
  // In this order: a prune that begins after the state was read changes it.
  const state = await threadState(collections, thread)
  const parent = await collections.checkpoints.get(id)
  if (parent === undefined || parent.data.life !== state.life) {
    if (state.life > 0) throw deletedThread(thread)
    return { state, channels: [], isOrphan: true }
  }
  const fetch = (ids: readonly string[]): Promise<string[]> => readChunks(collections, thread, state.life, ids)
  const channels = await Promise.all(
    parent.data.values.map(async (stored) => ({ stored, chunkIds: await chunkIdsOf(stored.value, fetch) })),
  )
  return { state, channels, isOrphan: false }
}

/** @throws DATA_LOSS if one is missing */
export async function readChunks(
  { chunks }: ThreadCollections,
  thread: string,
  life: number,
  ids: readonly string[],
): Promise<string[]> {
  const found = await chunks.getMany(ids.map((id) => chunkId(thread, life, id)))
  return found.map((chunk, index) => {
    if (chunk !== undefined) return chunk.data.text
    throw new HoldfastError('DATA_LOSS', `Chunk ${ids[index]} of a checkpoint of thread ${thread} is not there`)
  })
}

async function writeChunks(
  { chunks: collection }: ThreadCollections,
  thread: string,
  life: number,
  chunks: readonly Chunk[],
): Promise<void> {
  if (chunks.length === 0) return
  const puts = chunks.map(({ id, text }) => ({ put: { id: chunkId(thread, life, id), data: { life, text } } }))
  const { results } = await collection.bulk(puts, { ordered: false })
  for (const result of results) if (result.status === 'failed') throw result.error
}

interface EncodedChannel extends KnownChannel {
  readonly chunks: readonly Chunk[]
}

async function encode(
  serde: SerializerProtocol,
  { checkpoint, newVersions }: NewCheckpoint,
  isWanted: (channel: string) => boolean,
): Promise<EncodedChannel[]> {
  const wanted = Object.entries(checkpoint.channel_values).filter(([channel]) => isWanted(channel))
  return Promise.all(
    wanted.map(async ([channel, value]) => {
      const { stored, chunks } = toChunks(value, await pack(serde, value))
      const version = checkpoint.channel_versions[channel] ?? newVersions[channel] ?? 0
      return { stored: { channel, version, value: stored }, chunkIds: chunks.map(({ id }) => id), chunks }
    }),
  )
}

/** LangGraph counts in the metadata how far the last snapshot of such a channel is back. */
function deltaChannels(metadata: CheckpointMetadata): string[] {
  const { counters_since_delta_snapshot: counters } = metadata as { readonly counters_since_delta_snapshot?: object }
  return Object.keys(counters ?? {})
}
