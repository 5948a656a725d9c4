import type { StoredChannel, ThreadState } from './thread-records.js'

/** What a process knows of a checkpoint that it wrote. It holds as long as the thread's version is that of `state`. */
export interface KnownCheckpoint {
  readonly state: ThreadState
  readonly channels: readonly KnownChannel[]
}

export interface KnownChannel {
  readonly stored: StoredChannel
  /** All chunks that its value is made of. */
  readonly chunkIds: readonly string[]
}

const capacity = 200

/** The checkpoints that were written last: what comes next is most likely built on one of them. */
export class KnownCheckpoints {
  readonly #known = new Map<string, KnownCheckpoint>()

  get(id: string): KnownCheckpoint | undefined {
    return this.#known.get(id)
  }

  set(id: string, checkpoint: KnownCheckpoint): void {
    this.#known.delete(id)
    this.#known.set(id, checkpoint)
    const [oldest] = this.#known.keys()
    if (this.#known.size > capacity && oldest !== undefined) this.#known.delete(oldest)
  }

  forget(id: string): void {
    this.#known.delete(id)
  }
}
