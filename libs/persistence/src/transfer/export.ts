import { HoldfastError } from '@holdfast/errors'
import type { Backend } from '../backend.js'
import { encryptedBlobOperations } from '../encryption/encrypted-blobs.js'
import type { StoredKey } from '../encryption/key-operations.js'
import type { KeyRing } from '../encryption/key-ring.js'
import type { Duties } from '../expiry/upkeep-operations.js'
import { checkOptions } from '../options.js'
import type { BlobContents } from '../blobs/blob-content.js'
import { blobChunkBytes, type BlobOperations, type PlacedBlob } from '../blobs/blob-operations.js'
import { readBlob } from '../blobs/read-blob.js'
import { canonicalJson } from '../query/json-value.js'
import type { JsonValue } from '../query/predicate.js'
import { checkTenantId } from '../sql/names.js'
import { LineWriter } from './checked-lines.js'
import { Handover } from './handover.js'
import { GivenBlobs } from './given-blobs.js'
import { blobsFirstVersion, noCounts, plainVersion, type TransferCounts } from './records.js'
import type { DeclaredCollection, DocumentRow, EntryRow, StreamRow, TransferSource } from './seam.js'
import type { ExportOptions } from './transfer-options.js'

/** What is exported. */
export interface ExportOrigin {
  readonly backend: Backend
  readonly contents: BlobContents
  readonly ring: KeyRing | undefined
}

interface TenantKey {
  readonly tenant: string
  readonly key: StoredKey
}

const linkPage = 1_000
const blobPage = 500

/** How the blobs go out. */
export interface BlobPlan {
  /** `with-rows`: as of the moment that all is of; `first`: before that moment is taken, which then does not have to be held while they are read; `names`:
   *  without their bytes, which makes lines that cannot be imported, for their digest. */
  readonly blobs: 'with-rows' | 'first' | 'names'
  /** `first`: lines of an export that was cut off, up to the end of a blob; what is given goes on behind them. */
  readonly before?: AsyncIterable<string>
}

/** Everything as lines of JSON, each with its line feed, in an order that depends on the content only (blobs that come first: on when they were found). */
export async function* exportLines(
  origin: ExportOrigin,
  options: ExportOptions = {},
  plan: BlobPlan = { blobs: 'with-rows' },
): AsyncGenerator<string> {
  checkOptions(options, ['tenant', 'keys', 'onProgress'])
  const { tenant, onProgress } = options
  if (tenant !== undefined) checkTenantId(tenant, 'tenant')
  const { backend } = origin
  const lines = new LineWriter()
  const given = new GivenBlobs()
  const isResumed = plan.before !== undefined && (await given.takeOver(plan.before, lines))
  if (!isResumed) {
    const version = plan.blobs === 'first' ? blobsFirstVersion : plainVersion
    const header = { type: 'header', format: 'holdfast', version, ...(tenant === undefined ? {} : { tenant }) }
    yield lines.line(JSON.stringify(header).slice(0, -1))
  }
  if (plan.blobs === 'first') yield* earlyBlobs(origin, tenant, lines, given)
  const duties = await backend.upkeep.duties()
  const blocks = new Handover<readonly string[]>()
  const done = backend.transfer
    .snapshot(async (source) => {
      // Its moment is that of its first statement. Keys that were made before it must come along: later ones do no harm.
      const collections = await source.collections()
      const keys = options.keys === true ? await keysOf(backend, tenant) : []
      const bytes = plan.blobs === 'names' ? undefined : given
      const writer = new ExportWriter(source, origin, tenant, { duties, keys, collections, lines, given: bytes })
      for await (const block of writer.blocks()) {
        if (!(await blocks.give(block))) return
        onProgress?.(writer.counts)
      }
    })
    .then(
      () => blocks.end(),
      (error: unknown) => blocks.end({ error }),
    )
  try {
    for await (const block of blocks) yield* block
  } finally {
    await done
  }
}

