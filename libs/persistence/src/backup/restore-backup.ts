import { HoldfastError, invalidField } from '@holdfast/errors'
import type { Backend } from '../backend.js'
import { retryConflicts } from '../conflict-retry.js'
import { checkOptions } from '../options.js'
import { checkLines } from '../transfer/checked-records.js'
import { type ExportOrigin, exportLines } from '../transfer/export.js'
import { type ImportTarget, importLines } from '../transfer/import.js'
import { noCounts, type TransferCounts } from '../transfer/records.js'
import { BackupReader } from './backup-lines.js'
import type {
  BackupManifest,
  BackupSource,
  ContentDigest,
  RestoreOptions,
  RestoreReport,
  VerifyOptions,
} from './backup-options.js'

/** Reads a backup to its end and finds out whether it is whole, unchanged, and readable with the key.
 *  @throws DATA_LOSS that says where; FAILED_PRECONDITION (the key), NOT_FOUND (the file) */
export async function verifyBackup(source: BackupSource, options: VerifyOptions = {}): Promise<BackupManifest> {
  checkOptions(options, ['key', 'signal', 'onProgress'])
  const reader = new BackupReader(source, options)
  const { lines } = await reader.open()
  const counts = await checkLines(lines)
  // The trailer is the last line; the manifest comes behind it.
  return manifestOf(reader, counts)
}

function manifestOf(reader: BackupReader, counts: object): BackupManifest {
  const { manifest } = reader
  if (manifest !== undefined && JSON.stringify(manifest.counts) === JSON.stringify(counts)) return manifest
  throw new HoldfastError('DATA_LOSS', 'The backup does not hold what its manifest says: take another copy of it', {
    reason: 'BACKUP_DAMAGED',
  })
}

/** Puts a backup into a store. One that was cut goes on where it was: how far it is stands in the store, in the same database. */
export async function restoreBackup(
  target: ImportTarget & ExportOrigin,
  source: BackupSource,
  options: RestoreOptions = {},
): Promise<RestoreReport> {
  checkOptions(options, ['key', 'signal', 'onProgress', 'into', 'compare'])
  const { into = 'empty', signal, compare = true } = options
  if (!['empty', 'fail', 'skip', 'replace'].includes(into)) {
    throw invalidField('into', 'must be empty, fail, skip or replace')
  }
  const reader = new BackupReader(source, options)
  const { header, lines } = await reader.open()
  const note = new StoreNote<Noted>(target.backend, 'holdfast/restore')
  const begun = await note.read()
  const goesOn = begun?.id === header.id
  const wasEmpty = goesOn ? begun.wasEmpty : await isEmpty(target.backend)
  if (!goesOn && !wasEmpty && into === 'empty') {
    const what =
      begun === undefined
        ? 'holds something already'
        : `holds a part of another backup (${begun.id}), whose restore was cut`
    throw new HoldfastError(
      'FAILED_PRECONDITION',
      `The store ${what}: restore into an empty one, or say what is to become of what is there`,
      { reason: 'STORE_NOT_EMPTY' },
    )
  }
  const after = goesOn ? begun.line : 0
  let noted = performance.now()
  await note.write({ id: header.id, line: after, wasEmpty })
  const resumption = {
    after,
    isAlone: wasEmpty,
    async onDurable(line: number) {
      if (performance.now() - noted < noteEveryMs) return
      await note.write({ id: header.id, line, wasEmpty })
      noted = performance.now()
    },
  }
  const importOptions = {
    onConflict: into === 'empty' ? ('fail' as const) : into,
    ...(signal === undefined ? {} : { signal }),
  }
  const report = await importLines(target, lines, importOptions, resumption)
  const manifest = manifestOf(reader, report.read)
  const compared = compare && wasEmpty
  if (compared) await assertSame(target, manifest)
  await note.remove()
  return { ...report, manifest, resumedAfter: after, compared }
}

/** @throws DATA_LOSS */
async function assertSame(target: ExportOrigin, { contentSha256, tenant }: BackupManifest): Promise<void> {
  const { sha256 } = await digestContent(target, tenant)
  if (sha256 === contentSha256) return
  throw new HoldfastError(
    'DATA_LOSS',
    'The store does not hold what the backup does: somebody wrote to it meanwhile, or it lost something. Restore into another one',
    { reason: 'RESTORE_DIFFERS' },
  )
}

export async function digestContent(origin: ExportOrigin, tenant?: string): Promise<ContentDigest> {
  let last = ''
  const options = tenant === undefined ? {} : { tenant }
  for await (const line of exportLines(origin, options, { blobs: 'names' })) last = line
  const trailer = JSON.parse(last) as TransferCounts & { readonly contentSha256: string }
  const counts = noCounts()
  for (const name of Object.keys(counts) as (keyof TransferCounts)[]) counts[name] = trailer[name]
  return { counts, sha256: trailer.contentSha256 }
}

export async function isEmpty({ transfer }: Backend): Promise<boolean> {
  return transfer.snapshot(async (source) => {
    for (const { name } of await source.collections()) {
      if ((await source.documents(name, undefined, undefined)).length > 0) return false
    }
    for (const log of await source.logs()) {
      if ((await source.streams(log, undefined, undefined)).length > 0) return false
    }
    return (await source.blobs.list(undefined, undefined, 1)).length === 0
  })
}

const noteEveryMs = 500

interface Noted {
  readonly id: string
  /** Up to which line it is durable. */
  readonly line: number
  readonly wasEmpty: boolean
}

/** How far work on a store has come, kept where results of keyed transactions are: those are in no export, and go after seven days by themselves. */
export class StoreNote<T> {
  readonly #backend: Backend
  /** A tenant for this alone, because only all of a tenant can be removed. */
  readonly #owner: string

  constructor(backend: Backend, owner: string) {
    this.#backend = backend
    this.#owner = owner
  }

  async read(): Promise<T | undefined> {
    const found = await this.#backend.outcomes.find(this.#owner, this.#owner)
    return found?.json === undefined ? undefined : (JSON.parse(found.json) as T)
  }

  async write(noted: T): Promise<void> {
    const json = JSON.stringify(noted)
    await retryConflicts(() => this.#backend.transaction((tx) => tx.outcomes.record(this.#owner, this.#owner, json)))
  }

  async remove(): Promise<void> {
    await this.#backend.outcomes.erase(this.#owner)
  }
}
