import { invalidField } from '@holdfast/errors'
import type { BackupManifest } from '@holdfast/persistence'
import type { CommandContext } from '../command-context.js'
import { summaryOf } from '../commands/data-export.js'
import { openDataStore, secondsSince } from '../commands/data-store.js'
import type { StoreFlags } from '../commands/store-options.js'
import { startCount } from '../progress.js'
import { type KeyFlags, keyOf } from './backup-key.js'

interface BackupFlags extends StoreFlags, KeyFlags {
  readonly tenant?: string
  readonly tenantKeys: boolean
  readonly anew?: true
  readonly json?: true
}

export async function runBackup(file: string, flags: BackupFlags, context: CommandContext): Promise<void> {
  const { out, err, signal } = context
  const toOutput = file === '-'
  if (flags.json === true && toOutput) throw invalidField('--json', 'needs a file to back up to')
  const key = await keyOf(flags, context)
  const startedAt = performance.now()
  await using store = await openDataStore(flags, context, { mayCreate: false })
  const progress = startCount(err, 'backed up, MiB:', toOutput && out.isTerminal)
  try {
    const report = await store.backup(toOutput ? { write: (bytes) => out.write(bytes) } : file, {
      ...key,
      signal,
      tenantKeys: flags.tenantKeys,
      ...(flags.tenant === undefined ? {} : { tenant: flags.tenant }),
      ...(flags.anew === undefined ? {} : { anew: flags.anew }),
      onProgress: ({ bytes }) => progress.update(Math.floor(bytes / 1024 ** 2)),
    })
    progress.stop()
    const seconds = secondsSince(startedAt)
    if (flags.json === true) return await out.json({ ...report, seconds })
    const resumed = report.resumedBlobs === 0 ? '' : `, ${report.resumedBlobs} blobs of them from the one that was cut`
    await err.line(`holdfast: backed up ${describe(report)}${resumed}, in ${seconds} s`)
  } finally {
    progress.stop()
  }
}

export function describe({ counts, sizeBytes, encrypted, finishedAt }: BackupManifest): string {
  const how = encrypted ? 'encrypted' : 'not encrypted'
  return `${summaryOf(counts)} as of ${finishedAt} in ${(sizeBytes / 1024 ** 2).toFixed(1)} MiB, ${how}`
}