interface Exported {
  readonly duties: Duties
  readonly keys: readonly TenantKey[]
  readonly collections: readonly DeclaredCollection[]
  readonly lines: LineWriter
  /** The blobs whose bytes have gone out; `undefined`: no bytes are wanted. */
  readonly given: GivenBlobs | undefined
}

class ExportWriter {
  readonly counts: TransferCounts = noCounts()
  readonly #source: TransferSource
  readonly #blobs: BlobOperations
  readonly #contents: BlobContents
  readonly #tenant: string | undefined
  readonly #exported: Exported
  readonly #lines: LineWriter

  constructor(source: TransferSource, origin: ExportOrigin, tenant: string | undefined, exported: Exported) {
    this.#source = source
    this.#blobs = readableBlobs(source.blobs, origin)
    this.#contents = origin.contents
    this.#tenant = tenant
    this.#exported = exported
    this.#lines = exported.lines
  }

  async *blocks(): AsyncGenerator<string[]> {
    const { keys, collections } = this.#exported
    this.counts.keys = keys.length
    yield keys.map(({ tenant: of, key: { number, wrappedBy, wrapped } }) =>
      this.#line({ type: 'key', tenant: of, number, wrappedBy, wrapped }),
    )
    for (const { name, indexes, columns } of collections) {
      const declared = indexes.map((index) => canonicalJson(index as unknown as JsonValue)).sort()
      const own = columns === undefined ? '' : `,"columns":${JSON.stringify(columns)}`
      yield* this.#collection(
        name,
        `{"type":"collection","name":${JSON.stringify(name)},"indexes":[${declared.join(',')}]${own}${this.#lifeOf(name)}`,
      )
    }
    for (const log of await this.#source.logs()) yield* this.#log(log)
    yield* this.#allBlobs()
    const { contentSha256, sha256 } = this.#lines
    yield [this.#line({ type: 'trailer', ...this.counts, contentSha256, sha256 })]
  }

  /** Of one tenant, only collections that have something of it are named: the others are not its own. */
  async *#collection(name: string, heading: string): AsyncGenerator<string[]> {
    let after: DocumentRow | undefined
    let isNamed = false
    for (;;) {
      const rows = await this.#source.documents(name, this.#tenant, after)
      after = rows.at(-1)
      const lines: string[] = []
      if (!isNamed && (rows.length > 0 || this.#tenant === undefined)) {
        isNamed = true
        this.counts.collections += 1
        lines.push(this.#lines.contentLine(heading))
      }
      for (const row of rows) {
        const body = documentBody(row)
        // By the time that somebody compares, what has a lifetime may be over here or there.
        lines.push(row.expiresAt === undefined ? this.#lines.contentLine(body) : this.#lines.line(body))
      }
      this.counts.documents += rows.length
      if (lines.length > 0) yield lines
      if (rows.length === 0) return
    }
  }

  async *#log(log: string): AsyncGenerator<string[]> {
    const entries = new EntryPages(this.#source, log, this.#tenant)
    let after: StreamRow | undefined
    let isNamed = false
    for (;;) {
      const streams = await this.#source.streams(log, this.#tenant, after)
      after = streams.at(-1)
      if (!isNamed && (streams.length > 0 || this.#tenant === undefined)) {
        isNamed = true
        this.counts.logs += 1
        yield [this.#lines.contentLine(`{"type":"log","name":${JSON.stringify(log)}${this.#retentionOf(log)}`)]
      }
      for (const stream of streams) {
        this.counts.streams += 1
        yield [this.#lines.contentLine(streamBody(stream))]
        for await (const rows of entries.of(stream)) {
          this.counts.entries += rows.length
          yield rows.map((row) => this.#lines.contentLine(entryBody(row)))
        }
      }
      if (streams.length === 0) return
    }
  }

  async *#allBlobs(): AsyncGenerator<string[]> {
    const blobs = this.#blobs
    const { given } = this.#exported
    let after: (PlacedBlob & { readonly tenant: string }) | undefined
    for (;;) {
      const page = await blobs.list(this.#tenant, after, blobPage)
      after = page.at(-1)
      for (const blob of page) {
        const { tenant, hash, sizeBytes } = blob
        this.counts.blobs += 1
        const state = given === undefined ? 'given' : given.take(blob)
        if (state === 'otherwise') yield [this.#line({ type: 'gone', tenant, hash })]
        yield [this.#lines.contentLine(blobBody('blob', blob))]
        if (state !== 'given') {
          const bytes = readBlob(tenant, blobs, this.#contents, blob, 0, sizeBytes)
          for await (const chunk of inChunks(bytes)) yield [this.#line(chunkOf(chunk))]
        }
        yield* this.#links(tenant, hash)
      }
      if (page.length < blobPage) break
    }
    for (const { tenant, hash } of given?.left() ?? []) yield [this.#line({ type: 'gone', tenant, hash })]
  }

  async *#links(tenant: string, hash: string): AsyncGenerator<string[]> {
    let owner = ''
    for (;;) {
      const links = await this.#blobs.links(tenant, { hash }, owner, linkPage)
      owner = links.at(-1)?.owner ?? owner
      this.counts.links += links.length
      if (links.length > 0) {
        yield links.map(({ owner: by }) => this.#lines.contentLine(`{"type":"link","owner":${JSON.stringify(by)}`))
      }
      if (links.length < linkPage) return
    }
  }

  #lifeOf(collection: string): string {
    const { expiring, softDeleting } = this.#exported.duties
    const found = softDeleting.find((one) => one.collection === collection)
    const softDelete = found === undefined ? '' : `,"softDelete":${canonical(found.softDelete)}`
    return `${expiring.includes(collection) ? ',"expires":true' : ''}${softDelete}`
  }

  #retentionOf(log: string): string {
    const found = this.#exported.duties.retaining.find((one) => one.log === log)
    return found === undefined ? '' : `,"retain":${canonical(found.retention)}`
  }

  #line(record: object): string {
    return this.#lines.line(JSON.stringify(record).slice(0, -1))
  }
}

/** All blobs, as they are found, but for those that were given before. */
async function* earlyBlobs(
  origin: ExportOrigin,
  ofTenant: string | undefined,
  lines: LineWriter,
  given: GivenBlobs,
): AsyncGenerator<string> {
  const blobs = readableBlobs(origin.backend.blobs, origin)
  let after: (PlacedBlob & { readonly tenant: string }) | undefined
  for (;;) {
    const page = await blobs.list(ofTenant, after, blobPage)
    after = page.at(-1)
    for (const blob of page) {
      if (given.has(blob)) continue
      const { tenant, sizeBytes } = blob
      yield lines.line(blobBody('bytes', blob))
      try {
        const bytes = readBlob(tenant, blobs, origin.contents, blob, 0, sizeBytes)
        for await (const chunk of inChunks(bytes)) yield lines.line(JSON.stringify(chunkOf(chunk)).slice(0, -1))
        given.add(blob)
      } catch (error) {
        if (!(error instanceof HoldfastError) || error.code !== 'NOT_FOUND') throw error
        yield lines.line('{"type":"broken"')
      }
    }
    if (page.length < blobPage) return
  }
}

export function readableBlobs(blobs: BlobOperations, { ring }: ExportOrigin): BlobOperations {
  if (ring === undefined) return blobs
  return encryptedBlobOperations(blobs, { keys: (of) => ring.source(of), encrypts: false })
}

const chunkOf = (bytes: Buffer) => ({ type: 'chunk', bytes: bytes.toString('base64') })

function blobBody(type: 'blob' | 'bytes', blob: PlacedBlob & { readonly tenant: string }): string {
  const { tenant, hash, sizeBytes, contentType, createdAt } = blob
  return JSON.stringify({ type, tenant, hash, sizeBytes, contentType, createdAt: timeOf(createdAt) }).slice(0, -1)
}

/** The entries of a log, taken stream by stream from pages that go across streams. */
class EntryPages {
  readonly #source: TransferSource
  readonly #log: string
  readonly #tenant: string | undefined
  #page: readonly EntryRow[] = []
  #at = 0
  #last: EntryRow | undefined
  #isOver = false

  constructor(source: TransferSource, log: string, tenant: string | undefined) {
    this.#source = source
    this.#log = log
    this.#tenant = tenant
  }

  /** Streams must come in the order of the entries. Without a snapshot there may be entries of streams that came later, and beyond the head. */
  async *of({ tenant, stream, head }: StreamRow): AsyncGenerator<readonly EntryRow[]> {
    for (;;) {
      const rows: EntryRow[] = []
      for (; this.#at < this.#page.length; this.#at += 1) {
        const row = this.#page[this.#at] as EntryRow
        const order = compareBytes(row.tenant, tenant) || compareBytes(row.stream, stream)
        if (order > 0) {
          if (rows.length > 0) yield rows
          return
        }
        if (order === 0 && row.seq <= head) rows.push(row)
      }
      if (rows.length > 0) yield rows
      if (this.#isOver) return
      this.#page = await this.#source.entries(this.#log, this.#tenant, this.#last)
      this.#at = 0
      this.#last = this.#page.at(-1)
      this.#isOver = this.#page.length === 0
    }
  }
}

/** Without members that are `undefined`. */
const canonical = (value: object): string => canonicalJson(JSON.parse(JSON.stringify(value)) as JsonValue)

export async function keysOf(backend: Backend, tenant: string | undefined): Promise<TenantKey[]> {
  // No master key has an empty name.
  const keys = await backend.keys.wrappedByOthers('', Number.MAX_SAFE_INTEGER)
  return keys
    .filter((key) => tenant === undefined || key.tenant === tenant)
    .sort((a, b) => compareBytes(a.tenant, b.tenant) || a.key.number - b.key.number)
}

/** The order of `COLLATE "C"`. */
function compareBytes(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** Bytes in pieces of the size of a chunk, wherever they were kept. */
async function* inChunks(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let begun: Uint8Array[] = []
  let begunBytes = 0
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const part = piece.subarray(at, at + blobChunkBytes - begunBytes)
      begun.push(Uint8Array.from(part))
      begunBytes += part.length
      at += part.length
      if (begunBytes < blobChunkBytes) continue
      yield Buffer.concat(begun)
      begun = []
      begunBytes = 0
    }
  }
  if (begunBytes > 0) yield Buffer.concat(begun)
}

function documentBody({ tenant, id, version, createdAt, updatedAt, expiresAt, removedAt, json }: DocumentRow): string {
  const head = { type: 'document', tenant, id, version, createdAt: timeOf(createdAt), updatedAt: timeOf(updatedAt) }
  const ends = { expiresAt: timeOf(expiresAt), removedAt: timeOf(removedAt) }
  return JSON.stringify({ ...head, ...ends }).slice(0, -1) + dataMember(json)
}

function streamBody({ tenant, stream, head, first, at, past, removedAt }: StreamRow): string {
  const row = { type: 'stream', tenant, stream, head, first, at: timeOf(at), ...past, removedAt: timeOf(removedAt) }
  return JSON.stringify(row).slice(0, -1)
}

function entryBody({ seq, key, at, digest, json }: EntryRow): string {
  return JSON.stringify({ type: 'entry', seq, key, at: timeOf(at), digest }).slice(0, -1) + dataMember(json)
}

/** With its keys in order: backends keep them in different ones. */
function dataMember(json: string | undefined): string {
  return json === undefined ? '' : `,"data":${canonicalJson(JSON.parse(json) as JsonValue)}`
}

function timeOf(milliseconds: number): string
function timeOf(milliseconds: number | undefined): string | undefined
function timeOf(milliseconds: number | undefined): string | undefined {
  return milliseconds === undefined ? undefined : new Date(milliseconds).toISOString()
}
