import { existsSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { invalidField } from '@holdfast/errors'
import { openDocumentStore, type RestoreReport } from '@holdfast/persistence'
import type { CommandContext } from '../command-context.js'
import { summaryOf } from '../commands/data-export.js'
import { secondsSince } from '../commands/data-store.js'
import type { StoreFlags } from '../commands/store-options.js'
import { startProgress } from '../progress.js'
import { settingsOf } from '../settings.js'
import { type KeyFlags, keyOf } from './backup-key.js'
import { sizeOf, verifyFile } from './run-verify.js'

interface RestoreFlags extends StoreFlags, KeyFlags {
  readonly into: 'empty' | 'fail' | 'skip' | 'replace'
  readonly compare: boolean
  readonly json?: true
}

export async function runRestore(file: string, flags: RestoreFlags, context: CommandContext): Promise<void> {
  const { out, input, environment } = context
  if (file === '-' && input.isTTY) throw invalidField('file', 'must be named, or piped to standard input')
  const key = await keyOf(flags, context)
  const startedAt = performance.now()
  // What is damaged should not be there in part; of standard input nobody knows before its end.
  if (file !== '-') await verifyFile(file, key, context)
  const { folder, storeUrl } = settingsOf(flags, environment)
  // Nobody may find half of a store in the place of one: a new folder gets its name when all is in it.
  const begun = folder === undefined || existsSync(folder) ? undefined : `${folder}.restoring`
  const report = await restoreInto(begun === undefined ? storeUrl : `embedded:${begun}`, file, flags, key, context)
  if (begun !== undefined && folder !== undefined) await rename(begun, folder)
  const seconds = secondsSince(startedAt)
  if (flags.json === true) return out.json({ ...report, seconds })
  await out.line(`${shown(report)}, in ${seconds} s`)
}

async function restoreInto(
  url: string,
  file: string,
  { into, compare }: RestoreFlags,
  key: Awaited<ReturnType<typeof keyOf>>,
  { err, input, signal, environment }: CommandContext,
): Promise<RestoreReport> {
  const totalBytes = file === '-' ? 0 : await sizeOf(file)
  // What is over goes when the store is in use again: nothing may go between the restore and the comparison.
  const blobs = environment['HOLDFAST_BLOBS_URL'] ?? 'database'
  await using store = await openDocumentStore(url, { blobs, sweepIntervalMs: 0 })
  const progress = startProgress(err, 'restoring', totalBytes === 0)
  try {
    return await store.restore(file === '-' ? input : file, {
      ...key,
      into,
      compare,
      signal,
      onProgress: ({ bytes }) => progress.update(bytes, totalBytes),
    })
  } finally {
    progress.stop()
  }
}

function shown({ manifest, written, skipped, resumedAfter, compared }: RestoreReport): string {
  const resumed = resumedAfter === 0 ? '' : `went on after line ${resumedAfter}; `
  const left = skipped.documents + skipped.streams === 0 ? '' : `; left ${summaryOf(skipped)}`
  const found = compared ? '; the store has the digest of the backup' : ''
  return `${resumed}restored ${summaryOf(manifest.counts)}, wrote ${summaryOf(written)}${left}${found}`
}
