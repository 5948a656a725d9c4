import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { HoldfastError, invalidField } from '@holdfast/errors'
import { checkLines, type DocumentStore, readMongoExport } from '@holdfast/persistence'
import type { CommandContext } from '../command-context.js'
import { type Progress, startProgress } from '../progress.js'
import { summaryOf } from './data-export.js'
import { openDataStore, secondsSince } from './data-store.js'
import type { StoreFlags } from './store-options.js'

interface DataImportFlags extends StoreFlags {
  readonly format: 'holdfast' | 'mongodb'
  readonly collection?: string
  readonly tenant?: string
  readonly onConflict?: 'fail' | 'skip' | 'replace'
  readonly inexact: 'refuse' | 'text'
  readonly json?: true
}

export async function runDataImport(file: string, flags: DataImportFlags, context: CommandContext): Promise<void> {
  const { out, err, input } = context
  const { format, collection } = flags
  if (format === 'mongodb' && collection === undefined) throw invalidField('--collection', 'must be given with mongodb')
  if (format === 'holdfast' && collection !== undefined) throw invalidField('--collection', 'is for mongodb only')
  if (file === '-' && input.isTTY) throw invalidField('file', 'must be named, or piped to standard input')
  const startedAt = performance.now()
  const totalBytes = file === '-' ? 0 : await sizeOf(file)
  // What is damaged should not be there in part; of standard input nobody knows before its end.
  if (format === 'holdfast' && file !== '-') {
    await withProgress(startProgress(err, 'checking'), (progress) =>
      checkLines(contentOf(file, context, countTo(progress, totalBytes)), { signal: context.signal }),
    )
  }
  await using store = await openDataStore(flags, context, { mayCreate: true })
  const report = await withProgress(startProgress(err, 'importing'), async (progress) => {
    const content = contentOf(file, context, countTo(progress, totalBytes))
    return collection === undefined
      ? importEverything(store, content, flags, context)
      : importDocuments(store, content, collection, flags, context)
  })
  const seconds = secondsSince(startedAt)
  if (flags.json === true) await out.json({ ...report.json, seconds })
  else await out.line(`${report.text}, in ${seconds} s`)
}

interface Report {
  readonly text: string
  readonly json: object
}

async function importEverything(
  store: DocumentStore,
  content: AsyncIterable<Uint8Array | string>,
  { tenant, onConflict }: DataImportFlags,
  { signal }: CommandContext,
): Promise<Report> {
  const report = await store.import(content, {
    signal,
    ...(tenant === undefined ? {} : { tenant }),
    ...(onConflict === undefined ? {} : { onConflict }),
  })
  const skipped = report.skipped.documents + report.skipped.streams === 0 ? '' : `; left ${summaryOf(report.skipped)}`
  return { text: `read ${summaryOf(report.read)}; wrote ${summaryOf(report.written)}${skipped}`, json: report }
}

async function importDocuments(
  store: DocumentStore,
  content: AsyncIterable<Uint8Array | string>,
  collection: string,
  { tenant, onConflict = 'skip', inexact }: DataImportFlags,
  { signal }: CommandContext,
): Promise<Report> {
  const scope = tenant === undefined ? store : store.tenant(tenant)
  const items = readMongoExport(content, { inexact })
  const report = await scope.collection<Record<string, unknown>>(collection).load(items, { signal, onConflict })
  const { loaded, skipped } = report
  return { text: `wrote ${loaded} documents; left ${skipped} whose id was taken`, json: report }
}

async function* contentOf(
  file: string,
  { input }: CommandContext,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array | string> {
  const raw = counted(file === '-' ? input : createReadStream(file), onBytes)
  const content = file.endsWith('.gz') ? pipeline(Readable.from(raw), createGunzip(), () => {}) : raw
  try {
    for await (const piece of content) yield piece as Uint8Array | string
  } catch (error) {
    if (error instanceof HoldfastError) throw error
    const text = error instanceof Error ? error.message : String(error)
    const isCompression = error instanceof Error && 'code' in error && String(error.code).startsWith('Z_')
    if (isCompression) {
      throw new HoldfastError('DATA_LOSS', `${file} is damaged (${text}): take the export from another copy`, {
        cause: error,
      })
    }
    throw new HoldfastError('NOT_FOUND', `${file} cannot be read: ${text}`, { cause: error })
  }
}

async function* counted(
  source: AsyncIterable<Uint8Array | string>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array | string> {
  for await (const piece of source) {
    onBytes(piece.length)
    yield piece
  }
}

function countTo(progress: Progress, totalBytes: number): (bytes: number) => void {
  let done = 0
  return (bytes) => progress.update((done += bytes), totalBytes)
}

async function withProgress<R>(progress: Progress, work: (progress: Progress) => Promise<R>): Promise<R> {
  try {
    return await work(progress)
  } finally {
    progress.stop()
  }
}

/** 0 if it cannot be read, which reading it says. */
async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  )
}
