import { HoldfastError, invalidField } from '@holdfast/errors'
import type { Backend } from '../backend.js'
import type { BlobContents } from '../blobs/blob-content.js'
import type { BlobOperations } from '../blobs/blob-operations.js'
import { putStream } from '../blobs/put-blob.js'
import { checkOptions } from '../options.js'
import type { Relations } from '../relations.js'
import { checkName, checkTenantId } from '../sql/names.js'
import { type CheckedLine, damagedLine } from './checked-lines.js'
import { Records } from './checked-records.js'
import { declarationOf, documentOf, entryOf, integerOf, streamOf, textOf, timeOf } from './read-record.js'
import { newestVersion } from './records.js'
import type { DocumentRow, EntryRow, StreamRow } from './seam.js'
import type { Chunks } from './split-lines.js'
import type { ImportOptions, ImportReport, WrittenCounts } from './transfer-options.js'

export interface ImportTarget {
  readonly backend: Backend
  readonly relations: Relations
  readonly contents: BlobContents
  /** As the backend's, with encryption. */
  readonly blobs: BlobOperations
}

const batchRows = 1_000
const batchUnits = 4 * 1024 * 1024

/** An import that is taken up again, of the same lines into the same store. */
export interface Resumption {
  /** Lines up to there are in the store; 0: none. */
  readonly after: number
  /** Told now and then up to which line all is in the store; what it returns is awaited. */
  readonly onDurable: (line: number) => Promise<void>
  /** Whether nothing else is in the store, so that blobs which turn out to belong to nothing can go. */
  readonly isAlone: boolean
}

export function importLines(
  target: ImportTarget,
  lines: Chunks,
  options: ImportOptions = {},
  resumption?: Resumption,
): Promise<ImportReport> {
  checkOptions(options, ['tenant', 'onConflict', 'signal', 'onProgress'])
  const { tenant, onConflict = 'fail' } = options
  if (tenant !== undefined) checkTenantId(tenant, 'tenant')
  if (onConflict !== 'fail' && onConflict !== 'skip' && onConflict !== 'replace') {
    throw invalidField('onConflict', 'must be fail, skip or replace')
  }
  return new Import(target, lines, { ...options, onConflict }, resumption).run()
}

/** Its bytes were deleted while they were exported. */
class BrokenBlob extends Error {}

/** What is to become of a stream. */
interface OpenStream {
  readonly row: StreamRow
  readonly line: number
  writes: boolean | undefined
}

class Import {
  readonly #target: ImportTarget
  readonly #options: ImportOptions & { readonly onConflict: 'fail' | 'skip' | 'replace' }
  readonly #records: Records
  readonly #resumption: Resumption | undefined
  /** Lines up to there were imported before. */
  readonly #before: number
  readonly #written: WrittenCounts = { keys: 0, documents: 0, streams: 0, entries: 0, blobs: 0, links: 0 }
  readonly #skipped = { documents: 0, streams: 0 }
  #units = 0
  #collection: string | undefined
  #documents: { readonly row: DocumentRow; readonly line: number }[] = []
  #log: string | undefined
  /** Those of this batch, and the last of the one before, whose entries may go on. */
  #streams: OpenStream[] = []
  #entries: { readonly row: EntryRow; readonly stream: OpenStream }[] = []

  constructor(
    target: ImportTarget,
    lines: Chunks,
    options: ImportOptions & { readonly onConflict: 'fail' | 'skip' | 'replace' },
    resumption: Resumption | undefined,
  ) {
    this.#target = target
    this.#options = options
    this.#resumption = resumption
    this.#before = resumption?.after ?? 0
    this.#records = new Records(lines, options)
  }

