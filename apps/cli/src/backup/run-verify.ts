import { stat } from 'node:fs/promises'
import { invalidField } from '@holdfast/errors'
import { type BackupManifest, verifyBackup, type VerifyOptions } from '@holdfast/persistence'
import type { CommandContext } from '../command-context.js'
import { secondsSince } from '../commands/data-store.js'
import { startProgress } from '../progress.js'
import { type KeyFlags, keyOf } from './backup-key.js'
import { describe } from './run-backup.js'

export async function runVerify(
  file: string,
  flags: KeyFlags & { readonly json?: true },
  context: CommandContext,
): Promise<void> {
  const { out, input } = context
  if (file === '-' && input.isTTY) throw invalidField('file', 'must be named, or piped to standard input')
  const startedAt = performance.now()
  const manifest = await verifyFile(file, await keyOf(flags, context), context)
  const seconds = secondsSince(startedAt)
  if (flags.json === true) await out.json({ ok: true, ...manifest, seconds })
  else await out.line(`whole and unchanged: ${describe(manifest)}; digest ${manifest.contentSha256}, in ${seconds} s`)
}

/** With a bar, unless it comes from standard input. */
export async function verifyFile(
  file: string,
  key: Pick<VerifyOptions, 'key'>,
  { err, input, signal }: CommandContext,
): Promise<BackupManifest> {
  const totalBytes = file === '-' ? 0 : await sizeOf(file)
  const progress = startProgress(err, 'checking', totalBytes === 0)
  try {
    return await verifyBackup(file === '-' ? input : file, {
      ...key,
      signal,
      onProgress: ({ bytes }) => progress.update(bytes, totalBytes),
    })
  } finally {
    progress.stop()
  }
}

/** 0 if it cannot be read, which reading it says. */
export async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  )
}
