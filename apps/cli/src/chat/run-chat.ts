import { HoldfastError } from '@holdfast/errors'
import type { Clients } from '@holdfast/grpc-clients'
import type { Message } from '@holdfast/session'
import type { CommandContext } from '../command-context.js'
import type { ServerFlags } from '../commands/store-options.js'
import { serverClients } from '../server-clients.js'
import { settingsOf } from '../settings.js'
import { ConversationChat } from './conversation-chat.js'
import { attachment, saveSound } from './attachment.js'
import { chatOverPipes } from './piped-chat.js'
import { shownMessage } from './show-reply.js'
import { chatInTerminal } from './terminal-chat.js'

export interface ChatFlags extends ServerFlags {
  readonly conversation?: string
  readonly user: string
  readonly history: number
  readonly config?: string
  readonly json?: true
  readonly attach?: readonly string[]
  readonly spoken?: string
}

const healthTimeoutMs = 3_000

export async function runChat(flags: ChatFlags, context: CommandContext): Promise<void> {
  const { out, err, input, signal, environment } = context
  const address =
    flags.server ?? settingsOf(flags.config === undefined ? {} : { config: flags.config }, environment).config.listen
  await using clients = serverClients(address, flags, environment)
  await requireServer(clients, address)
  const chat = new ConversationChat(clients.chat, {
    conversationId: flags.conversation,
    userId: flags.user,
    isSpoken: flags.spoken !== undefined,
  })
  const attach = async (file: string): Promise<void> => chat.attach([await attachment(clients, file, context)])
  const onReply = async (message: Message): Promise<void> => {
    if (flags.spoken !== undefined) await saveSound(clients, message, flags.spoken, context)
  }
  const isPerson = input.isTTY && out.isTerminal && flags.json !== true
  const { history, activeReplyId } = await chat.open(isPerson ? flags.history : 0)
  try {
    for (const file of flags.attach ?? []) await attach(file)
    if (isPerson) {
      for (const message of history) await out.line(shownMessage(message))
      await chatInTerminal(chat, { input, out, signal, attach, onReply }, activeReplyId)
    } else {
      await chatOverPipes(chat, context, flags.json === true, onReply)
    }
  } finally {
    if (chat.id !== undefined && flags.json !== true) {
      await err.line(`holdfast: go on with: holdfast chat --conversation ${chat.id}`)
    }
  }
}

async function requireServer(clients: Clients, address: string): Promise<void> {
  const found = await clients.health({ deadlineMs: healthTimeoutMs })
  if (found.some(({ status }) => status !== 'unreachable')) return
  throw new HoldfastError(
    'UNAVAILABLE',
    `No server answers at ${address}: start one with \`holdfast up\`, or say where it is with --server HOST:PORT`,
    { reason: 'NO_SERVER', cause: found[0]?.error },
  )
}