  async run(): Promise<ImportReport> {
    const header = await this.#records.next()
    this.#checkHeader(header)
    for (;;) {
      const line = await this.#records.next()
      this.#records.count(line)
      if (line.record['type'] === 'trailer') {
        await this.#leave()
        await this.#records.finish(line)
        return { read: this.#records.counts, written: this.#written, skipped: this.#skipped }
      }
      await this.#take(line)
    }
  }

  async #take(line: CheckedLine): Promise<void> {
    const { record, number } = line
    switch (record['type']) {
      case 'key': {
        await this.#leave()
        await this.#key(line)
        return this.#durable(number)
      }
      case 'collection': {
        await this.#leave()
        this.#collection = checkName(record['name'], `line ${number}: name`)
        await this.#target.relations.declared(this.#collection, declarationOf(line))()
        return
      }
      case 'document': {
        if (this.#collection === undefined) throw damagedLine(number, 'is a document outside of a collection')
        if (number <= this.#before) return
        this.#documents.push({ row: this.#ofTenant(documentOf(line)), line: number })
        return this.#grow(line)
      }
      case 'log': {
        await this.#leave()
        this.#log = checkName(record['name'], `line ${number}: name`)
        await this.#target.relations.log(this.#log, record['retain'])()
        return
      }
      case 'stream': {
        if (this.#log === undefined) throw damagedLine(number, 'is a stream outside of a log')
        if (number <= this.#before) return
        this.#streams.push({ row: this.#ofTenant(streamOf(line)), line: number, writes: undefined })
        return this.#grow(line)
      }
      case 'entry': {
        if (number <= this.#before) return
        const stream = this.#streams.at(-1)
        if (stream === undefined) throw damagedLine(number, 'is an entry outside of a stream')
        this.#entries.push({ row: entryOf(line, stream.row), stream })
        return this.#grow(line)
      }
      case 'bytes':
      case 'blob': {
        await this.#leave()
        return this.#durable(await this.#blob(line))
      }
      case 'gone': {
        await this.#leave()
        if (number > this.#before && this.#resumption?.isAlone === true) {
          await this.#target.blobs.remove(textOf(line, 'tenant'), textOf(line, 'hash'))
        }
        return
      }
      default: {
        throw damagedLine(number, `has the type ${String(record['type'])}, which does not belong here`)
      }
    }
  }

  /** Encrypted data is bound to its tenant. */
  async #key(line: CheckedLine): Promise<void> {
    if (this.#options.tenant !== undefined) throw invalidField('tenant', 'cannot be given: keys are of their tenant')
    const { keys } = this.#target.backend
    const tenant = textOf(line, 'tenant')
    const key = {
      number: integerOf(line, 'number'),
      wrappedBy: textOf(line, 'wrappedBy'),
      wrapped: textOf(line, 'wrapped'),
    }
    if (await keys.add(tenant, key)) {
      this.#written.keys += 1
      return
    }
    const there = (await keys.list(tenant)).find(({ number }) => number === key.number)
    if (there?.wrapped === key.wrapped) return
    throw new HoldfastError(
      'FAILED_PRECONDITION',
      `Line ${line.number} of the export: tenant ${tenant} has other keys here, or they were destroyed: import into another store`,
      { reason: 'KEYS_DIFFER', metadata: { line: String(line.number) } },
    )
  }

  async #grow({ text }: CheckedLine): Promise<void> {
    this.#units += text.length
    const rows = this.#documents.length + this.#streams.length + this.#entries.length
    if (this.#units >= batchUnits || rows >= batchRows) await this.#flush(false)
  }

  async #durable(line: number): Promise<void> {
    if (line > this.#before) await this.#resumption?.onDurable(line)
  }

  /** A collection or log is over. */
  async #leave(): Promise<void> {
    await this.#flush(true)
    this.#collection = undefined
    this.#log = undefined
  }

  async #flush(isLast: boolean): Promise<void> {
    this.#units = 0
    if (this.#collection !== undefined) await this.#putDocuments(this.#collection)
    if (this.#log !== undefined) await this.#putStreams(this.#log, isLast)
  }

  async #putDocuments(collection: string): Promise<void> {
    const documents = this.#documents
    this.#documents = []
    if (documents.length === 0) return
    const { onConflict } = this.#options
    const rows = documents.map(({ row }) => row)
    const last = documents.at(-1)?.line ?? 0
    const outcomes = await this.#target.backend.transfer.putDocuments(collection, rows, onConflict === 'replace')
    for (const [index, outcome] of outcomes.entries()) {
      const document = documents[index]
      if (outcome === 'written') this.#written.documents += 1
      if (outcome !== 'other' || document === undefined) continue
      if (onConflict === 'fail') throw conflict(document.line, `${collection} has a document ${document.row.id}`)
      this.#skipped.documents += 1
    }
    await this.#durable(last)
  }

  /** Entries first: a stream is seen when it is whole. The last stream may have entries to come. */
  async #putStreams(log: string, isLast: boolean): Promise<void> {
    const { transfer } = this.#target.backend
    const fresh = this.#streams.filter(({ writes }) => writes === undefined)
    const states =
      fresh.length === 0
        ? []
        : await transfer.compareStreams(
            log,
            fresh.map(({ row }) => row),
          )
    for (const [index, stream] of fresh.entries()) stream.writes = this.#decide(log, stream, states[index] ?? 'absent')
    const entries = this.#entries.filter(({ stream }) => stream.writes === true).map(({ row }) => row)
    this.#entries = []
    if (entries.length > 0) await transfer.putEntries(log, entries)
    const open = isLast ? [] : this.#streams.slice(-1)
    const over = this.#streams.filter((stream) => stream.writes === true && !open.includes(stream))
    this.#streams = open
    if (over.length > 0)
      await transfer.putStreams(
        log,
        over.map(({ row }) => row),
      )
    this.#written.entries += entries.length
    this.#written.streams += over.length
    // Of the open one an import that is taken up again needs the line and all that follows it.
    const next = open[0]?.line
    if (next !== undefined) await this.#durable(next - 1)
  }

  #decide(log: string, { row, line }: OpenStream, state: 'absent' | 'same' | 'other'): boolean {
    if (state !== 'other') return state === 'absent'
    const { onConflict } = this.#options
    if (onConflict === 'fail') throw conflict(line, `${log} has a stream ${row.stream}`)
    if (onConflict === 'skip') this.#skipped.streams += 1
    return onConflict === 'replace'
  }

  /** @returns the last line that belongs to it */
  async #blob(line: CheckedLine): Promise<number> {
    const { blobs } = this.#target
    const tenant = this.#tenantOf(textOf(line, 'tenant'))
    const hash = textOf(line, 'hash')
    const chunks = this.#chunks()
    if (line.number > this.#before && (await blobs.stat(tenant, hash)) === undefined) {
      await this.#putBlob(line, tenant, hash, chunks)
    } else {
      await ignoring(BrokenBlob, async () => {
        for await (const _ of chunks);
      })
    }
    let last = line.number
    for (let next = await this.#records.peek(); next.record['type'] === 'link'; next = await this.#records.peek()) {
      this.#records.count(await this.#records.next())
      last = next.number
      if (last <= this.#before) continue
      if (await blobs.link(tenant, hash, textOf(next, 'owner'))) this.#written.links += 1
    }
    return last
  }

  async #putBlob(line: CheckedLine, tenant: string, hash: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const { blobs, contents } = this.#target
    const place = {
      tenant,
      operations: blobs,
      content: contents.chosen,
      inTransaction: false,
      createdAt: timeOf(line, 'createdAt'),
    }
    const made = await ignoring(BrokenBlob, () => putStream(place, chunks, textOf(line, 'contentType')))
    if (made === undefined) return
    if (made.hash !== hash || made.sizeBytes !== integerOf(line, 'sizeBytes')) {
      await blobs.remove(tenant, made.hash)
      throw damagedLine(line.number, `speaks of blob ${hash}, but the bytes after it are not those`)
    }
    this.#written.blobs += 1
  }

  async *#chunks(): AsyncGenerator<Uint8Array> {
    for (let next = await this.#records.peek(); next.record['type'] === 'chunk'; next = await this.#records.peek()) {
      await this.#records.next()
      yield Buffer.from(textOf(next, 'bytes'), 'base64')
    }
    if ((await this.#records.peek()).record['type'] !== 'broken') return
    await this.#records.next()
    throw new BrokenBlob()
  }

  #checkHeader({ record, number }: CheckedLine): void {
    if (record['type'] !== 'header' || record['format'] !== 'holdfast')
      throw damagedLine(number, 'is not the header of an export')
    const { version } = record
    if (typeof version !== 'number' || version > newestVersion) {
      throw new HoldfastError(
        'FAILED_PRECONDITION',
        `The export has format version ${String(version)}, newer than this program's ${newestVersion}: upgrade the program`,
        { reason: 'EXPORT_TOO_NEW' },
      )
    }
    if (this.#options.tenant !== undefined && typeof record['tenant'] !== 'string') {
      throw invalidField('tenant', 'cannot be given: the export is not of one tenant')
    }
  }

  #tenantOf(given: string): string {
    return this.#options.tenant ?? given
  }

  #ofTenant<R extends { readonly tenant: string }>(row: R): R {
    const { tenant } = this.#options
    return tenant === undefined ? row : { ...row, tenant }
  }
}

async function ignoring<R>(kind: new () => Error, work: () => Promise<R>): Promise<R | undefined> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof kind) return undefined
    throw error
  }
}

function conflict(line: number, what: string): HoldfastError {
  return new HoldfastError(
    'ALREADY_EXISTS',
    `Line ${line} of the export: ${what} that differs: import with onConflict skip or replace`,
    { reason: 'IMPORT_CONFLICT', metadata: { line: String(line) } },
  )
}
