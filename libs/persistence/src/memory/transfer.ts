import { HoldfastError } from '@holdfast/errors'
import { canonicalJson } from '../query/json-value.js'
import type { JsonValue } from '../query/predicate.js'
import { compareText } from '../query/text-order.js'
import type {
  DocumentRow,
  EntryRow,
  PutOutcome,
  StreamRow,
  TransferOperations,
  TransferSource,
} from '../transfer/seam.js'
import type { MemoryBlobs } from './blobs.js'
import type { MemoryDocuments } from './documents.js'
import type { Row } from './row.js'
import type { Run } from './journal.js'
import type { MemoryLogs } from './logs.js'
import { type MemoryEntry, type Past, Stream } from './stream.js'

const pageRows = 1_000

/** Exports and imports of the memory backend. */
export class MemoryTransfer implements TransferOperations {
  readonly #run: Run
  readonly #documents: MemoryDocuments
  readonly #logs: MemoryLogs
  readonly #blobs: MemoryBlobs
  /** Streams that nobody sees yet: those whose entries come before them, and parents that come after their branches. By log and name. */
  readonly #awaited = new Map<string, Stream>()

  constructor(run: Run, documents: MemoryDocuments, logs: MemoryLogs, blobs: MemoryBlobs) {
    this.#run = run
    this.#documents = documents
    this.#logs = logs
    this.#blobs = blobs
  }

  /** Of documents and logs; blobs do not change, but may go meanwhile. */
  async snapshot<R>(work: (source: TransferSource) => Promise<R>): Promise<R> {
    const take = () => new MemorySource(this.#documents, this.#logs, this.#blobs, (log) => this.#namesOf(log))
    return work(await this.#run(take))
  }

  putDocuments(collection: string, rows: readonly DocumentRow[], replace: boolean): Promise<PutOutcome[]> {
    return this.#run(() =>
      rows.map((row) =>
        this.#documents.place(
          collection,
          memoryRow(row),
          (there) => (sameDocument(documentRow(there), row) ? 'same' : 'other'),
          replace,
        ),
      ),
    )
  }

  compareStreams(log: string, rows: readonly StreamRow[]): Promise<('absent' | 'same' | 'other')[]> {
    return this.#run(() => {
      const streams = this.#logs.streamsOf(log)
      const names = this.#namesOf(log)
      return rows.map((row) => {
        const there = streams.get(nameOf(row))
        if (there === undefined) return 'absent'
        return JSON.stringify(streamRow(row, there, names)) === JSON.stringify(ordered(row)) ? 'same' : 'other'
      })
    })
  }

  putEntries(log: string, rows: readonly EntryRow[]): Promise<void> {
    return this.#run(() => {
      const streams = this.#logs.streamsOf(log)
      for (const row of rows) {
        const stream = streams.get(nameOf(row)) ?? this.#await(log, nameOf(row))
        const before = stream.entries.get(row.seq)
        if (before !== undefined) stream.drop(before)
        const { seq, key, at, json, digest } = row
        const entry: MemoryEntry = { seq, key, at, json }
        stream.add(digest === undefined ? entry : { ...entry, originalDigest: digest })
      }
    })
  }

  putStreams(log: string, rows: readonly StreamRow[]): Promise<void> {
    return this.#run(() => {
      const streams = this.#logs.streamsOf(log)
      for (const row of rows) {
        const name = nameOf(row)
        const there = streams.get(name)
        const stream = there ?? this.#await(log, name)
        if (there === undefined)
          for (const entry of stream.entries.values()) if (entry.seq > row.head) stream.drop(entry)
        this.#awaited.delete(`${log}\0${name}`)
        if (row.past !== undefined) {
          const parentName = nameOf({ tenant: row.tenant, stream: row.past.parent })
          const parent = streams.get(parentName) ?? this.#await(log, parentName)
          stream.past?.stream.branches.delete(stream)
          stream.past = { stream: parent, base: row.past.base }
          parent.branches.add(stream)
        }
        if (row.head >= stream.head) stream.at = row.at ?? 0
        stream.head = Math.max(stream.head, row.head)
        stream.first = row.first
        stream.removed = row.removedAt !== undefined
        stream.removedAt = row.removedAt
        stream.lowest = Math.min(stream.head + 1, ...stream.entries.keys())
        streams.set(name, stream)
      }
    })
  }

  removeDocuments(): Promise<void> {
    return Promise.reject(notMoved())
  }

  removeEntries(): Promise<void> {
    return Promise.reject(notMoved())
  }

  removeStreams(): Promise<void> {
    return Promise.reject(notMoved())
  }

  canFence(): Promise<boolean> {
    return Promise.resolve(false)
  }

  fence(): Promise<void> {
    return Promise.reject(notMoved())
  }

  /** Also of parents that are still to come. */
  #namesOf(log: string): ReadonlyMap<Stream, string> {
    const names = new Map([...this.#logs.streamsOf(log)].map(([name, stream]) => [stream, name]))
    for (const [key, stream] of this.#awaited)
      if (key.startsWith(`${log}\0`)) names.set(stream, key.slice(log.length + 1))
    return names
  }

  #await(log: string, name: string): Stream {
    const known = this.#awaited.get(`${log}\0${name}`)
    if (known !== undefined) return known
    const stream = new Stream()
    this.#awaited.set(`${log}\0${name}`, stream)
    return stream
  }
}

