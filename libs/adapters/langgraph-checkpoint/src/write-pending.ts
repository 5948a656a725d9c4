import { type PendingWrite, type SerializerProtocol, WRITES_IDX_MAP } from '@langchain/langgraph-checkpoint'
import type { Place } from './checkpoint-place.js'
import { pack } from './stored-value.js'
import { type ThreadCollections, checkpointId, deletedThread, threadState, under } from './thread-records.js'

export interface NewWrites {
  readonly writes: readonly PendingWrite[]
  readonly task: string
  readonly path: string
  /** Of the thread, if it is known. */
  readonly life: number | undefined
}

/** They may come before their checkpoint, which is written in the background. */
export async function writePending(
  collections: ThreadCollections,
  serde: SerializerProtocol,
  place: Required<Place>,
  added: NewWrites,
): Promise<void> {
  const { thread, namespace, checkpoint } = place
  const { task, path } = added
  const life = added.life ?? (await threadState(collections, thread)).life
  const prefix = checkpointId(thread, namespace, checkpoint)
  const operations = await Promise.all(
    added.writes.map(async ([channel, value], position) => {
      const index = WRITES_IDX_MAP[channel] ?? position
      const id = `${prefix}.${task}.${index}`
      const data = { life, checkpoint, task, path, index, channel, value: await pack(serde, value) }
      return index < 0 ? { put: { id, data } } : { insert: { id, data } }
    }),
  )
  const { results } = await collections.writes.bulk(operations, { ordered: false })
  for (const result of results) {
    if (result.status === 'failed' && result.error.code !== 'ALREADY_EXISTS') throw result.error
  }
  const { life: now } = await threadState(collections, thread)
  if (now === life) return
  await collections.writes.deleteMany({ ...under(prefix), life: { $lt: now } })
  throw deletedThread(thread)
}
