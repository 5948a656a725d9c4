import { randomUUID } from 'node:crypto'
import {
  CancelReplyRequest,
  ChatServiceService as chat,
  CreateConversationRequest,
  DeleteConversationRequest,
  DeleteMessageRequest,
  EraseUserRequest,
  ForkConversationRequest,
  GetConversationRequest,
  GetMessagesRequest,
  GetStateRequest,
  ListConversationsRequest,
  PatchStateRequest,
  ResumeStreamRequest,
  type ResumeStreamResponse,
  SearchMessagesRequest,
  SendMessageRequest,
  StreamChatRequest,
  type StreamChatResponse,
  SubscribeToConversationRequest,
  type SubscribeToConversationResponse,
  UpdateConversationRequest,
  UpdateMessageRequest,
} from '@holdfast/protocol'
import type { Connection } from './connection.js'
import type { Partially } from './method.js'
import type { CallOptions } from './options.js'
import { streamReply, type ReplyPosition } from './reply-stream.js'
import { subscribe } from './subscription.js'
import { type UnaryCalls, type UnaryRules, unaryCalls } from './unary-calls.js'

type Chat = typeof chat

/** holdfast.chat.v1.ChatService, method for method; requests may leave out what has a default. Errors are HoldfastErrors as the
 *  server threw them. Reads and calls with a key are repeated when the connection is lost; SendMessage, StreamChat,
 *  CreateConversation and ForkConversation are given a key if they have none. The other writes are repeated only when the
 *  server is known not to have run them; else they throw UNKNOWN. */
export interface ChatClient extends UnaryCalls<Chat> {
  /** Sends the user's message and yields the reply until `finished`, across lost connections, restarts and servers: the same text
   *  as on one uncut connection, each piece once. Leaving the loop or aborting does not stop the reply: that is `cancelReply`. */
  streamChat(request: Partially<StreamChatRequest>, options?: CallOptions): AsyncIterable<StreamChatResponse>
  /** The rest of a reply after `after`, in the same way. */
  resumeStream(request: Partially<ResumeStreamRequest>, options?: CallOptions): AsyncIterable<ResumeStreamResponse>
  /** Everything after `cursor`, then what comes, each event once, until the signal aborts (CANCELLED) or the conversation is
   *  deleted. No deadline unless one is given. */
  subscribeToConversation(
    request: Partially<SubscribeToConversationRequest>,
    options?: CallOptions,
  ): AsyncIterable<SubscribeToConversationResponse>
}

/** Deleting, redacting and cancelling twice are the same as once by the service's contract. An update is not: between the
 *  two, somebody else's may have been. */
const rules: UnaryRules<Chat> = {
  createConversation: {
    request: CreateConversationRequest,
    repeatable: true,
    withKey: (request) =>
      request.conversationId === '' && request.key === '' ? { ...request, key: randomUUID() } : request,
  },
  getConversation: { request: GetConversationRequest, repeatable: true },
  listConversations: { request: ListConversationsRequest, repeatable: true },
  updateConversation: { request: UpdateConversationRequest, repeatable: false },
  deleteConversation: { request: DeleteConversationRequest, repeatable: true },
  sendMessage: { request: SendMessageRequest, repeatable: true, withKey: keyed },
  getMessages: { request: GetMessagesRequest, repeatable: true },
  updateMessage: { request: UpdateMessageRequest, repeatable: false },
  deleteMessage: { request: DeleteMessageRequest, repeatable: true },
  cancelReply: { request: CancelReplyRequest, repeatable: true },
  getState: { request: GetStateRequest, repeatable: true },
  patchState: { request: PatchStateRequest, repeatable: false },
  forkConversation: {
    request: ForkConversationRequest,
    repeatable: true,
    withKey: (request) =>
      request.newConversationId === '' && request.key === '' ? { ...request, key: randomUUID() } : request,
  },
  searchMessages: { request: SearchMessagesRequest, repeatable: true },
  eraseUser: { request: EraseUserRequest, repeatable: true },
}

function keyed<Request extends { readonly key: string }>(request: Request): Request {
  return request.key === '' ? { ...request, key: randomUUID() } : request
}

export function createChatClient(connection: Connection): ChatClient {
  return {
    ...unaryCalls(connection, chat, rules),
    streamChat(partial, options = {}) {
      return streamReply(connection, { request: keyed(StreamChatRequest.fromPartial(partial)) }, options)
    },
    async *resumeStream(partial, options = {}) {
      const { replyId, after } = ResumeStreamRequest.fromPartial(partial)
      const position: ReplyPosition = { replyId, after }
      for await (const { event } of streamReply(connection, { position }, options)) {
        if (event?.$case !== 'started') yield { event }
      }
    },
    subscribeToConversation(partial, options = {}) {
      return subscribe(connection, SubscribeToConversationRequest.fromPartial(partial), options)
    },
  }
}
