import { HoldfastError, invalidField } from '@holdfast/errors'
import type { Backend } from '../backend.js'
import type { BlobContents } from '../blobs/blob-content.js'
import type { BlobOperations } from '../blobs/blob-operations.js'
import { putStream } from '../blobs/put-blob.js'
import { checkOptions } from '../options.js'
import type { Relations } from '../relations.js'
import { checkName, checkTenantId } from '../sql/names.js'
import { type CheckedLine, damagedLine, LineReader } from './checked-lines.js'
import { declarationOf, documentOf, entryOf, integerOf, streamOf, textOf, timeOf } from './read-record.js'
import { formatVersion, noCounts, type TransferCounts } from './records.js'
import type { DocumentRow, EntryRow, StreamRow } from './seam.js'
import { type Chunks, splitLines } from './split-lines.js'
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

export function importLines(target: ImportTarget, lines: Chunks, options: ImportOptions = {}): Promise<ImportReport> {
  checkOptions(options, ['tenant', 'onConflict', 'signal', 'onProgress'])
  const { tenant, onConflict = 'fail' } = options
  if (tenant !== undefined) checkTenantId(tenant, 'tenant')
  if (onConflict !== 'fail' && onConflict !== 'skip' && onConflict !== 'replace') {
    throw invalidField('onConflict', 'must be fail, skip or replace')
  }
  return new Import(target, lines, { ...options, onConflict }).run()
}

/** Reads an export to its end and finds out whether it is whole and unchanged, without importing anything.
 *  @throws DATA_LOSS that names the line */
export async function checkLines(
  lines: Chunks,
  options: Pick<ImportOptions, 'signal' | 'onProgress'> = {},
): Promise<TransferCounts> {
  checkOptions(options, ['signal', 'onProgress'])
  const reader = new Records(lines, options)
  for (;;) {
    const line = await reader.next()
    reader.count(line)
    if (line.record['type'] === 'trailer') {
      await reader.finish(line)
      return reader.counts
    }
  }
}

/** The checked lines of an export, one ahead if need be. */
class Records {
  readonly counts: TransferCounts = noCounts()
  readonly #reader = new LineReader()
  readonly #lines: AsyncGenerator<string>
  readonly #signal: AbortSignal | undefined
  #ahead: CheckedLine | undefined

  constructor(lines: Chunks, { signal, onProgress }: Pick<ImportOptions, 'signal' | 'onProgress'>) {
    this.#signal = signal
    let bytes = 0
    this.#lines = splitLines(lines, (more) => onProgress?.((bytes += more)))
  }

  async next(): Promise<CheckedLine> {
    const line = this.#ahead ?? (await this.#read())
    this.#ahead = undefined
    return line
  }

  async peek(): Promise<CheckedLine> {
    this.#ahead ??= await this.#read()
    return this.#ahead
  }

  count({ record }: CheckedLine): void {
    const counted = countedAs[String(record['type'])]
    if (counted !== undefined) this.counts[counted] += 1
  }

  /** @throws DATA_LOSS unless the trailer ends all and speaks of what came */
  async finish({ record, number, sha256Before }: CheckedLine): Promise<void> {
    if (record['sha256'] !== sha256Before())
      throw damagedLine(number, 'does not have the checksum of what came before it')
    for (const [name, count] of Object.entries(this.counts)) {
      if (record[name] !== count) throw damagedLine(number, `counts ${String(record[name])} ${name}, but ${count} came`)
    }
    const more = await this.#lines.next()
    if (more.done !== true) throw damagedLine(number + 1, 'comes after the end of the export')
  }

  async #read(): Promise<CheckedLine> {
    if (this.#signal?.aborted === true) {
      throw new HoldfastError('CANCELLED', 'The import was stopped: import the same again to go on')
    }
    const line = await this.#lines.next()
    if (line.done !== true) return this.#reader.check(line.value)
    const { number } = this.#reader
    throw damagedLine(
      number + 1,
      number === 0 ? 'is missing: there is nothing' : `is missing: the export was cut off after line ${number}`,
    )
  }
}

