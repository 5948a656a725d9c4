import { stat } from 'node:fs/promises'
import { invalidField } from '@holdfast/errors'
import { type AccessFlags, openAccess } from '../access/open-access.js'
import type { ConversationAccess } from '../access/conversation-access.js'
import type { CommandContext } from '../command-context.js'
import type { ImportOptions, ImportReport } from '../exchange/import-report.js'
import { importRecords } from '../exchange/import-records.js'
import { importDialogues } from '../exchange/import-sgd.js'
import { inputLines } from '../exchange/input-lines.js'
import { startProgress } from '../progress.js'

interface ImportFlags extends AccessFlags {
  readonly format: string
  readonly user: string
  readonly concurrency: number
  readonly json?: true
}

export async function runImport(files: readonly string[], flags: ImportFlags, context: CommandContext): Promise<void> {
  const { out, err, signal } = context
  if (flags.format !== 'jsonl' && flags.format !== 'sgd') {
    throw invalidField('--format', `must be jsonl or sgd, not ${flags.format}`)
  }
  if (flags.format === 'sgd' && (files.length === 0 || files.includes('-'))) {
    throw invalidField('files', 'must be named: sgd files are not read from standard input')
  }
  if (files.length === 0 && context.input.isTTY)
    throw invalidField('files', 'must be named, or piped to standard input')
  await using opened = await openAccess(flags, context, { mayCreate: true })
  const startedAt = performance.now()
  const totalBytes = await sizeOf(files)
  let doneBytes = 0
  const progress = startProgress(err, 'importing')
  const options: ImportOptions = {
    signal,
    concurrency: flags.concurrency,
    onProgress(bytes) {
      doneBytes += bytes
      progress.update(Math.round(doneBytes), totalBytes)
    },
  }
  let report: ImportReport
  try {
    report =
      flags.format === 'sgd'
        ? await importDialogues(opened.conversations, files, { ...options, userId: flags.user })
        : await importLines(opened.conversations, files, context, options)
  } finally {
    progress.stop()
  }
  if (flags.json === true) await out.json({ ...report, seconds: secondsSince(startedAt) })
  else await out.write(summary(report, secondsSince(startedAt)))
}

async function importLines(
  access: ConversationAccess,
  files: readonly string[],
  { input }: CommandContext,
  options: ImportOptions,
): Promise<ImportReport> {
  async function* lines(): ReturnType<typeof inputLines> {
    for (const file of files.length === 0 ? ['-'] : files) yield* inputLines(file, input)
  }
  return importRecords(access, lines(), options)
}

/** 0 for what cannot be known beforehand, such as standard input. */
async function sizeOf(files: readonly string[]): Promise<number> {
  const sizes = await Promise.all(
    files.map((file) =>
      stat(file).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

function secondsSince(startedAt: number): number {
  return Math.round((performance.now() - startedAt) / 10) / 100
}

function summary(report: ImportReport, seconds: number): string {
  const { conversations, created, messages, appended, statesChanged, deleted } = report
  return (
    `${conversations} conversations (${created} new), ${messages} messages (${appended} new), ` +
    `${statesChanged} changes of state, in ${seconds} s\n` +
    (deleted === 0 ? '' : `${deleted} left out: they were deleted here, and a deletion is final\n`)
  )
}
