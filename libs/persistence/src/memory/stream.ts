import { createHash } from 'node:crypto'
import { canonicalJson } from '../query/json-value.js'
import type { JsonValue } from '../query/predicate.js'
import { jsonbText } from '../transfer/jsonb-text.js'

export interface MemoryEntry {
  readonly seq: number
  readonly key: string | undefined
  readonly at: number
  readonly json: string
  /** Of the text that was appended, once another took its place. Not the text itself: it may have been redacted. */
  readonly originalDigest?: string
}

export interface Past {
  readonly stream: Stream
  /** The last sequence number that is read from there. */
  readonly base: number
}

/** One stream of a log: what it holds itself, and the stream that it is a branch of. An entry that is out of its own stream's
 *  sight (trimmed, removed) is kept as long as a branch reads it. */
export class Stream {
  /** Set by an import after it was made, if then. */
  past: Past | undefined
  readonly branches: Set<Stream> = new Set()
  readonly entries: Map<number, MemoryEntry> = new Map()
  readonly keys: Map<string, MemoryEntry> = new Map()
  /** The last sequence number that was given. */
  head: number
  /** The first one in sight. */
  first: number
  /** Below this, `entries` holds nothing. */
  lowest: number
  at: number
  /** Until when somebody keeps a copy of its end; no part of what it holds, and of no export. */
  heldUntil = 0
  removed = false
  /** Meaningful if it is removed. */
  removedAt: number | undefined = undefined

  constructor(past?: Past) {
    this.past = past
    this.head = past?.base ?? 0
    this.first = past === undefined ? 1 : Math.min(past.stream.first, past.base + 1)
    this.lowest = this.head + 1
    this.at = past === undefined || past.base === 0 ? 0 : (past.stream.entry(past.base)?.at ?? past.stream.at)
  }

  /** An entry in sight, of its own or of its past. */
  entry(seq: number): MemoryEntry | undefined {
    return seq < this.first || seq > this.head ? undefined : this.#kept(seq)
  }

  /** The entry that has the key: one of its own as long as it is kept, one of its past if it is in sight. */
  keyed(key: string): MemoryEntry | undefined {
    const own = this.keys.get(key)
    if (own !== undefined || this.past === undefined) return own
    return this.past.stream.#keyedWithin(key, this.first, this.past.base)
  }

  add(entry: MemoryEntry): void {
    this.entries.set(entry.seq, entry)
    if (entry.key !== undefined) this.keys.set(entry.key, entry)
  }

  drop(entry: MemoryEntry): void {
    this.entries.delete(entry.seq)
    if (entry.key !== undefined && this.keys.get(entry.key) === entry) this.keys.delete(entry.key)
  }

  /** The entries that nobody can see any more. */
  unseen(): MemoryEntry[] {
    const views = [...this.#views(this.head)]
    const end = this.removed ? this.head + 1 : this.first
    const unseen: MemoryEntry[] = []
    for (let seq = this.lowest; seq < end; seq += 1) {
      const entry = this.entries.get(seq)
      const isSeen = views.some(({ from, to }) => from <= seq && seq <= to)
      if (entry !== undefined && !isSeen) unseen.push(entry)
    }
    return unseen
  }

  #kept(seq: number): MemoryEntry | undefined {
    return this.past !== undefined && seq <= this.past.base ? this.past.stream.#kept(seq) : this.entries.get(seq)
  }

  #keyedWithin(key: string, from: number, to: number): MemoryEntry | undefined {
    const entry = this.keys.get(key)
    if (entry !== undefined && from <= entry.seq && entry.seq <= to) return entry
    if (this.past === undefined) return undefined
    return this.past.stream.#keyedWithin(key, from, Math.min(to, this.past.base))
  }

  /** What this stream and all that branch off from it can see, up to a sequence number. */
  *#views(to: number): Generator<{ readonly from: number; readonly to: number }> {
    if (!this.removed) yield { from: this.first, to }
    for (const branch of this.branches) yield* branch.#views(Math.min(to, branch.past?.base ?? 0))
  }
}

/** Whether an append repeats the entry: the same value, whatever the order of keys. */
export function repeats(entry: MemoryEntry, json: string): boolean {
  if (entry.originalDigest === forgotten) return true
  if (entry.originalDigest !== undefined) return entry.originalDigest === digest(json)
  return entry.json === json || canonical(entry.json) === canonical(json)
}

const forgotten = ''

export function amended(entry: MemoryEntry, json: string, forget: boolean): MemoryEntry {
  return { ...entry, json, originalDigest: forget ? forgotten : (entry.originalDigest ?? digest(entry.json)) }
}

function canonical(json: string): string {
  return canonicalJson(JSON.parse(json) as JsonValue)
}

function digest(json: string): string {
  return createHash('sha256').update(jsonbText(json)).digest('hex')
}
