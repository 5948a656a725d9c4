import { invalidField } from '@holdfast/errors'
import {
  type Part,
  ChatServiceService,
  type ReplyDelta,
  type ReplyFinished,
  type SubscribeToConversationResponse,
} from '@holdfast/protocol'
import { type GrpcService, type Implementation, defineService, linkedSignal, parseJsonObject } from '@holdfast/server'
import type { ConversationEvent, JsonObject, ReplyEvent } from '@holdfast/session'
import type { SpokenReply } from './attachments/media-services.js'
import type { ChatEngine, ModelOptions } from './chat-engine.js'
import { type WireNames, namedAsOnTheWire } from './wire-fields.js'
import { searchOnWire } from './wire-search.js'
import {
  conversationOnWire,
  messageOnWire,
  partsFromWire,
  policyFromWire,
  roleFromWire,
  statusOnWire,
  targetFromWire,
} from './wire-messages.js'

const maxPatchBytes = 1024 * 1024

const ofConversation: WireNames = { id: 'conversation_id', conversationId: 'conversation_id', userId: 'user_id' }
const ofMessage: WireNames = {
  ...ofConversation,
  'messages[0].parts': 'parts',
  'messages[0].role': 'role',
  'messages[0].key': 'key',
  replyTo: 'regenerate_from_seq',
  waitMs: 'wait_ms',
}
const ofPage: WireNames = {
  ...ofConversation,
  limit: 'page_size',
  cursor: 'page_token',
  after: 'after_seq',
  before: 'before_seq',
}
const ofFork: WireNames = {
  ...ofConversation,
  'options.id': 'new_conversation_id',
  'options.key': 'key',
  'options.title': 'title',
}
const ofSearch: WireNames = { userId: 'user_id', limit: 'page_size' }
const ofPatch: WireNames = { ...ofConversation, patch: 'merge_patch_json' }

/** holdfast.chat.v1.ChatService: requests to the engine, what it answers to responses, and nothing else. */
export function chatGrpcService(engine: ChatEngine): GrpcService {
  return defineService(ChatServiceService, chatHandlers(engine))
}

