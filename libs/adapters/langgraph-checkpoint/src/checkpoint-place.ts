import type { RunnableConfig } from '@langchain/core/runnables'
import { getCheckpointId } from '@langchain/langgraph-checkpoint'
import { checkName } from './thread-records.js'

/** Where a checkpoint is, as a config says it. */
export interface Place {
  readonly thread: string
  readonly namespace: string
  /** Absent: the latest. */
  readonly checkpoint?: string
}

/** @throws INVALID_ARGUMENT naming the member of `configurable` */
export function placeOf(config: RunnableConfig): Place {
  const { configurable = {} } = config
  const checkpoint: unknown = getCheckpointId(config)
  const namespace: unknown = configurable['checkpoint_ns'] ?? ''
  return {
    thread: checkName(configurable['thread_id'], 'configurable.thread_id'),
    namespace: namespace === '' ? namespace : checkName(namespace, 'configurable.checkpoint_ns'),
    ...(checkpoint === '' ? {} : { checkpoint: checkName(checkpoint, 'configurable.checkpoint_id') }),
  }
}

export function configOf({ thread, namespace, checkpoint }: Required<Place>): RunnableConfig {
  return { configurable: { thread_id: thread, checkpoint_ns: namespace, checkpoint_id: checkpoint } }
}
