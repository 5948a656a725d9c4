import { invalidField } from '@holdfast/errors'
import { openDocumentStore } from '@holdfast/persistence'
import {
  type MigrationProgress,
  openSessionMigration,
  type Phase,
  phases,
  type SessionMigration,
  type StepOptions,
} from '@holdfast/session'
import type { CommandContext } from '../command-context.js'
import { openDataStore, secondsSince } from '../commands/data-store.js'
import type { StoreFlags } from '../commands/store-options.js'
import { startProgress } from '../progress.js'
import { shown } from './shown.js'

export interface MigrateFlags extends StoreFlags {
  readonly from: string
  readonly fromRedis?: string
  readonly name: string
  readonly json?: true
  readonly rate?: number
  readonly to?: string
  readonly maxHold?: number
  readonly withoutDocuments?: true
}

export async function runMigrate(step: string, flags: MigrateFlags, context: CommandContext): Promise<void> {
  const { out, err, signal } = context
  const to = phases.find((phase) => phase === flags.to)
  if (flags.to !== undefined && to === undefined) throw invalidField('--to', `must be one of ${phases.join(', ')}`)
  const startedAt = performance.now()
  const isAlone = flags.withoutDocuments === true
  // One that stands in for what cannot be reached, and is not looked at.
  await using store = isAlone
    ? await openDocumentStore('memory:')
    : await openDataStore(flags, context, { mayCreate: true })
  await using migration = await openSessionMigration({
    from: flags.from,
    store,
    name: flags.name,
    ...(flags.fromRedis === undefined ? {} : { fromRedis: flags.fromRedis }),
    ...(flags.maxHold === undefined ? {} : { maxHoldMs: flags.maxHold }),
  })
  const progress = startProgress(err, step)
  const options: StepOptions = {
    signal,
    onProgress: ({ done, total }: MigrationProgress) => progress.update(done, total),
    ...(flags.rate === undefined ? {} : { ratePerSecond: flags.rate }),
  }
  let report: object
  try {
    report = isAlone ? await migration.rollbackWithoutDocuments() : await run(step, migration, options, to)
  } finally {
    progress.stop()
  }
  const seconds = secondsSince(startedAt)
  if (flags.json === true) await out.json({ step, ...report, seconds })
  else await out.write(shown(step, report, seconds))
  if (step === 'verify' && 'different' in report && 'differentRanges' in report) {
    if (report.different !== 0 || report.differentRanges !== 0) context.endWith(1)
  }
}

async function run(
  step: string,
  migration: SessionMigration,
  options: StepOptions,
  to: Phase | undefined,
): Promise<object> {
  switch (step) {
    case 'plan':
      return migration.plan(options)
    case 'dual-write':
      return migration.dualWrite()
    case 'backfill':
      return migration.backfill(options)
    case 'verify':
      return migration.verify(options)
    case 'cutover':
      return migration.cutover()
    case 'finish':
      return migration.finish()
    case 'rollback':
      return migration.rollback({ ...options, ...(to === undefined ? {} : { to }) })
    default:
      return migration.status()
  }
}
