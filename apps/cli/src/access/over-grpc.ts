import { invalidField } from '@holdfast/errors'
import type { ChatClient } from '@holdfast/grpc-clients'
import type { Conversation, Message, NewMessage } from '@holdfast/session'
import type { ConversationAccess, VersionedState } from './conversation-access.js'
import { conversationFromWire, messageFromWire, partToWire, roleToWire, stateFromWire } from './wire-shapes.js'

const pageSize = 1000

/** Conversations behind a server. Every call that the client library may not repeat by itself is repeated by those who read first
 *  what became of it. */
export function conversationsOverGrpc(chat: ChatClient, signal?: AbortSignal): ConversationAccess {
  const options = signal === undefined ? {} : { signal }
  return {
    async create({ id = '', key = '', userId = '', title = '', metadata = {} } = {}): Promise<Conversation> {
      const labels = new Map<string, string>(Object.entries(metadata))
      const request = { conversationId: id, key, userId, title, metadata: labels }
      return conversationFromWire((await chat.createConversation(request, options)).conversation)
    },
    async get(id) {
      return conversationFromWire((await chat.getConversation({ conversationId: id }, options)).conversation)
    },
    async list({ userId = '', limit = 50, cursor = '' } = {}) {
      const page = await chat.listConversations({ userId, pageSize: limit, pageToken: cursor }, options)
      const items = page.conversations.map(conversationFromWire)
      return page.nextPageToken === '' ? { items } : { items, next: page.nextPageToken }
    },
    async delete(id) {
      await chat.deleteConversation({ conversationId: id }, options)
      return true
    },
    async append(id, messages) {
      if (messages.length === 0) throw invalidField('messages', 'must be at least one')
      const appended: Message[] = []
      for (const message of messages) appended.push(await send(id, message))
      return appended
    },
    async messages(id, { after = 0, before = 0, limit = 100, reverse = false } = {}) {
      const found: Message[] = []
      const request = { conversationId: id, afterSeq: after, beforeSeq: before, newestFirst: reverse }
      // A page may hold less than was asked for, so that it fits into a gRPC message.
      for (let pageToken = ''; ;) {
        const page = await chat.getMessages({ ...request, pageSize: Math.min(pageSize, limit), pageToken }, options)
        found.push(...page.messages.map(messageFromWire))
        pageToken = page.nextPageToken
        if (pageToken === '' || found.length >= limit) return found.slice(0, limit)
      }
    },
    async redact(id, seq) {
      return messageFromWire((await chat.deleteMessage({ conversationId: id, seq }, options)).message)
    },
    async state(id): Promise<VersionedState> {
      return stateFromWire(await chat.getState({ conversationId: id }, options))
    },
    async patchState(id, patch, condition = {}): Promise<VersionedState> {
      const request = { conversationId: id, mergePatchJson: JSON.stringify(patch), ...condition }
      return stateFromWire(await chat.patchState(request, options))
    },
  }

  async function send(id: string, { key = '', role, parts }: NewMessage): Promise<Message> {
    const request = { conversationId: id, key, role: roleToWire(role), parts: parts.map(partToWire) }
    return messageFromWire((await chat.sendMessage(request, options)).message)
  }
}