function chatHandlers(engine: ChatEngine): Implementation<typeof ChatServiceService> {
  const { conversations } = engine
  return {
    createConversation: ({ conversationId, userId, title, metadata, key, tags }) =>
      named(ofConversation, async () => {
        const id = conversationId === '' ? {} : { id: conversationId }
        const input = {
          ...id,
          ...(key === '' ? {} : { key }),
          userId,
          title,
          metadata: Object.fromEntries(metadata),
          tags,
        }
        return { conversation: conversationOnWire(await conversations.create(input)) }
      }),

    getConversation: ({ conversationId }) =>
      named(ofConversation, async () => ({
        conversation: conversationOnWire(await conversations.get(conversationId)),
      })),

    listConversations: ({ userId, tag, pageSize, pageToken }, { signal }) =>
      named(ofPage, async () => {
        const { items, next = '' } = await conversations.list({
          signal,
          ...(userId === '' ? {} : { userId }),
          ...(tag === '' ? {} : { tag }),
          ...(pageSize === 0 ? {} : { limit: pageSize }),
          ...(pageToken === '' ? {} : { cursor: pageToken }),
        })
        return { conversations: items.map(conversationOnWire), nextPageToken: next }
      }),

    updateConversation: ({ conversationId, title, metadata, tags, ifVersion }) =>
      named(ofConversation, async () => {
        if (title === undefined && metadata === undefined && tags === undefined) {
          throw invalidField('title', 'or metadata or tags must be there')
        }
        const patch = {
          ...(title === undefined ? {} : { title }),
          ...(metadata === undefined ? {} : { metadata: Object.fromEntries(metadata.entries) }),
          ...(tags === undefined ? {} : { tags: tags.tags }),
        }
        const updated = await conversations.update(conversationId, patch, condition(ifVersion))
        return { conversation: conversationOnWire(updated) }
      }),

    deleteConversation: ({ conversationId, ifVersion }) =>
      named(ofConversation, async () => {
        await conversations.delete(conversationId, condition(ifVersion))
        return {}
      }),

    sendMessage: (request) =>
      named(
        ofMessage,
        async () => {
          const { conversationId, key } = request
          const message = { role: roleFromWire(request.role), parts: partsFromWire(request.parts) }
          const stored = await engine.sendMessage(conversationId, key === '' ? message : { ...message, key })
          return { message: messageOnWire(stored) }
        },
        request.parts,
      ),

    getMessages: ({ conversationId, afterSeq, beforeSeq, newestFirst, pageSize, pageToken }) =>
      named(ofPage, async () => {
        const { messages, next = '' } = await engine.messages({
          conversationId,
          newestFirst,
          ...(afterSeq === 0 ? {} : { after: afterSeq }),
          ...(beforeSeq === 0 ? {} : { before: beforeSeq }),
          ...(pageSize === 0 ? {} : { limit: pageSize }),
          ...(pageToken === '' ? {} : { cursor: pageToken }),
        })
        return { messages: messages.map(messageOnWire), nextPageToken: next }
      }),

    updateMessage: ({ conversationId, seq, parts }) =>
      named(
        ofConversation,
        async () => {
          const edited = await conversations.edit(conversationId, seq, partsFromWire(parts))
          return { message: messageOnWire(edited) }
        },
        parts,
      ),

    deleteMessage: ({ conversationId, seq }) =>
      named(ofConversation, async () => ({ message: messageOnWire(await conversations.redact(conversationId, seq)) })),

    async *streamChat(request, context) {
      const { conversationId, key, regenerateFromSeq, options, turnPolicy, waitMs, spoken } = request
      context.annotate({ conversationId })
      try {
        const stream = engine.streamChat(
          {
            conversationId,
            parts: partsFromWire(request.parts),
            ...(key === '' ? {} : { key }),
            ...(regenerateFromSeq === undefined ? {} : { regenerateFromSeq }),
            policy: policyFromWire(turnPolicy),
            ...(waitMs === 0 ? {} : { waitMs }),
            options: modelOptions(options ?? {}),
            ...(spoken === undefined ? {} : { spoken: spokenFromWire(spoken) }),
          },
          context.signal,
        )
        for await (const event of stream) {
          if (event.kind === 'started') {
            const { replyId, message } = event
            context.annotate({ replyId })
            yield { event: { $case: 'started', value: { replyId, userMessage: messageOnWire(message) } } }
          } else yield { event: replyEvent(event) }
        }
      } catch (error) {
        throw namedAsOnTheWire(error, ofMessage, request.parts)
      }
    },

    async *resumeStream({ replyId, after }, context) {
      context.annotate({ replyId })
      try {
        // A reply that this process makes is drained with it; one that another makes can be followed elsewhere.
        const ends = engine.makes(replyId) ? [context.signal] : [context.signal, context.stopping]
        using link = linkedSignal(ends)
        for await (const event of engine.followReply(replyId, after, link.signal)) yield { event: replyEvent(event) }
        link.signal.throwIfAborted()
      } catch (error) {
        throw namedAsOnTheWire(error, {})
      }
    },

    cancelReply: ({ replyId }) =>
      named({}, async () => {
        const { status, message } = await engine.cancelReply(replyId)
        return { status: statusOnWire[status], message: message === undefined ? undefined : messageOnWire(message) }
      }),

    async *subscribeToConversation({ conversationId, cursor }, context) {
      context.annotate({ conversationId })
      try {
        using link = linkedSignal([context.signal, context.stopping])
        const events = engine.subscribe(conversationId, cursor === '' ? undefined : cursor, link.signal)
        for await (const event of events) yield conversationEvent(event)
        link.signal.throwIfAborted()
      } catch (error) {
        throw namedAsOnTheWire(error, ofConversation)
      }
    },

    getState: (request) =>
      named(ofConversation, async () => stateOnWire(await conversations.state(targetFromWire(request)))),

    patchState: (request) =>
      named(ofPatch, async () => {
        const { mergePatchJson, ifVersion } = request
        if (Buffer.byteLength(mergePatchJson) > maxPatchBytes) {
          throw invalidField('patch', `must be at most ${maxPatchBytes} bytes of UTF-8`)
        }
        const patch = parseJsonObject(mergePatchJson, 'patch') as JsonObject
        return stateOnWire(await conversations.patchState(targetFromWire(request), patch, condition(ifVersion)))
      }),

    forkConversation: ({ conversationId, atSeq, newConversationId, title, key }) =>
      named(ofFork, async () => {
        const fork = await conversations.fork(conversationId, {
          ...(atSeq === undefined ? {} : { atSeq }),
          ...(newConversationId === '' ? {} : { id: newConversationId }),
          ...(title === undefined ? {} : { title }),
          ...(key === '' ? {} : { key }),
        })
        return { conversation: conversationOnWire(fork) }
      }),

    searchMessages: ({ userId, query, pageSize }, { signal }) =>
      named(ofSearch, async () => {
        const limit = pageSize === 0 ? {} : { limit: pageSize }
        const report = await conversations.searchReport(userId, query, { ...limit, signal })
        return searchOnWire(report)
      }),

    eraseUser: ({ userId }) => named(ofSearch, () => conversations.eraseUser(userId)),
  }
}

async function named<R>(names: WireNames, work: () => Promise<R>, parts: readonly Part[] = []): Promise<R> {
  try {
    return await work()
  } catch (error) {
    throw namedAsOnTheWire(error, names, parts)
  }
}

function condition(ifVersion: number | undefined): { readonly ifVersion?: number } {
  return ifVersion === undefined ? {} : { ifVersion }
}

function modelOptions(options: {
  readonly model?: string
  readonly temperature?: number | undefined
  readonly maxOutputTokens?: number | undefined
  readonly systemPrompt?: string | undefined
}): ModelOptions {
  const { model = '', temperature, maxOutputTokens, systemPrompt } = options
  return {
    ...(model === '' ? {} : { model }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
    ...(systemPrompt === undefined ? {} : { systemPrompt }),
  }
}

function spokenFromWire({ voice, speed }: { readonly voice: string; readonly speed: number }): SpokenReply {
  return { ...(voice === '' ? {} : { voice }), ...(speed === 0 ? {} : { speed }) }
}

function replyEvent(
  event: ReplyEvent,
): { $case: 'delta'; value: ReplyDelta } | { $case: 'finished'; value: ReplyFinished } {
  const { cursor } = event
  if (event.kind === 'text') return { $case: 'delta', value: { text: event.text, cursor } }
  return {
    $case: 'finished',
    value: { message: messageOnWire(event.message), status: statusOnWire[event.status], cursor },
  }
}

const eventCase = { message: 'message', edited: 'messageEdited', redacted: 'messageRedacted' } as const

function conversationEvent(event: ConversationEvent): SubscribeToConversationResponse {
  const { cursor } = event
  if (event.kind === 'deleted') {
    return { cursor, event: { $case: 'conversationDeleted', value: { conversationId: event.conversationId } } }
  }
  return { cursor, event: { $case: eventCase[event.kind], value: messageOnWire(event.message) } }
}

function stateOnWire({ state, version }: { readonly state: JsonObject; readonly version: number }): {
  stateJson: string
  version: number
} {
  return { stateJson: JSON.stringify(state), version }
}
