import { HoldfastError } from '@holdfast/errors'
import type {
  AppendedEntry,
  AppendGroup,
  AppendOutcome,
  Hold,
  LogOperations,
  NewEntry,
  ReadRange,
  StoredEntry,
  StreamHead,
  StreamKey,
  TrimTo,
} from '../backend.js'
import type { Journal, Run } from './journal.js'
import { amended, type MemoryEntry, repeats, Stream } from './stream.js'

/** By log, then by tenant and stream. */
type Logs = Map<string, Map<string, Stream>>

export class MemoryLogs implements LogOperations {
  readonly #run: Run
  readonly #journal: Journal
  readonly #clock: () => number
  readonly #logs: Logs

  constructor(run: Run, journal: Journal, clock: () => number, logs: Logs = new Map()) {
    this.#run = run
    this.#journal = journal
    this.#clock = clock
    this.#logs = logs
  }

  on(run: Run): MemoryLogs {
    return new MemoryLogs(run, this.#journal, this.#clock, this.#logs)
  }

  get names(): readonly string[] {
    return [...this.#logs.keys()]
  }

  /** For exports and imports, by tenant and stream. */
  streamsOf(log: string): Map<string, Stream> {
    return this.#streams(log)
  }

  ensure(log: string): Promise<void> {
    return this.#run(() => void this.#streams(log))
  }

  append(log: string, groups: readonly AppendGroup[]): Promise<AppendOutcome[]> {
    return this.#run(() => groups.map((group) => this.#append(log, group)))
  }

  read(log: string, { after = 0, before = Infinity, limit, reverse, ...key }: ReadRange): Promise<StoredEntry[]> {
    return this.#run(() => {
      const stream = this.#live(log, key)
      if (stream === undefined) return []
      const from = Math.max(stream.first, after + 1)
      const to = Math.min(stream.head, before - 1)
      const count = Math.max(0, Math.min(limit, to - from + 1))
      return Array.from({ length: count }, (_, index) => stream.entry(reverse ? to - index : from + index))
        .filter((entry) => entry !== undefined)
        .map(storedOf)
    })
  }

  heads(log: string, keys: readonly StreamKey[]): Promise<StreamHead[]> {
    return this.#run(() => keys.map((key) => headOf(this.#streams(log).get(nameOf(key)))))
  }

  /** Outside of any transaction, as the row's writers see it. */
  async hold(log: string, { ms, ...key }: Hold): Promise<boolean> {
    const stream = this.#live(log, key)
    if (stream === undefined) return false
    const now = this.#clock()
    if (stream.heldUntil < now + ms) stream.heldUntil = now + 4 * ms
    return true
  }

