import type { StoreContext } from '../context.js'
import type { History, HistoryOptions } from '../conversation-store.js'
import { conversationOf } from '../conversations.js'
import { noConversation } from '../failures.js'
import { checkConversationId } from '../ids.js'
import { messageFrom } from '../stored-messages.js'
import { checkInteger } from '../validation.js'
import { messagesWithin } from './history.js'

const maxMessages = 1000

export async function readHistory(context: StoreContext, id: string, options: HistoryOptions): Promise<History> {
  checkConversationId(id, 'id')
  const last = checkInteger(options.last ?? 20, 'last', 1, maxMessages)
  const history = await context.histories.read(id, last)
  if (history === undefined) throw noConversation(id)
  const messages = messagesWithin(history, { limit: last, reverse: true }) ?? []
  const document = { id, createdAt: new Date(history.createdAt), data: history.record }
  return {
    conversation: conversationOf(document, { next: history.last + 1, at: history.lastAt }, undefined),
    messages: messages.toReversed().map(messageFrom),
  }
}
