import { HoldfastError } from '@holdfast/errors'
import {
  type Conversation as WireConversation,
  type Message as WireMessage,
  type Part as WirePart,
  type Reply as WireReply,
  ReplyStatus as WireReplyStatus,
  Role as WireRole,
} from '@holdfast/protocol'
import {
  type Conversation,
  type Message,
  type Part,
  type Reply,
  type ReplyStatus,
  type Role,
  blobPartType,
} from '@holdfast/session'
import { isJsonObject } from '../exchange/merge-patch.js'
import type { VersionedState } from './conversation-access.js'

/** What a server sends, as the store's own shapes. */
export function conversationFromWire(wire: WireConversation | undefined): Conversation {
  if (wire === undefined) throw missing('conversation')
  return {
    id: wire.id,
    userId: wire.userId,
    title: wire.title,
    metadata: Object.fromEntries(wire.metadata),
    version: wire.version,
    createdAt: timeFromWire(wire.createTime),
    updatedAt: timeFromWire(wire.updateTime),
    lastActivityAt: timeFromWire(wire.lastActivityTime),
    lastSeq: wire.lastSeq,
    ...(wire.parent === undefined
      ? {}
      : { parent: { conversationId: wire.parent.conversationId, seq: wire.parent.seq } }),
    ...(wire.activeReplyId === '' ? {} : { activeReplyId: wire.activeReplyId }),
  }
}

export function messageFromWire(wire: WireMessage | undefined): Message {
  if (wire === undefined) throw missing('message')
  return {
    seq: wire.seq,
    id: wire.id,
    role: roleFromWire(wire.role),
    parts: wire.parts.map(partFromWire),
    at: timeFromWire(wire.createTime),
    ...(wire.editTime === undefined ? {} : { editedAt: wire.editTime }),
    ...(wire.redacted ? { redacted: true } : {}),
    ...(wire.reply === undefined ? {} : { reply: replyFromWire(wire.reply) }),
  }
}

export function stateFromWire(wire: { readonly stateJson: string; readonly version: number }): VersionedState {
  const state: unknown = JSON.parse(wire.stateJson)
  if (!isJsonObject(state)) throw missing('state as a JSON object')
  return { state, version: wire.version }
}

export function partToWire(part: Part): WirePart {
  switch (part.type) {
    case 'text':
      return { content: { $case: 'text', value: part.text }, madeFrom: part.madeFrom }
    case 'reasoning':
      return { content: { $case: 'reasoning', value: { text: part.text } } }
    case 'tool-call':
      return {
        content: { $case: 'toolCall', value: { id: part.id, name: part.name, argumentsJson: part.argumentsJson } },
      }
    case 'tool-result':
      return { content: { $case: 'toolResult', value: { toolCallId: part.id, content: part.content } } }
    default: {
      const { hash, contentType, name = '', sizeBytes = 0 } = part
      return { content: { $case: 'blob', value: { hash, contentType, name, sizeBytes } } }
    }
  }
}

function partFromWire({ content, madeFrom }: WirePart): Part {
  switch (content?.$case) {
    case 'text':
      return { type: 'text', text: content.value, ...(madeFrom === undefined ? {} : { madeFrom }) }
    case 'reasoning':
      return { type: 'reasoning', text: content.value.text }
    case 'toolCall': {
      const { id, name, argumentsJson } = content.value
      return { type: 'tool-call', id, name, argumentsJson }
    }
    case 'toolResult':
      return { type: 'tool-result', id: content.value.toolCallId, content: content.value.content }
    case 'blob': {
      const { hash, contentType, name, sizeBytes } = content.value
      return { type: blobPartType(contentType), hash, contentType, ...(name === '' ? {} : { name }), sizeBytes }
    }
    default:
      throw missing('part that this version knows')
  }
}

const roles = {
  user: WireRole.USER,
  assistant: WireRole.ASSISTANT,
  system: WireRole.SYSTEM,
  tool: WireRole.TOOL,
} as const

export function roleToWire(role: Role): WireRole {
  return roles[role]
}

function roleFromWire(wire: WireRole): Role {
  for (const role of ['user', 'assistant', 'system', 'tool'] as const) if (roles[role] === wire) return role
  throw missing('role that this version knows')
}

const statuses: ReadonlyMap<WireReplyStatus, ReplyStatus> = new Map<WireReplyStatus, ReplyStatus>([
  [WireReplyStatus.COMPLETE, 'complete'],
  [WireReplyStatus.INTERRUPTED, 'interrupted'],
  [WireReplyStatus.CANCELLED, 'cancelled'],
  [WireReplyStatus.FAILED, 'failed'],
])

function replyFromWire({ id, status, model, usage, finishReason, error }: WireReply): Reply {
  const known = statuses.get(status)
  if (known === undefined) throw missing('reply status that this version knows')
  return {
    id,
    status: known,
    ...(model === '' ? {} : { model }),
    ...(usage === undefined ? {} : { usage: { inputTokens: usage.inputTokens, outputTokens: usage.outputTokens } }),
    ...(finishReason === '' ? {} : { finishReason }),
    ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
  }
}

function timeFromWire(time: Date | undefined): Date {
  if (time === undefined) throw missing('time')
  return time
}

function missing(what: string): HoldfastError {
  return new HoldfastError(
    'INTERNAL',
    `The server answered without a ${what}: its version may be newer than this command's`,
  )
}