  create(log: string, key: StreamKey): Promise<boolean> {
    return this.#run(() => {
      if (this.#streams(log).has(nameOf(key))) return false
      this.#addStream(log, key, new Stream())
      return true
    })
  }

  fork(log: string, from: StreamKey, at: number, to: StreamKey): Promise<void> {
    return this.#run(() => {
      const parent = this.#live(log, from)
      if (parent === undefined) {
        throw new HoldfastError('NOT_FOUND', `Stream ${from.stream} of ${log} does not exist: nothing to fork from`)
      }
      if (at > parent.head) {
        throw new HoldfastError(
          'OUT_OF_RANGE',
          `Stream ${from.stream} of ${log} ends at ${parent.head}: fork at most there`,
        )
      }
      if (this.#streams(log).has(nameOf(to))) {
        throw new HoldfastError(
          'ALREADY_EXISTS',
          `Stream ${to.stream} of ${log} exists or existed: fork to another name`,
        )
      }
      const branch = new Stream({ stream: parent, base: at })
      parent.branches.add(branch)
      this.#journal.record(() => parent.branches.delete(branch))
      this.#addStream(log, to, branch)
    })
  }

  /** What a tenant has, removed or not. */
  held(log: string, tenant: string): Promise<{ readonly name: string; readonly entries: number }[]> {
    return this.#run(() =>
      this.#of(log, tenant).map(([name, { entries }]) => ({
        name: name.slice(tenant.length + 1),
        entries: entries.size,
      })),
    )
  }

  /** @returns how many entries went */
  eraseEntries(log: string, tenant: string): Promise<number> {
    return this.#run(() => {
      let count = 0
      for (const [, stream] of this.#of(log, tenant)) {
        const entries = [...stream.entries.values()]
        for (const entry of entries) stream.drop(entry)
        this.#journal.record(() => {
          for (const entry of entries) stream.add(entry)
        })
        count += entries.length
      }
      return count
    })
  }

  /** @returns how many streams went */
  eraseStreams(log: string, tenant: string): Promise<number> {
    return this.#run(() => {
      const streams = this.#streams(log)
      const erased = this.#of(log, tenant)
      for (const [name] of erased) streams.delete(name)
      this.#journal.record(() => {
        for (const [name, stream] of erased) streams.set(name, stream)
      })
      return erased.length
    })
  }

  #of(log: string, tenant: string): [name: string, stream: Stream][] {
    return [...this.#streams(log)].filter(([name]) => name.startsWith(`${tenant}\0`))
  }

  /** Those that were not removed. */
  streams(log: string): Promise<StreamKey[]> {
    return this.#run(() =>
      [...this.#streams(log)]
        .filter(([, { removed }]) => !removed)
        .map(([name]) => ({ tenant: name.slice(0, name.indexOf('\0')), stream: name.slice(name.indexOf('\0') + 1) })),
    )
  }

  trim(log: string, key: StreamKey, to: TrimTo): Promise<number> {
    return this.#run(() => {
      const stream = this.#live(log, key)
      if (stream === undefined) return 0
      const { first } = stream
      stream.first = Math.max(first, Math.min(this.#firstKept(stream, to), stream.head + 1))
      this.#journal.record(() => {
        stream.first = first
      })
      this.#sweep(stream)
      return stream.first - first
    })
  }

  remove(log: string, key: StreamKey): Promise<boolean> {
    return this.#run(() => {
      const stream = this.#live(log, key)
      if (stream === undefined) return false
      stream.removed = true
      stream.removedAt = this.#clock()
      this.#journal.record(() => {
        stream.removed = false
      })
      this.#sweep(stream)
      return true
    })
  }

  amend(log: string, key: StreamKey, seq: number, json: string, forget = false): Promise<StoredEntry | undefined> {
    return this.#run(() => {
      const stream = this.#live(log, key)
      const before = stream?.entries.get(seq)
      if (stream === undefined || before === undefined || seq < stream.first) return undefined
      const after = amended(before, json, forget)
      stream.add(after)
      this.#journal.record(() => stream.add(before))
      return storedOf(after)
    })
  }

  #append(log: string, { entries, ifNext, ifExists, ...key }: AppendGroup): AppendOutcome {
    const known = this.#streams(log).get(nameOf(key))
    if (known?.removed === true) return { kind: 'removed' }
    if (known === undefined && ifExists === true) return { kind: 'missing' }
    const stored = entries.map((entry) => (entry.key === undefined ? undefined : known?.keyed(entry.key)))
    const next = (known?.head ?? 0) + 1
    const isRepeated = entries.length > 0 && !stored.includes(undefined)
    // Whoever repeats an append after a lost answer expects the number that was the next then.
    if (ifNext !== undefined && ifNext !== next && !isRepeated) return { kind: 'stale', next }
    for (const [index, { json }] of entries.entries()) {
      const before = stored[index]
      if (before !== undefined && !repeats(before, json)) return { kind: 'conflict', index, seq: before.seq }
    }
    if (isRepeated || entries.length === 0) return { kind: 'appended', entries: answers(stored, []) }
    const stream = known ?? this.#addStream(log, key, new Stream())
    const fresh = entries.filter((_, index) => stored[index] === undefined)
    const appended = answers(stored, this.#extend(stream, fresh))
    // What was stored before may have been unheld then, or not.
    if (fresh.length < entries.length) return { kind: 'appended', entries: appended }
    return { kind: 'appended', entries: appended, isHeld: stream.heldUntil > this.#clock() }
  }

  #extend(stream: Stream, entries: readonly NewEntry[]): MemoryEntry[] {
    const { head, at: lastAt } = stream
    const at = Math.max(this.#clock(), lastAt)
    const added = entries.map(({ key, json }, index) => ({ seq: head + 1 + index, key, at, json }))
    for (const entry of added) stream.add(entry)
    stream.head = head + added.length
    stream.at = at
    this.#journal.record(() => {
      for (const entry of added) stream.drop(entry)
      stream.head = head
      stream.at = lastAt
    })
    return added
  }

  #firstKept(stream: Stream, to: TrimTo): number {
    if ('keepLast' in to) return stream.head - to.keepLast + 1
    if ('beforeSeq' in to) return to.beforeSeq
    const oldest = this.#clock() - to.olderThanMs
    let seq = stream.first
    while (seq <= stream.head && (stream.entry(seq)?.at ?? 0) < oldest) seq += 1
    return seq
  }

  /** Deletes what nobody can see any more: in the stream, and in those of its past, which may have been kept for it alone. */
  #sweep(from: Stream): void {
    for (let stream: Stream | undefined = from; stream !== undefined; stream = stream.past?.stream) {
      const swept = stream
      const unseen = swept.unseen()
      const { lowest } = swept
      for (const entry of unseen) swept.drop(entry)
      while (swept.lowest <= swept.head && !swept.entries.has(swept.lowest)) swept.lowest += 1
      this.#journal.record(() => {
        for (const entry of unseen) swept.add(entry)
        swept.lowest = lowest
      })
    }
  }

  #streams(log: string): Map<string, Stream> {
    const known = this.#logs.get(log)
    if (known !== undefined) return known
    const streams = new Map<string, Stream>()
    this.#logs.set(log, streams)
    return streams
  }

  #addStream(log: string, key: StreamKey, stream: Stream): Stream {
    const streams = this.#streams(log)
    streams.set(nameOf(key), stream)
    this.#journal.record(() => streams.delete(nameOf(key)))
    return stream
  }

  #live(log: string, key: StreamKey): Stream | undefined {
    const stream = this.#streams(log).get(nameOf(key))
    return stream?.removed === true ? undefined : stream
  }
}

const nameOf = ({ tenant, stream }: StreamKey): string => `${tenant}\0${stream}`

/** In the order of the call: what was there already and, taken in turn, what was added. */
function answers(stored: readonly (MemoryEntry | undefined)[], added: readonly MemoryEntry[]): AppendedEntry[] {
  const rest = added.values()
  return stored.flatMap((known): AppendedEntry[] => {
    if (known !== undefined) return [{ seq: known.seq, at: known.at, stored: { json: known.json } }]
    const { value } = rest.next()
    return value === undefined ? [] : [{ seq: value.seq, at: value.at }]
  })
}

function headOf(stream: Stream | undefined): StreamHead {
  if (stream === undefined) return { next: 1, first: 1, exists: false, removed: false, at: 0 }
  const { head, first, removed, at } = stream
  return { next: head + 1, first: removed ? head + 1 : first, exists: !removed, removed, at }
}

function storedOf({ seq, key, at, json }: MemoryEntry): StoredEntry {
  return key === undefined ? { seq, at, json } : { seq, key, at, json }
}
