import type { Document } from '../contract/document.js'
import type { ChangeKind } from './feed-operations.js'

export interface FeedOptions {
  /** How long entries are kept, in milliseconds, at least 1,000; default: for good. A position that is older gets OUT_OF_RANGE. */
  readonly retainMs?: number
}

/** One change of one document. */
export interface FeedEvent<T> {
  /** Pass it as `after` to go on behind this event. */
  readonly position: string
  /** `write`: the document was written (new or changed). `delete`: it was deleted, or it expired. */
  readonly op: ChangeKind
  readonly id: string
  /** The version that was written, or deleted. Puts of one document that were gathered into one statement are one event, with the
   *  last version. */
  readonly version: number
  readonly at: Date
  /** The document as it was when the event was read for delivery: at this version or a later one. Absent if it was gone by then. */
  readonly document?: Document<T>
}

export interface WatchOptions {
  /** Go on behind this event's position. @throws OUT_OF_RANGE with reason FEED_TRIMMED or FEED_AHEAD if the feed does not have it */
  readonly after?: string
  /** Without `after`: with the next change (default), or with the oldest that is kept. */
  readonly from?: 'now' | 'start'
  /** Ends the iteration, quietly. */
  readonly signal?: AbortSignal
}

export interface ConsumerOptions {
  /** Where a new consumer begins: with the oldest change that is kept (default), or with the next one. */
  readonly from?: 'start' | 'now'
  /** Events that the handler gets at once, at most; default 100. */
  readonly batch?: number
  /** Runs the handler in a transaction that also stores the position: what it writes through its scope happens exactly once. The handler may
   *  be run again for the same events if the transaction conflicts. Default false: at least once. */
  readonly transactional?: boolean
  /** After this long without a sign of life another process takes over, in milliseconds; default 15,000, at least 200. */
  readonly leaseMs?: number
  /** How often the handler is called for the same events before the consumer ends with its error; default 10, with pauses that
   *  double from 100 ms to 10 s. */
  readonly maxAttempts?: number
  readonly signal?: AbortSignal
}

/** A consumer under way. */
export interface Consumer extends AsyncDisposable {
  readonly name: string
  /** Whether this one is the active one of its name. */
  readonly active: boolean
  /** Resolves when it was stopped. @throws what it ended with: the handler's error, or OUT_OF_RANGE (FEED_TRIMMED) */
  readonly done: Promise<void>
  /** Waits for the handler, then lets another take over at once. */
  stop(): Promise<void>
}
