import type { RunnableConfig } from '@langchain/core/runnables'
import { type CheckpointListOptions, type SerializerProtocol, getCheckpointId } from '@langchain/langgraph-checkpoint'
import type { Filter, Sort } from '@holdfast/persistence'
import { labelFilter, matchesMetadata } from './metadata-filter.js'
import { unpack } from './stored-value.js'
import {
  type StoredCheckpoint,
  type ThreadCollections,
  checkName,
  checkpointId,
  namespaceId,
  threadId,
  threadState,
  under,
} from './thread-records.js'

export async function* listCheckpoints(
  collections: ThreadCollections,
  serde: SerializerProtocol,
  config: RunnableConfig,
  { limit = Number.POSITIVE_INFINITY, before, filter }: CheckpointListOptions,
): AsyncGenerator<StoredCheckpoint> {
  if (limit <= 0) return
  const lives = new Map<string, number>()
  let left = limit
  const { where, sort } = queryOf(config, before)
  const labels = filter === undefined ? {} : labelFilter(filter)
  for await (const { data } of collections.checkpoints.find({ $and: [where, labels] }, { sort })) {
    const { thread } = data
    const life = lives.get(thread) ?? (await threadState(collections, thread)).life
    lives.set(thread, life)
    if (data.life !== life) continue
    if (filter !== undefined && !matchesMetadata(await unpack(serde, data.metadata), filter)) continue
    yield data
    left -= 1
    if (left === 0) return
  }
}

function queryOf(config: RunnableConfig, before: RunnableConfig | undefined): { where: Filter; sort: Sort } {
  const { configurable = {} } = config
  const checkpoint = getCheckpointId(config)
  const end = before === undefined ? '' : getCheckpointId(before)
  const thread: unknown = configurable['thread_id']
  const namespace: unknown = configurable['checkpoint_ns']
  const rest: Filter[] = []
  if (checkpoint !== '') rest.push({ checkpoint })
  if (thread !== undefined && namespace !== undefined) {
    const name = checkName(thread, 'configurable.thread_id')
    const within = namespace === '' ? namespace : checkName(namespace, 'configurable.checkpoint_ns')
    const range = under(namespaceId(name, within))
    if (end !== '') rest.push({ _id: { $lt: checkpointId(name, within, end) } })
    return { where: { $and: [range, ...rest] }, sort: { _id: -1 } }
  }
  if (thread !== undefined) rest.push(under(threadId(checkName(thread, 'configurable.thread_id'))))
  if (namespace !== undefined) rest.push({ namespace })
  if (end !== '') rest.push({ checkpoint: { $lt: end } })
  return { where: rest.length === 0 ? {} : { $and: rest }, sort: { checkpoint: -1 } }
}
