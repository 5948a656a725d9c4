import { createHash } from 'node:crypto'
import { HoldfastError, invalidField } from '@holdfast/errors'
import type { Collection, Scope } from '@holdfast/persistence'
import type { Packed, StoredValue } from './stored-value.js'

/** What is stored of a thread, each kind in a collection of its own. Ids begin with a digest of the thread, so that all that belongs to it
 *  is one range of the primary key. */
export interface ThreadCollections {
  readonly threads: Collection<StoredThread>
  readonly checkpoints: Collection<StoredCheckpoint>
  readonly chunks: Collection<StoredChunk>
  readonly writes: Collection<StoredWrite>
}

/** There as soon as a thread was pruned or deleted. */
export interface StoredThread {
  /** Grows when the thread is deleted: what was stored in a former life is not there any more. */
  readonly life: number
  /** Somebody is deleting chunks. */
  readonly pruning: boolean
  readonly prunes: number
}

export interface StoredCheckpoint {
  readonly life: number
  readonly thread: string
  readonly namespace: string
  readonly checkpoint: string
  readonly parent?: string
  /** The checkpoint without the values of its channels. */
  readonly frame: Packed
  readonly metadata: Packed
  /** What of the metadata filters can ask for. */
  readonly labels: Readonly<Record<string, unknown>>
  /** Channels that are rebuilt from the writes of ancestors, as far back as one that has a value. */
  readonly deltas: readonly string[]
  readonly values: readonly StoredChannel[]
}

export interface StoredChannel {
  readonly channel: string
  readonly version: string | number
  readonly value: StoredValue
}

/** Stored once in a life of a thread. */
export interface StoredChunk {
  readonly life: number
  readonly text: string
}

export interface StoredWrite {
  readonly life: number
  readonly checkpoint: string
  readonly task: string
  readonly path: string
  readonly index: number
  readonly channel: string
  readonly value: Packed
}

/** How a thread stands. */
export interface ThreadState {
  readonly life: number
  readonly pruning: boolean
  /** Grows with every beginning and end of a prune, and with every deletion. */
  readonly version: number
}

export function threadCollections(scope: Scope, name: string): ThreadCollections {
  return {
    threads: scope.collection(`${name}-threads`),
    checkpoints: scope.collection(`${name}-checkpoints`),
    chunks: scope.collection(`${name}-values`),
    writes: scope.collection(`${name}-writes`),
  }
}

export async function threadState({ threads }: ThreadCollections, thread: string): Promise<ThreadState> {
  const found = await threads.get(threadId(thread))
  return found === undefined
    ? { life: 0, pruning: false, version: 0 }
    : { life: found.data.life, pruning: found.data.pruning, version: found.version }
}

export function threadId(thread: string): string {
  return digest(thread)
}

export function namespaceId(thread: string, namespace: string): string {
  return `${digest(thread)}.${digest(namespace)}`
}

export function checkpointId(thread: string, namespace: string, checkpoint: string): string {
  return `${namespaceId(thread, namespace)}.${checkpoint}`
}

export function lifeId(thread: string, life: number): string {
  return `${digest(thread)}.${life}`
}

export function chunkId(thread: string, life: number, chunk: string): string {
  return `${lifeId(thread, life)}.${chunk}`
}

/** A filter for all ids that go on with a dot. */
export function under(prefix: string): { readonly _id: { readonly $gt: string; readonly $lt: string } } {
  // The character after the dot.
  return { _id: { $gt: `${prefix}.`, $lt: `${prefix}/` } }
}

export function checkName(value: unknown, field: string): string {
  if (typeof value !== 'string' || value === '') throw invalidField(field, 'must be a string that is not empty')
  return value
}

export function deletedThread(thread: string): HoldfastError {
  return new HoldfastError(
    'FAILED_PRECONDITION',
    `Thread ${thread} was deleted while it was running: what the run still writes is not kept`,
    { reason: 'THREAD_DELETED' },
  )
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22)
}
