import type { LogRetention } from '../expiry/upkeep-operations.js'
import type { StreamHead } from '../log-operations.js'
import type { StandardSchema } from '../schema/standard-schema.js'

export interface Entry<T> {
  /** 1, 2, 3, … without gaps within a stream. */
  readonly seq: number
  readonly key?: string
  readonly at: Date
  readonly data: T
}

export interface AppendOptions {
  /** Append only if the next sequence number is this; otherwise ABORTED. The fence of a single writer. */
  readonly ifNext?: number
  /** Append only to a stream that was created or appended to before; otherwise NOT_FOUND. */
  readonly ifExists?: boolean
}

export interface ReadOptions {
  /** Exclusive bounds. */
  readonly after?: number
  readonly before?: number
  /** Default 1,000, at most 10,000. */
  readonly limit?: number
  /** Newest first. */
  readonly reverse?: boolean
}

export interface LogOptions<T = unknown> {
  /** What data must fit, as of collections: checked by every append and amendment. */
  readonly schema?: StandardSchema<T>
  /** Encrypts the data of entries, under keys of the tenant. */
  readonly encrypt?: boolean
  /** Trims every stream of the log in the background, as `trim` does: to its newest `keepLast` entries, and to those that are not older
   *  than `olderThanMs`. Holds from then on, whoever opens the log; the last one to declare decides. Default: entries stay. */
  readonly retain?: LogRetention
}

export interface HeldEntries<T> {
  readonly entries: Entry<T>[]
  /** `false`: when they were appended, nobody held the stream (`ReadLog.hold`). */
  readonly isHeld: boolean
}

/** A log as `readTogether` reads it. */
export interface ReadLog<T> extends Pick<Log<T>, 'name' | 'read' | 'head' | 'heads'> {
  /** For whoever keeps a copy of a stream's end, and has to be told of what is appended: says in the same statement, durably, that the stream is
   *  held. `true`: every append that these reads did not see answers `isHeld`, for at least `ms` from when the statement began.
   *  `false`: somebody appended meanwhile, or there is no such stream; nothing may be kept then. A write only when less than `ms` is left of
   *  an earlier hold, which is made for four times as long. At most once in one `readTogether`. */
  hold(stream: string, ms: number): Promise<boolean>
}

/** Append-only streams of entries; the cost of an append does not depend on a stream's length. */
export interface Log<T> {
  readonly name: string
  /** Appends all entries, gap-free, in order, in one commit. An entry whose `key` is in the stream already is not appended
   *  again: the stored one is returned. @throws ALREADY_EXISTS if it has other data; ABORTED, NOT_FOUND as the options say;
   *  FAILED_PRECONDITION if the stream was removed */
  append(
    stream: string,
    entries: readonly { readonly key?: string; readonly data: T }[],
    options?: AppendOptions,
  ): Promise<Entry<T>[]>
  /** As `append`, and tells whether somebody may keep a copy of the stream's end, who has to be told. */
  appendHeld(
    stream: string,
    entries: readonly { readonly key?: string; readonly data: T }[],
    options?: AppendOptions,
  ): Promise<HeldEntries<T>>
  read(stream: string, options?: ReadOptions): Promise<Entry<T>[]>
  /** What is there after `after` (default 0: all), then what comes, until `signal` aborts (then it ends quietly).
   *  @throws FAILED_PRECONDITION when the stream is removed meanwhile */
  tail(stream: string, options?: { readonly after?: number; readonly signal?: AbortSignal }): AsyncIterable<Entry<T>>
  head(stream: string): Promise<StreamHead>
  heads(streams: readonly string[]): Promise<StreamHead[]>
  /** Makes an empty stream. `false`: it exists or existed. */
  create(stream: string): Promise<boolean>
  /** A branch: `to` reads as `from` up to and including `at`, then goes on with entries of its own from `at + 1`. Nothing is copied. */
  fork(from: string, at: number, to: string): Promise<void>
  trim(
    stream: string,
    to: { readonly keepLast: number } | { readonly beforeSeq: number } | { readonly olderThanMs: number },
  ): Promise<number>
  /** Deletes the stream and leaves a tombstone: a later append gets FAILED_PRECONDITION. `false`: there was none. */
  remove(stream: string): Promise<boolean>
  /** Replaces the data of an entry for good (edit, redaction). `undefined`: the stream has no such entry of its own. */
  amend(
    stream: string,
    seq: number,
    data: T,
    options?: {
      /** Keeps no digest of the original data, so that it cannot be guessed; its key then answers an append of any data. */
      readonly forget?: boolean
    },
  ): Promise<Entry<T> | undefined>
}
