import type { SerializerProtocol } from '@langchain/langgraph-checkpoint'
import {
  type Checkpoint,
  type CheckpointMetadata,
  type CheckpointPendingWrite,
  type CheckpointTuple,
  TASKS,
  compareWritesSortKeys,
  maxChannelVersion,
  writesSortKey,
} from '@langchain/langgraph-checkpoint'
import type { Document } from '@holdfast/persistence'
import { configOf, type Place } from './checkpoint-place.js'
import { fromChunks, unpack } from './stored-value.js'
import {
  type StoredCheckpoint,
  type StoredWrite,
  type ThreadCollections,
  checkpointId,
  namespaceId,
  threadState,
  under,
} from './thread-records.js'
import { readChunks } from './write-checkpoint.js'

/** `undefined`: there is none. A checkpoint of a former life of its thread is none. */
export async function findCheckpoint(
  collections: ThreadCollections,
  place: Place,
): Promise<StoredCheckpoint | undefined> {
  const { checkpoints } = collections
  const { thread, namespace, checkpoint } = place
  const newest = under(namespaceId(thread, namespace))
  const find = (filter: object): Promise<Document<StoredCheckpoint> | undefined> =>
    checkpoints.findOne({ ...newest, ...filter }, { sort: { _id: -1 } })
  const [{ life }, found] = await Promise.all([
    threadState(collections, thread),
    checkpoint === undefined ? find({}) : checkpoints.get(checkpointId(thread, namespace, checkpoint)),
  ])
  if (found === undefined || found.data.life === life) return found?.data
  // Deleted, and the rest of a former life is there still; or a new life began between the two answers.
  const { life: now } = await threadState(collections, thread)
  if (found.data.life === now) return found.data
  return checkpoint === undefined ? (await find({ life: now }))?.data : undefined
}

export async function readTuple(
  collections: ThreadCollections,
  serde: SerializerProtocol,
  stored: StoredCheckpoint,
): Promise<CheckpointTuple> {
  const { thread, namespace, checkpoint, parent, life } = stored
  const fetch = (ids: readonly string[]): Promise<string[]> => readChunks(collections, thread, life, ids)
  const [frame, metadata, pendingWrites, values] = await Promise.all([
    unpack(serde, stored.frame) as Promise<Omit<Checkpoint, 'channel_values'>>,
    unpack(serde, stored.metadata) as Promise<CheckpointMetadata>,
    readWrites(collections, serde, stored),
    Promise.all(
      stored.values.map(async ({ channel, value }) => {
        return [channel, await unpack(serde, 'chunks' in value ? await fromChunks(value, fetch) : value)] as const
      }),
    ),
  ])
  const full = { ...frame, channel_values: Object.fromEntries(values) }
  const isOld = frame.v < 4 && parent !== undefined
  return {
    config: configOf({ thread, namespace, checkpoint }),
    checkpoint: isOld ? withSends(full, await readWrites(collections, serde, { ...stored, checkpoint: parent })) : full,
    metadata,
    pendingWrites,
    ...(parent === undefined ? {} : { parentConfig: configOf({ thread, namespace, checkpoint: parent }) }),
  }
}

/** Before version 4 of their format, checkpoints had what nodes sent to others in the writes of their parents. */
function withSends(checkpoint: Checkpoint, parentWrites: readonly CheckpointPendingWrite[]): Checkpoint {
  const sends = parentWrites.flatMap(([, channel, value]) => (channel === TASKS ? [value] : []))
  const versions = Object.values(checkpoint.channel_versions)
  return {
    ...checkpoint,
    channel_values: { ...checkpoint.channel_values, [TASKS]: sends },
    channel_versions: {
      ...checkpoint.channel_versions,
      [TASKS]: versions.length > 0 ? maxChannelVersion(...versions) : 1,
    },
  }
}

async function readWrites(
  { writes }: ThreadCollections,
  serde: SerializerProtocol,
  { thread, namespace, checkpoint, life }: Pick<StoredCheckpoint, 'thread' | 'namespace' | 'checkpoint' | 'life'>,
): Promise<CheckpointPendingWrite[]> {
  // The range alone would take a checkpoint whose id goes on with a dot for this one.
  const filter = { ...under(checkpointId(thread, namespace, checkpoint)), checkpoint, life }
  const found = (await writes.find(filter).toArray()).map(({ data }) => data)
  const keyOf = ({ path, task, index }: StoredWrite) => writesSortKey(path, task, index)
  found.sort((one, other) => compareWritesSortKeys(keyOf(one), keyOf(other)))
  return Promise.all(
    found.map(async ({ task, channel, value }): Promise<CheckpointPendingWrite> => [
      task,
      channel,
      await unpack(serde, value),
    ]),
  )
}
