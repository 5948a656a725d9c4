import { invalidField } from '@holdfast/errors'
import {
  type Conversation as WireConversation,
  type Message as WireMessage,
  type Part as WirePart,
  type Reply as WireReply,
  ReplyStatus,
  Role,
  StateScope,
  TurnPolicy,
} from '@holdfast/protocol'
import { parseJsonText } from '@holdfast/server'
import {
  type Conversation,
  type Message,
  type Part,
  type Reply,
  type ReplyStatus as StoredStatus,
  type Role as StoredRole,
  type StateTarget,
  blobPartType,
} from '@holdfast/session'

const roleOnWire = { user: Role.USER, assistant: Role.ASSISTANT, system: Role.SYSTEM, tool: Role.TOOL } as const

const roles = new Map<Role, StoredRole>([
  [Role.UNSPECIFIED, 'user'],
  [Role.USER, 'user'],
  [Role.ASSISTANT, 'assistant'],
  [Role.SYSTEM, 'system'],
  [Role.TOOL, 'tool'],
])

export const statusOnWire: Readonly<Record<'running' | StoredStatus, ReplyStatus>> = {
  running: ReplyStatus.RUNNING,
  complete: ReplyStatus.COMPLETE,
  interrupted: ReplyStatus.INTERRUPTED,
  cancelled: ReplyStatus.CANCELLED,
  failed: ReplyStatus.FAILED,
}

export function conversationOnWire(conversation: Conversation): WireConversation {
  const { id, userId, title, metadata, version, lastSeq, parent, activeReplyId = '', tags = [] } = conversation
  return {
    id,
    userId,
    title,
    metadata: new Map(Object.entries(metadata)),
    version,
    createTime: conversation.createdAt,
    updateTime: conversation.updatedAt,
    lastActivityTime: conversation.lastActivityAt,
    lastSeq,
    parent: parent === undefined ? undefined : { ...parent },
    activeReplyId,
    tags: [...tags],
  }
}

export function messageOnWire(message: Message): WireMessage {
  const { seq, id, role, parts, at, editedAt, redacted, reply } = message
  return {
    seq,
    id,
    role: roleOnWire[role],
    parts: parts.map(partOnWire),
    createTime: at,
    editTime: editedAt,
    redacted: redacted ?? false,
    reply: reply === undefined ? undefined : replyOnWire(reply),
  }
}

export function roleFromWire(role: Role): StoredRole {
  const known = roles.get(role)
  if (known === undefined) throw invalidField('role', `has the unknown number ${role}`)
  return known
}

export function partsFromWire(parts: readonly WirePart[]): Part[] {
  return parts.map(({ content, madeFrom }, index) => {
    switch (content?.$case) {
      case 'text':
        return { type: 'text', text: content.value, ...(madeFrom === undefined ? {} : { madeFrom }) }
      case 'reasoning':
        return { type: 'reasoning', text: content.value.text }
      case 'blob': {
        const { hash, contentType, name } = content.value
        return { type: blobPartType(contentType), hash, contentType, ...(name === '' ? {} : { name }) }
      }
      case 'toolCall': {
        const { id, name, argumentsJson } = content.value
        parseJsonText(argumentsJson, `parts[${index}].argumentsJson`)
        return { type: 'tool-call', id, name, argumentsJson }
      }
      case 'toolResult':
        return { type: 'tool-result', id: content.value.toolCallId, content: content.value.content }
      default:
        throw invalidField(`parts[${index}]`, 'has no content that this server knows')
    }
  })
}

function partOnWire(part: Part): WirePart {
  switch (part.type) {
    case 'text':
      return { content: { $case: 'text', value: part.text }, madeFrom: part.madeFrom }
    case 'reasoning':
      return { content: { $case: 'reasoning', value: { text: part.text } } }
    case 'tool-call': {
      const { id, name, argumentsJson } = part
      return { content: { $case: 'toolCall', value: { id, name, argumentsJson } } }
    }
    case 'tool-result':
      return { content: { $case: 'toolResult', value: { toolCallId: part.id, content: part.content } } }
    default: {
      const { hash, contentType, name = '', sizeBytes = 0 } = part
      return { content: { $case: 'blob', value: { hash, contentType, name, sizeBytes } } }
    }
  }
}

function replyOnWire({ id, status, model = '', usage, finishReason = '', error }: Reply): WireReply {
  return {
    id,
    status: statusOnWire[status],
    model,
    usage: usage === undefined ? undefined : { ...usage },
    finishReason,
    error: error === undefined ? undefined : { ...error },
  }
}

/** @throws INVALID_ARGUMENT */
export function policyFromWire(policy: TurnPolicy): 'reject' | 'queue' | 'interrupt' {
  switch (policy) {
    case TurnPolicy.UNSPECIFIED:
    case TurnPolicy.REJECT:
      return 'reject'
    case TurnPolicy.QUEUE:
      return 'queue'
    case TurnPolicy.INTERRUPT:
      return 'interrupt'
    default:
      throw invalidField('turn_policy', 'must be one of TurnPolicy')
  }
}

/** @throws INVALID_ARGUMENT */
export function targetFromWire(request: {
  readonly conversationId: string
  readonly userId: string
  readonly scope: StateScope
}): StateTarget {
  const { conversationId, userId, scope } = request
  switch (scope) {
    case StateScope.UNSPECIFIED:
    case StateScope.SESSION:
      return conversationId
    case StateScope.APP:
      return { scope: 'app' }
    case StateScope.USER:
      return { scope: 'user', userId }
    case StateScope.TEMP:
      return { scope: 'temp', conversationId }
    default:
      throw invalidField('scope', 'must be one of StateScope')
  }
}
