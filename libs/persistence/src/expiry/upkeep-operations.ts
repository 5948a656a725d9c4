import type { SoftDelete } from '../collection-spec.js'
import type { StreamKey } from '../log-operations.js'

/** How much of its streams a log keeps. Both given: what either of them lets go, goes. */
export interface LogRetention {
  /** The newest so many entries of each stream. */
  readonly keepLast?: number
  /** Entries that are not older, in milliseconds. */
  readonly olderThanMs?: number
}

/** What anybody declared of this data, in whichever process; the last one to declare decides. */
export interface Duties {
  /** Collections of which documents may expire. */
  readonly expiring: readonly string[]
  readonly softDeleting: readonly { readonly collection: string; readonly softDelete: SoftDelete }[]
  readonly retaining: readonly { readonly log: string; readonly retention: LogRetention }[]
}

/** Deleting what nobody sees any more, in batches of at most `limit` rows. Many processes may do it at once: none waits for another. */
export interface UpkeepOperations {
  duties(): Promise<Duties>
  /** @returns how many rows of expired documents went */
  expire(collection: string, limit: number): Promise<number>
  /** Erases the data of tombstones that are older than `retainMs`. @returns how many */
  purge(collection: string, softDelete: SoftDelete, limit: number): Promise<number>
  /** Deletes tombstones that are older than `tombstonesMs`. @returns how many */
  forget(collection: string, softDelete: SoftDelete, limit: number): Promise<number>
  retain(log: string, retention: LogRetention): Promise<void>
  /** Which of the next `limit` streams after one hold more than they should. */
  overdue(log: string, retention: LogRetention, after: StreamKey | undefined, limit: number): Promise<OverdueStreams>
}

export interface OverdueStreams {
  readonly streams: readonly StreamKey[]
  /** Where to go on; absent: that was the end. */
  readonly next?: StreamKey
}
