export interface LogOperations {
  ensure(log: string): Promise<void>
  append(log: string, groups: readonly AppendGroup[]): Promise<AppendOutcome[]>
  read(log: string, range: ReadRange): Promise<StoredEntry[]>
  heads(log: string, streams: readonly StreamKey[]): Promise<StreamHead[]>
  /** Creates an empty stream, so that `ifExists` holds. `false`: it was there already (or removed). */
  create(log: string, stream: StreamKey): Promise<boolean>
  /** Makes `to` a branch of `from` after `at`: it reads as `from` up to and including `at` and goes on with `at + 1` of its
   *  own. Nothing is copied. Throws NOT_FOUND, OUT_OF_RANGE (`at` is beyond the head), ALREADY_EXISTS (`to` is there). */
  fork(log: string, from: StreamKey, at: number, to: StreamKey): Promise<void>
  /** Deletes the oldest entries; the numbering goes on. @returns how many went. */
  trim(log: string, stream: StreamKey, to: TrimTo): Promise<number>
  /** Deletes all entries that no branch needs and leaves a tombstone. `false`: there was no such stream. */
  remove(log: string, stream: StreamKey): Promise<boolean>
  /** Replaces the data of one entry for good, keeping seq, key and at; the key still answers a repeated append of the
   *  original data. `undefined`: no such entry in this stream itself (entries of a branch's past belong to its parent).
   *  `forget`: nothing that the original data could be guessed from is kept; the key then answers any data. */
  amend(log: string, stream: StreamKey, seq: number, json: string, forget?: boolean): Promise<StoredEntry | undefined>
}

export interface StreamKey {
  readonly tenant: string
  readonly stream: string
}

export interface NewEntry {
  readonly key?: string
  readonly json: string
}

export interface StoredEntry {
  readonly seq: number
  readonly key?: string
  /** Milliseconds since 1970, decided by the database, never decreasing within a stream. */
  readonly at: number
  readonly json: string
}

/** Appends of one caller, or of several callers of the same stream in their order. Keys within a group are distinct. */
export interface AppendGroup extends StreamKey {
  readonly entries: readonly NewEntry[]
  /** Append only if the next sequence number is this one. */
  readonly ifNext?: number
  /** Append only if the stream has been created or appended to before. */
  readonly ifExists?: boolean
}

export type AppendOutcome =
  /** In the order of the group's entries. `stored` are entries whose key was there already, with the same data; the others were
   *  appended now, gap-free, in order. */
  | {
      readonly kind: 'appended'
      readonly entries: readonly AppendedEntry[]
      /** Whether the stream was held when it was appended to; absent: not known. */
      readonly isHeld?: boolean
    }
  /** Nothing was appended, because the key of this entry of the group is stored with other data. */
  | { readonly kind: 'conflict'; readonly index: number; readonly seq: number }
  /** Nothing was appended, because `next` is not `ifNext`. A group of which every key is stored is answered, not stale. */
  | { readonly kind: 'stale'; readonly next: number }
  | { readonly kind: 'removed' }
  | { readonly kind: 'missing' }

export interface AppendedEntry {
  readonly seq: number
  readonly at: number
  /** Present if the key was there before this call: the stored text, which an amendment may have changed since. */
  readonly stored?: { readonly json: string }
}

export interface StreamHead {
  /** The sequence number that the next append will get; 1 for a stream that was never written. */
  readonly next: number
  /** The lowest sequence number still kept; equals `next` if none is. */
  readonly first: number
  readonly exists: boolean
  readonly removed: boolean
  /** When the last entry was appended; 0 if never. */
  readonly at: number
}

/** Says of a stream that somebody is about to keep a copy of its end, for at most `ms`. */
export interface Hold extends StreamKey {
  readonly ms: number
}

export interface ReadRange extends StreamKey {
  /** Exclusive bounds. */
  readonly after?: number
  readonly before?: number
  readonly limit: number
  readonly reverse: boolean
}

export type TrimTo = { readonly keepLast: number } | { readonly beforeSeq: number } | { readonly olderThanMs: number }
