import type { Conversation } from '@holdfast/session'
import type { ConversationAccess } from '../access/conversation-access.js'
import { type AccessFlags, openAccess } from '../access/open-access.js'
import type { CommandContext } from '../command-context.js'
import { table } from '../printable.js'

interface ListFlags extends AccessFlags {
  readonly user?: string
  readonly limit?: number
  readonly all?: true
  readonly json?: true
}

export async function listConversations(flags: ListFlags, context: CommandContext): Promise<void> {
  await using opened = await openAccess(flags, context, { mayCreate: false })
  const limit = flags.all === true ? Number.POSITIVE_INFINITY : (flags.limit ?? 50)
  const { conversations, more } = await newest(opened.conversations, flags.user, limit)
  if (flags.json === true) {
    await context.out.json({ conversations, more })
    return
  }
  const rows = conversations.map(({ id, userId, lastSeq, lastActivityAt, title }) => {
    return [id, userId, String(lastSeq), lastActivityAt.toISOString(), title.slice(0, 60)]
  })
  await context.out.write(table(['conversation', 'user', 'messages', 'last activity', 'title'], rows))
  if (more) await context.err.line(`holdfast: there are more; --limit N or --all shows them`)
}

async function newest(
  access: ConversationAccess,
  userId: string | undefined,
  limit: number,
): Promise<{ readonly conversations: readonly Conversation[]; readonly more: boolean }> {
  const found = new Map<string, Conversation>()
  let cursor: string | undefined
  do {
    const page = await access.list({
      limit: Math.min(1000, limit - found.size),
      ...(userId === undefined ? {} : { userId }),
      ...(cursor === undefined ? {} : { cursor }),
    })
    // One that becomes active meanwhile may come twice.
    for (const conversation of page.items) if (!found.has(conversation.id)) found.set(conversation.id, conversation)
    cursor = page.next
  } while (cursor !== undefined && found.size < limit)
  return { conversations: [...found.values()], more: cursor !== undefined }
}
