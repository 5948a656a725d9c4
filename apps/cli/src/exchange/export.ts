import { HoldfastError } from '@holdfast/errors'
import type { ConversationAccess } from '../access/conversation-access.js'
import { findConversation } from './reconcile.js'
import { type ExchangeRecord, lineOf, recordOfConversation, recordOfMessage } from './records.js'

const pageMessages = 500
const pageConversations = 1000

export interface ExportReport {
  readonly conversations: number
  readonly messages: number
  /** Parts that refer to bytes, which are not in the export. */
  readonly blobs: number
}

export interface ExportOptions {
  /** Only this user's; default: all. */
  readonly userId?: string
  /** Only these, in this order; default: all, by id. */
  readonly ids?: readonly string[]
  readonly signal: AbortSignal
  readonly onProgress?: (done: number, total: number) => void
}

/** Writes the conversations as JSON lines. In memory are one page of messages and the ids of the conversations, sorted, so that the same
 *  content is the same bytes whatever happened last. @throws NOT_FOUND if one of `ids` is not there */
export async function exportConversations(
  access: ConversationAccess,
  write: (text: string) => Promise<void>,
  options: ExportOptions,
): Promise<ExportReport> {
  const ids = options.ids ?? (await allIds(access, options.userId))
  const report = { conversations: 0, messages: 0, blobs: 0 }
  for (const id of ids) {
    const conversation = options.ids === undefined ? await findConversation(access, id) : await access.get(id)
    // Deleted since it was listed.
    if (conversation === undefined) continue
    await write(linesOf([recordOfConversation(conversation)]))
    for (let after = 0; after < conversation.lastSeq;) {
      throwIfStopped(options.signal)
      const page = await access.messages(id, { after, before: conversation.lastSeq + 1, limit: pageMessages })
      const last = page.at(-1)
      if (last === undefined) break
      await write(linesOf(page.map((message) => recordOfMessage(id, message))))
      after = last.seq
      report.messages += page.length
      report.blobs += page.flatMap((message) => message.parts).filter((part) => 'hash' in part).length
    }
    const { state } = await access.state(id)
    if (Object.keys(state).length > 0) await write(linesOf([{ type: 'state', conversation: id, state }]))
    report.conversations++
    options.onProgress?.(report.conversations, ids.length)
  }
  return report
}

async function allIds(access: ConversationAccess, userId: string | undefined): Promise<string[]> {
  const ids = new Set<string>()
  for (let cursor: string | undefined, more = true; more;) {
    const page = await access.list({
      limit: pageConversations,
      ...(userId === undefined ? {} : { userId }),
      ...(cursor === undefined ? {} : { cursor }),
    })
    for (const { id } of page.items) ids.add(id)
    cursor = page.next
    more = cursor !== undefined
  }
  return [...ids].sort()
}

function linesOf(records: readonly ExchangeRecord[]): string {
  return records.map((record) => `${lineOf(record)}\n`).join('')
}

function throwIfStopped(signal: AbortSignal): void {
  if (signal.aborted) throw new HoldfastError('CANCELLED', 'The export was stopped before its end')
}