function notMoved(): HoldfastError {
  return new HoldfastError('UNIMPLEMENTED', 'A store in memory is not moved: export it')
}

/** Holds on to the rows that were there when it was made. */
class MemorySource implements TransferSource {
  readonly blobs: MemoryBlobs
  readonly #collections: ReturnType<TransferSource['collections']>
  readonly #documents = new Map<string, DocumentRow[]>()
  readonly #streams = new Map<string, StreamRow[]>()
  readonly #entries = new Map<string, EntryRow[]>()

  constructor(
    documents: MemoryDocuments,
    logs: MemoryLogs,
    blobs: MemoryBlobs,
    namesOf: (log: string) => ReadonlyMap<Stream, string>,
  ) {
    this.blobs = blobs
    const collections = [...documents.specs].map(([name, { indexes, columns }]) => ({
      name,
      indexes,
      ...(columns === undefined ? {} : { columns }),
    }))
    this.#collections = Promise.resolve(collections.sort((a, b) => compareText(a.name, b.name)))
    for (const { name } of collections) {
      this.#documents.set(
        name,
        documents
          .rowsOf(name)
          .map(documentRow)
          .sort(byKey(({ id }) => id)),
      )
    }
    for (const log of logs.names) {
      const streams = logs.streamsOf(log)
      const names = namesOf(log)
      const rows = [...streams].map(([name, stream]) => ({ row: streamRow(keyOf(name), stream, names), stream }))
      rows.sort((a, b) => byKey<StreamRow>(({ stream }) => stream)(a.row, b.row))
      this.#streams.set(
        log,
        rows.map(({ row }) => row),
      )
      this.#entries.set(
        log,
        rows.flatMap(({ row: { tenant, stream: name }, stream }) =>
          [...stream.entries.values()]
            .sort((a, b) => a.seq - b.seq)
            .map(({ seq, key, at, originalDigest, json }) => ({
              tenant,
              stream: name,
              seq,
              key,
              at,
              digest: originalDigest,
              json,
            })),
        ),
      )
    }
  }

  collections(): ReturnType<TransferSource['collections']> {
    return this.#collections
  }

  async logs(): Promise<string[]> {
    return [...this.#streams.keys()].sort(compareText)
  }

  async documents(
    collection: string,
    tenant: string | undefined,
    after: { readonly tenant: string; readonly id: string } | undefined,
  ): Promise<DocumentRow[]> {
    return page(
      this.#documents.get(collection) ?? [],
      tenant,
      after && ((row) => row.tenant === after.tenant && row.id === after.id),
    )
  }

  async streams(
    log: string,
    tenant: string | undefined,
    after: { readonly tenant: string; readonly stream: string } | undefined,
  ): Promise<StreamRow[]> {
    return page(
      this.#streams.get(log) ?? [],
      tenant,
      after && ((row) => row.tenant === after.tenant && row.stream === after.stream),
    )
  }

  async entries(
    log: string,
    tenant: string | undefined,
    after: { readonly tenant: string; readonly stream: string; readonly seq: number } | undefined,
  ): Promise<EntryRow[]> {
    return page(
      this.#entries.get(log) ?? [],
      tenant,
      after && ((row) => row.tenant === after.tenant && row.stream === after.stream && row.seq === after.seq),
    )
  }
}

