import {
  type ConversationConversionReport,
  convertConversations,
  openConversationStore,
  openMigratingBackend,
  writeConversationsBack,
} from '@holdfast/session'
import type { CommandContext } from '../command-context.js'
import { openDataStore, secondsSince } from '../commands/data-store.js'
import { printable } from '../printable.js'
import { startCount } from '../progress.js'
import type { MigrateFlags } from './run-migrate.js'

/** So many are named of those that stay sessions. */
const shownRefusals = 20

export async function runConversion(
  direction: 'convert' | 'write-back',
  flags: MigrateFlags,
  context: CommandContext,
): Promise<void> {
  const { out, err, signal } = context
  const startedAt = performance.now()
  await using documents = await openDataStore(flags, context, { mayCreate: true })
  const redis = flags.fromRedis === undefined ? {} : { redis: flags.fromRedis }
  const sessions = await openMigratingBackend(flags.from, documents, { name: flags.name, shadowReads: 0, ...redis })
  const count = startCount(err, direction)
  let report: ConversationConversionReport & { readonly written?: number; readonly deleted?: number }
  try {
    await using conversations = await openConversationStore(documents, { maintenanceIntervalMs: 0 })
    const options = { sessions, documents, conversations, signal, onProgress: (done: number) => count.update(done) }
    report = direction === 'convert' ? await convertConversations(options) : await writeConversationsBack(options)
  } finally {
    count.stop()
    await sessions.close()
  }
  const seconds = secondsSince(startedAt)
  if (flags.json === true) {
    await out.json({ direction, ...report, seconds })
    return
  }
  const { conversations, messages, refused, written, deleted } = report
  const changes = written === undefined ? '' : `; wrote ${written} sessions and deleted ${deleted ?? 0}`
  await out.line(`${conversations} conversations with ${messages} messages${changes}, in ${seconds} s`)
  for (const { id, why } of refused.slice(0, shownRefusals)) await out.line(`stays a session: ${printable(id)}: ${why}`)
  if (refused.length > shownRefusals) await out.line(`… and ${refused.length - shownRefusals} more: --json names all`)
}
