import type { Message, Part } from '@holdfast/session'
import type { ConversationAccess } from '../access/conversation-access.js'
import { type AccessFlags, openAccess } from '../access/open-access.js'
import type { CommandContext } from '../command-context.js'
import { printable, printableLines } from '../printable.js'

interface ShowFlags extends AccessFlags {
  readonly last?: number
  readonly json?: true
}

const pageMessages = 500

export async function showConversation(id: string, flags: ShowFlags, context: CommandContext): Promise<void> {
  const { out } = context
  await using opened = await openAccess(flags, context, { mayCreate: false })
  const access = opened.conversations
  const conversation = await access.get(id)
  const state = await access.state(id)
  const first = flags.last === undefined ? 0 : Math.max(0, conversation.lastSeq - flags.last)
  if (flags.json === true) {
    const messages: Message[] = []
    for await (const message of messagesAfter(access, id, first)) messages.push(message)
    await out.json({ conversation, messages, state: state.state, stateVersion: state.version })
    return
  }
  await out.line(`${id}  ${printable(conversation.title)}`)
  await out.line(
    `user ${conversation.userId || '-'}, ${conversation.lastSeq} messages, since ${conversation.createdAt.toISOString()}`,
  )
  for (const [key, value] of Object.entries(conversation.metadata))
    await out.line(`${printable(key)}: ${printable(value)}`)
  for await (const message of messagesAfter(access, id, first)) {
    const notes = [message.redacted === true ? 'redacted' : '', message.reply?.status ?? '', message.reply?.model ?? '']
    const noted = notes.filter((note) => note !== '' && note !== 'complete').join(', ')
    await out.line('')
    await out.line(`#${message.seq} ${message.role}${noted === '' ? '' : ` (${noted})`}  ${message.at.toISOString()}`)
    for (const part of message.parts) await out.line(textOfPart(part))
  }
  if (state.version > 0) {
    await out.line('')
    await out.line(`state, version ${state.version}:`)
    await out.line(JSON.stringify(state.state, undefined, 2))
  }
}

async function* messagesAfter(access: ConversationAccess, id: string, first: number): AsyncGenerator<Message> {
  for (let after = first; ;) {
    const page = await access.messages(id, { after, limit: pageMessages })
    yield* page
    const last = page.at(-1)
    if (last === undefined || page.length < pageMessages) return
    after = last.seq
  }
}

function textOfPart(part: Part): string {
  switch (part.type) {
    case 'text':
      return printableLines(part.text)
    case 'reasoning':
      return `[reasoning] ${printableLines(part.text)}`
    case 'tool-call':
      return `[calls ${printable(part.name)}] ${printableLines(part.argumentsJson)}`
    case 'tool-result':
      return `[result] ${printableLines(part.content)}`
    default:
      return `[${part.type} ${printable(part.name ?? '')} ${part.contentType} sha256:${part.hash}]`
  }
}
