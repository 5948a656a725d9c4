import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { HoldfastError, invalidField } from '@holdfast/errors'
import { type DocumentStore, type MoveReport, openDocumentStore } from '@holdfast/persistence'
import type { CommandContext } from '../command-context.js'
import { secondsSince } from '../commands/data-store.js'
import { startCount } from '../progress.js'

interface MoveFlags {
  readonly from: string
  readonly to?: string
  readonly copyOnly?: true
  readonly writersStopped?: true
  readonly replace?: true
  readonly endFence?: true
  readonly force?: true
  readonly json?: true
}

export async function runMove(flags: MoveFlags, context: CommandContext): Promise<void> {
  const startedAt = performance.now()
  if (flags.endFence === true) return endFence(flags, context)
  if (flags.to === undefined) throw invalidField('--to', 'must be given: where the store is to be')
  if (flags.from === flags.to) throw invalidField('--to', 'is the source itself')
  await using from = await openOne(flags.from, context, false)
  await using to = await openOne(flags.to, context, true)
  const progress = startCount(context.err, 'rows looked at:', flags.json === true)
  let report: MoveReport
  try {
    report = await from.moveTo(to, {
      signal: context.signal,
      ...(flags.copyOnly === undefined ? {} : { until: 'copy' }),
      ...(flags.writersStopped === undefined ? {} : { writersStopped: true }),
      ...(flags.replace === undefined ? {} : { replace: true }),
      onProgress: (_, rows) => progress.update(rows),
    })
  } finally {
    progress.stop()
  }
  const seconds = secondsSince(startedAt)
  if (flags.json === true) return context.out.json({ ...report, seconds })
  await context.out.line(`${shown(report)}, in ${seconds} s`)
}

function shown({ passes, fenced, fencedMs, sha256 }: MoveReport): string {
  const looked = passes.reduce((sum, { rows, blobs }) => sum + rows + blobs, 0)
  const written = passes.reduce((sum, pass) => sum + pass.written, 0)
  const removed = passes.reduce((sum, pass) => sum + pass.removed, 0)
  const copied = `looked at ${looked} rows in ${passes.length} passes, wrote ${written}, removed ${removed}`
  if (sha256 === undefined) return `copied: ${copied}`
  const fence = fenced ? `the source refuses writes, since ${fencedMs} ms before that` : 'the source was not fenced'
  return `moved: ${copied}; both stores have the digest ${sha256}; ${fence}`
}

async function endFence(flags: MoveFlags, context: CommandContext): Promise<void> {
  if (flags.to === undefined && flags.force !== true) {
    throw invalidField('--to', 'must be given, to see that nothing was written there; or --force')
  }
  let expected: string | undefined
  if (flags.to !== undefined && flags.force !== true) {
    await using to = await openOne(flags.to, context, false)
    expected = (await to.digest()).sha256
  }
  await using from = await openOne(flags.from, context, false)
  await from.endFence(expected)
  if (flags.json === true) await context.out.json({ fenced: false })
  else await context.out.line('the source takes writes again')
}

/** What is over goes when a store is in use: the two must not differ by it in between. */
async function openOne(url: string, { environment }: CommandContext, mayCreate: boolean): Promise<DocumentStore> {
  const folder = url.startsWith('embedded:') ? resolve(url.slice('embedded:'.length)) : undefined
  if (!mayCreate && folder !== undefined && !existsSync(folder)) {
    throw new HoldfastError('NOT_FOUND', `There is no data folder ${folder}`)
  }
  const blobs = environment['HOLDFAST_BLOBS_URL'] ?? 'database'
  return openDocumentStore(folder === undefined ? url : `embedded:${folder}`, { blobs, sweepIntervalMs: 0 })
}
