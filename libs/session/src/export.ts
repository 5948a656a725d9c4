import type { StoreContext } from './context.js'
import { conversationOf } from './conversations.js'
import { isDeleting } from './shapes.js'
import { noConversation } from './failures.js'
import type { Conversation } from './conversation-store.js'
import { idOf } from './scoped-states.js'
import { messageOf, readAll } from './stored-messages.js'

/** A conversation as lines of JSON, each with its line feed: `{"kind":"conversation",…}`, its state, then its messages in their order, shared
 *  past included. Holds a page in memory. */
export async function* exportConversation(context: StoreContext, id: string): AsyncGenerator<string> {
  const { conversations, messages, states } = context.shapes
  const [document, head, state] = await Promise.all([conversations.get(id), messages.head(id), states.get(id)])
  if (document === undefined || isDeleting(document.data)) throw noConversation(id)
  const conversation: Conversation = conversationOf(document, head, undefined)
  yield line({ kind: 'conversation', conversation })
  if (state !== undefined && state.data.revision > 0) {
    const { revision, json } = state.data
    yield line({ kind: 'state', scope: 'session', conversationId: id, version: revision, state: JSON.parse(json) })
  }
  for await (const entry of readAll(messages, id)) {
    yield line({ kind: 'message', conversationId: id, message: messageOf(entry) })
  }
}

/** Everything of a user: their state, then every conversation. One that is deleted meanwhile is left out from there on. */
export async function* exportUser(context: StoreContext, userId: string): AsyncGenerator<string> {
  const { conversations, sharedStates } = context.shapes
  const state = await sharedStates.get(idOf({ scope: 'user', userId }))
  if (state !== undefined) {
    const { revision, json } = state.data
    yield line({ kind: 'state', scope: 'user', userId, version: revision, state: JSON.parse(json) })
  }
  for await (const { id, data } of conversations.find({ userId })) {
    if (!isDeleting(data)) yield* exportConversation(context, id)
  }
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`
}
