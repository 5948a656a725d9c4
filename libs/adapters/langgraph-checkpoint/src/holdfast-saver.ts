import type { RunnableConfig } from '@langchain/core/runnables'
import {
  BaseCheckpointSaver,
  type ChannelVersions,
  type Checkpoint,
  type CheckpointListOptions,
  type CheckpointMetadata,
  type CheckpointTuple,
  type PendingWrite,
  type SerializerProtocol,
} from '@langchain/langgraph-checkpoint'
import { invalidField } from '@holdfast/errors'
import type { TenantStore } from '@holdfast/persistence'
import { configOf, placeOf } from './checkpoint-place.js'
import { KnownCheckpoints } from './known-checkpoints.js'
import { listCheckpoints } from './list-checkpoints.js'
import { type PruneReport, pruneThread } from './prune.js'
import { findCheckpoint, readTuple } from './read-checkpoint.js'
import {
  type ThreadCollections,
  checkName,
  checkpointId,
  threadCollections,
  threadId,
  under,
} from './thread-records.js'
import { writeCheckpoint } from './write-checkpoint.js'
import { writePending } from './write-pending.js'

export interface HoldfastSaverOptions {
  /** A document store or the view of a tenant; it is not closed with the saver. */
  readonly store: TenantStore
  /** What the names of the collections begin with; default `langgraph`. */
  readonly name?: string
  /** Default: the serializer of LangGraph. */
  readonly serde?: SerializerProtocol
  /** How many checkpoints of a namespace of a thread are kept, at least 1; the saver prunes in the background now and then. Default: all. */
  readonly retain?: { readonly keepLast: number }
  /** Called when pruning in the background failed; it is tried again. */
  readonly onBackgroundError?: (error: unknown) => void
}

export interface PruneOptions {
  /** At least 1. */
  readonly keepLast: number
  /** Values that were written in the last so many milliseconds stay for the next prune, because a checkpoint that has them may just be on its
   *  way; default 3,600,000 (an hour). */
  readonly graceMs?: number
}

/** Checkpoints of LangGraph.js, in documents. A value that several checkpoints have is stored once, and of a list that grew only what was
 *  added. */
export class HoldfastSaver extends BaseCheckpointSaver {
  readonly #collections: ThreadCollections
  readonly #known = new KnownCheckpoints()
  readonly #keepLast: number | undefined
  readonly #onBackgroundError: (error: unknown) => void
  /** Checkpoints of each thread since it was pruned. */
  readonly #sincePrune = new Map<string, number>()
  readonly #pruning = new Map<string, Promise<unknown>>()

  /** @throws INVALID_ARGUMENT naming the option at fault */
  constructor(options: HoldfastSaverOptions) {
    super(options.serde)
    const { store, name = 'langgraph', retain, onBackgroundError = () => undefined } = options
    this.#collections = threadCollections(store, name)
    this.#keepLast = retain === undefined ? undefined : checkKeepLast(retain.keepLast, 'retain.keepLast')
    this.#onBackgroundError = onBackgroundError
  }

  override async getTuple(config: RunnableConfig): Promise<CheckpointTuple | undefined> {
    // As in other savers: there is nothing where nobody can have put anything.
    if (config.configurable?.['thread_id'] === undefined) return undefined
    const stored = await findCheckpoint(this.#collections, placeOf(config))
    return stored === undefined ? undefined : readTuple(this.#collections, this.serde, stored)
  }

  /** Newest first by their ids. Without a thread: of all threads, and slow where there are many. */
  override async *list(config: RunnableConfig, options: CheckpointListOptions = {}): AsyncGenerator<CheckpointTuple> {
    for await (const stored of listCheckpoints(this.#collections, this.serde, config, options)) {
      yield await readTuple(this.#collections, this.serde, stored)
    }
  }

  /** @throws FAILED_PRECONDITION with reason THREAD_DELETED if the thread was deleted since its run began */
  override async put(
    config: RunnableConfig,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
    newVersions: ChannelVersions,
  ): Promise<RunnableConfig> {
    const place = placeOf(config)
    checkName(checkpoint.id, 'checkpoint.id')
    const target = { collections: this.#collections, serde: this.serde, known: this.#known }
    await writeCheckpoint(target, { place, checkpoint, metadata, newVersions })
    this.#retain(place.thread)
    return configOf({ ...place, checkpoint: checkpoint.id })
  }

  /** A task's writes are stored once: the same task again changes nothing, but for errors, interrupts and resumes, of which the last counts.
   *  @throws FAILED_PRECONDITION with reason THREAD_DELETED */
  override async putWrites(
    config: RunnableConfig,
    writes: PendingWrite[],
    taskId: string,
    taskPath?: string,
  ): Promise<void> {
    const { thread, namespace, checkpoint } = placeOf(config)
    if (checkpoint === undefined) throw invalidField('configurable.checkpoint_id', 'is missing')
    const life = this.#known.get(checkpointId(thread, namespace, checkpoint))?.state.life
    const place = { thread, namespace, checkpoint }
    await writePending(this.#collections, this.serde, place, { writes, task: taskId, path: taskPath ?? '', life })
  }

  /** Deletes all that is stored of a thread. A run that is still under way can write nothing more to it; a new run can. */
  override async deleteThread(threadId_: string): Promise<void> {
    const { threads, checkpoints, chunks, writes } = this.#collections
    const id = threadId(checkName(threadId_, 'threadId'))
    const insert = { pruning: false, prunes: 0 }
    const thread = await threads.updateOne(id, { $inc: { life: 1 }, $setOnInsert: insert }, { upsert: true })
    const former = { ...under(id), life: { $lt: thread?.data.life ?? 1 } }
    for (const collection of [checkpoints, writes, chunks]) await collection.deleteMany(former)
  }

  /** Deletes all but the newest checkpoints of each namespace of a thread, and the values that only they had. Checkpoints from which
   *  LangGraph rebuilds kept ones (delta channels) stay. */
  async prune(thread: string, options: PruneOptions): Promise<PruneReport> {
    const { keepLast, graceMs = 3_600_000 } = options
    if (!Number.isFinite(graceMs) || graceMs < 0) throw invalidField('graceMs', 'must be a number from 0')
    checkName(thread, 'thread')
    return pruneThread(this.#collections, thread, checkKeepLast(keepLast, 'keepLast'), graceMs)
  }

  /** Waits for what is pruned in the background. */
  async close(): Promise<void> {
    await Promise.all(this.#pruning.values())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #retain(thread: string): void {
    const keepLast = this.#keepLast
    if (keepLast === undefined) return
    const count = (this.#sincePrune.get(thread) ?? 0) + 1
    this.#sincePrune.set(thread, count)
    if (count < Math.max(keepLast, prunedAtOnce) || this.#pruning.has(thread)) return
    this.#sincePrune.delete(thread)
    const pruning = this.prune(thread, { keepLast })
      .catch(this.#onBackgroundError)
      .finally(() => this.#pruning.delete(thread))
    this.#pruning.set(thread, pruning)
  }
}

/** Pruning reads the thread's checkpoints: not for a few of them. */
const prunedAtOnce = 20

function checkKeepLast(value: number, field: string): number {
  if (!Number.isSafeInteger(value) || value < 1) throw invalidField(field, 'must be a positive integer')
  return value
}