const countedAs: Readonly<Record<string, keyof TransferCounts>> = {
  key: 'keys',
  collection: 'collections',
  document: 'documents',
  log: 'logs',
  stream: 'streams',
  entry: 'entries',
  blob: 'blobs',
  link: 'links',
}

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
  ) {
    this.#target = target
    this.#options = options
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
        return this.#key(line)
      }
      case 'collection': {
        await this.#leave()
        this.#collection = checkName(record['name'], `line ${number}: name`)
        await this.#target.relations.declared(this.#collection, declarationOf(line))()
        return
      }
      case 'document': {
        if (this.#collection === undefined) throw damagedLine(number, 'is a document outside of a collection')
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
        this.#streams.push({ row: this.#ofTenant(streamOf(line)), line: number, writes: undefined })
        return this.#grow(line)
      }
      case 'entry': {
        const stream = this.#streams.at(-1)
        if (stream === undefined) throw damagedLine(number, 'is an entry outside of a stream')
        this.#entries.push({ row: entryOf(line, stream.row), stream })
        return this.#grow(line)
      }
      case 'blob': {
        await this.#leave()
        return this.#blob(line)
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
    const outcomes = await this.#target.backend.transfer.putDocuments(collection, rows, onConflict === 'replace')
    for (const [index, outcome] of outcomes.entries()) {
      const document = documents[index]
      if (outcome === 'written') this.#written.documents += 1
      if (outcome !== 'other' || document === undefined) continue
      if (onConflict === 'fail') throw conflict(document.line, `${collection} has a document ${document.row.id}`)
      this.#skipped.documents += 1
    }
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
  }

  #decide(log: string, { row, line }: OpenStream, state: 'absent' | 'same' | 'other'): boolean {
    if (state !== 'other') return state === 'absent'
    const { onConflict } = this.#options
    if (onConflict === 'fail') throw conflict(line, `${log} has a stream ${row.stream}`)
    if (onConflict === 'skip') this.#skipped.streams += 1
    return onConflict === 'replace'
  }

  async #blob(line: CheckedLine): Promise<void> {
    const { blobs, contents } = this.#target
    const tenant = this.#tenantOf(textOf(line, 'tenant'))
    const hash = textOf(line, 'hash')
    const chunks = this.#chunks()
    if ((await blobs.stat(tenant, hash)) === undefined) {
      const place = {
        tenant,
        operations: blobs,
        content: contents.chosen,
        inTransaction: false,
        createdAt: timeOf(line, 'createdAt'),
      }
      const made = await putStream(place, chunks, textOf(line, 'contentType'))
      if (made.hash !== hash || made.sizeBytes !== integerOf(line, 'sizeBytes')) {
        await blobs.remove(tenant, made.hash)
        throw damagedLine(line.number, `speaks of blob ${hash}, but the bytes after it are not those`)
      }
      this.#written.blobs += 1
    } else {
      for await (const _ of chunks);
    }
    for (let next = await this.#records.peek(); next.record['type'] === 'link'; next = await this.#records.peek()) {
      this.#records.count(await this.#records.next())
      if (await blobs.link(tenant, hash, textOf(next, 'owner'))) this.#written.links += 1
    }
  }

  async *#chunks(): AsyncGenerator<Uint8Array> {
    for (let next = await this.#records.peek(); next.record['type'] === 'chunk'; next = await this.#records.peek()) {
      await this.#records.next()
      yield Buffer.from(textOf(next, 'bytes'), 'base64')
    }
  }

  #checkHeader({ record, number }: CheckedLine): void {
    if (record['type'] !== 'header' || record['format'] !== 'holdfast')
      throw damagedLine(number, 'is not the header of an export')
    const { version } = record
    if (typeof version !== 'number' || version > formatVersion) {
      throw new HoldfastError(
        'FAILED_PRECONDITION',
        `The export has format version ${String(version)}, newer than this program's ${formatVersion}: upgrade the program`,
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

function conflict(line: number, what: string): HoldfastError {
  return new HoldfastError(
    'ALREADY_EXISTS',
    `Line ${line} of the export: ${what} that differs: import with onConflict skip or replace`,
    { reason: 'IMPORT_CONFLICT', metadata: { line: String(line) } },
  )
}