/** Where the last page ended is looked for from where it was found last time. */
const places = new WeakMap<readonly unknown[], number>()

function page<R extends { readonly tenant: string }>(
  rows: readonly R[],
  tenant: string | undefined,
  isLast: ((row: R) => boolean) | undefined,
): R[] {
  let at = 0
  if (isLast !== undefined) {
    const guess = places.get(rows) ?? 0
    const guessed = rows[guess]
    at = (guessed !== undefined && isLast(guessed) ? guess : rows.findIndex(isLast)) + 1
  }
  const found: R[] = []
  for (; at < rows.length && found.length < pageRows; at += 1) {
    const row = rows[at]
    if (row === undefined || (tenant !== undefined && row.tenant !== tenant)) continue
    found.push(row)
    places.set(rows, at)
  }
  return found
}

function memoryRow({ tenant, id, version, createdAt, updatedAt, expiresAt, removedAt, json }: DocumentRow): Row {
  return {
    tenant,
    id,
    version,
    createdAt,
    updatedAt,
    json: json ?? 'null',
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(removedAt === undefined ? {} : { removedAt }),
    ...(json === undefined ? { purged: true } : {}),
  }
}

function documentRow({
  tenant,
  id,
  version,
  createdAt,
  updatedAt,
  expiresAt,
  removedAt,
  purged,
  json,
}: Row): DocumentRow {
  return { tenant, id, version, createdAt, updatedAt, expiresAt, removedAt, json: purged === true ? undefined : json }
}

function sameDocument(a: DocumentRow, b: DocumentRow): boolean {
  const meta = ({ version, createdAt, updatedAt, expiresAt, removedAt }: DocumentRow) =>
    JSON.stringify([version, createdAt, updatedAt, expiresAt, removedAt])
  if (meta(a) !== meta(b)) return false
  return a.json === b.json || (a.json !== undefined && b.json !== undefined && canonical(a.json) === canonical(b.json))
}

const canonical = (json: string): string => canonicalJson(JSON.parse(json) as JsonValue)

function streamRow(
  { tenant, stream: name }: Pick<StreamRow, 'tenant' | 'stream'>,
  stream: Stream,
  names: ReadonlyMap<Stream, string>,
): StreamRow {
  const { head, first, at, past, removedAt } = stream
  const owner = past === undefined ? undefined : ownerOf(past)
  const parent = owner === undefined ? undefined : keyOf(names.get(owner) ?? '\0').stream
  return ordered({
    tenant,
    stream: name,
    head,
    first: Math.max(1, first),
    at: at === 0 ? undefined : at,
    past: past === undefined || parent === undefined ? undefined : { parent, base: past.base },
    removedAt,
  })
}

/** The stream that has the entry at the branch point itself, as the SQL backend notes it. */
function ownerOf({ stream, base }: Past): Stream {
  return stream.past !== undefined && stream.past.base >= base ? ownerOf({ stream: stream.past.stream, base }) : stream
}

/** With its members in one order, so that texts can be compared. */
function ordered({ tenant, stream, head, first, at, past, removedAt }: StreamRow): StreamRow {
  return { tenant, stream, head, first, at, past: past && { parent: past.parent, base: past.base }, removedAt }
}

const nameOf = ({ tenant, stream }: Pick<StreamRow, 'tenant' | 'stream'>): string => `${tenant}\0${stream}`

function keyOf(name: string): { readonly tenant: string; readonly stream: string } {
  const end = name.indexOf('\0')
  return { tenant: name.slice(0, end), stream: name.slice(end + 1) }
}

const byKey =
  <R extends { readonly tenant: string }>(last: (row: R) => string) =>
  (a: R, b: R): number =>
    compareText(a.tenant, b.tenant) || compareText(last(a), last(b))
