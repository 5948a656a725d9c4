import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { Conversation, StateDocument } from '../conversation-store.js'
import { type JsonObject, type Message, type NewMessage, type Role, textOf } from '../message.js'
import { legacyText } from '../session-store/direct-backend-text.js'
import { sameJson, sameStoredJson } from './canonical-json.js'

/** JSON texts under `session:{id}:…`, as the old service wrote them. */
export interface LegacyConversation {
  readonly metadata?: string | undefined
  readonly context?: string | undefined
  readonly state?: string | undefined
}

/** What the conversation store has no place for, kept so that the old service gets it back. */
export interface CarriedConversation {
  /** Text of the whole metadata. */
  readonly metadata?: string
  /** Whether there was a context, though maybe an empty one. */
  readonly hadContext: boolean
  /** When each message was made, by its id, in Unix seconds. */
  readonly timestamps: Readonly<Record<string, number>>
  readonly state?: string
}

export interface ConvertedConversation {
  readonly userId: string
  readonly title: string
  readonly metadata: Readonly<Record<string, string>>
  readonly messages: readonly NewMessage[]
  readonly state: JsonObject | undefined
  readonly carried: CarriedConversation
}

/** As the old service numbered them. */
const roles: readonly Role[] = ['user', 'assistant', 'system', 'tool']
/** Fields of the metadata that a conversation keeps among its labels; `settings` as JSON text. */
const labels = ['status', 'team_id', 'namespace_id', 'description', 'settings'] as const
const maxTitle = 1_000
const maxLabel = 4_096

interface LegacyMessage {
  readonly id: string
  readonly role: number
  readonly content: string
  readonly timestamp: number
}

/** What a conversation of the old service is here; or why it cannot be one, because it would not come back to the old service byte for byte. */
export function convertedFrom(
  id: string,
  legacy: LegacyConversation,
): ConvertedConversation | { readonly refused: string } {
  const metadata = parsed(legacy.metadata)
  const context = parsed(legacy.context)
  const state = parsed(legacy.state)
  if (metadata !== undefined && !isObject(metadata)) return { refused: 'its metadata is no object' }
  if (state !== undefined && !isObject(state)) return { refused: 'its state is no object' }
  // What a double cannot hold would be lost with the first change.
  if (legacy.state !== undefined && !sameJson(JSON.stringify(state), legacy.state)) {
    return { refused: 'its state has numbers with more digits than a JavaScript number holds' }
  }
  const messages = context === undefined ? [] : messagesOf(context)
  if (messages === undefined) return { refused: 'its context is not what the old service writes' }
  if (new Set(messages.map((message) => message.id)).size < messages.length)
    return { refused: 'two messages have one id' }
  const converted: ConvertedConversation = {
    userId: '',
    title: titleOf(metadata),
    metadata: labelsOf(metadata),
    messages: messages.map(({ id: key, role, content }) => ({
      key,
      role: roles[role - 1] ?? 'user',
      parts: [{ type: 'text', text: content }],
    })),
    state: state as JsonObject | undefined,
    carried: {
      ...(legacy.metadata === undefined ? {} : { metadata: legacy.metadata }),
      hadContext: context !== undefined,
      timestamps: Object.fromEntries(messages.map((message) => [message.id, message.timestamp])),
      ...(legacy.state === undefined ? {} : { state: legacy.state }),
    },
  }
  const back = contextText(
    id,
    messages.map(({ id: key, role, content, timestamp }) => ({ id: key, role, content, timestamp })),
  )
  if (legacy.context !== undefined && !sameStoredJson(back, legacy.context)) {
    return { refused: 'its context has more than the old service writes' }
  }
  return converted
}

/** What the old service would have written for a conversation as it stands now. */
export function writtenBack(
  conversation: Pick<Conversation, 'id' | 'title' | 'metadata' | 'createdAt'>,
  messages: readonly Message[],
  state: StateDocument,
  carried: CarriedConversation | undefined,
): LegacyConversation {
  const rows = messages.map((message) => ({
    id: carried?.timestamps[message.id] === undefined ? uuidOf(message.id) : message.id,
    role: roles.indexOf(message.role) + 1,
    content: textOf(message),
    timestamp: carried?.timestamps[message.id] ?? message.at.getTime() / 1000,
  }))
  const hasContext = carried === undefined || carried.hadContext || rows.length > 0
  return {
    metadata: metadataText(conversation, carried),
    context: hasContext ? contextText(conversation.id, rows) : undefined,
    state: stateText(state, carried),
  }
}

function metadataText(
  { id, title, metadata, createdAt }: Pick<Conversation, 'id' | 'title' | 'metadata' | 'createdAt'>,
  carried: CarriedConversation | undefined,
): string | undefined {
  const before = parsed(carried?.metadata)
  if (isObject(before) && titleOf(before) === title && isDeepStrictEqual(labelsOf(before), metadata))
    return carried?.metadata
  if (before === undefined && carried !== undefined && title === '' && Object.keys(metadata).length === 0)
    return undefined
  const given = Object.fromEntries(
    labels.flatMap((label) => {
      const text = metadata[label]
      return text === undefined ? [] : [[label, label === 'settings' ? (JSON.parse(text) as unknown) : text]]
    }),
  )
  const value = {
    conversation_id: id,
    created_at: createdAt.getTime() / 1000,
    status: 'active',
    team_id: '',
    namespace_id: '',
    description: '',
    settings: {},
    ...(isObject(before) ? before : {}),
    ...given,
    title,
  }
  return legacyText(`session:${id}:metadata`, JSON.stringify(value)).text
}

function stateText({ state, version }: StateDocument, carried: CarriedConversation | undefined): string | undefined {
  const before = parsed(carried?.state)
  if (before !== undefined && isDeepStrictEqual(before, state)) return carried?.state
  return version === 0 && Object.keys(state).length === 0 ? undefined : JSON.stringify(state)
}

function contextText(id: string, messages: readonly LegacyMessage[]): string {
  return legacyText(`session:${id}:context`, JSON.stringify({ messages })).text
}

function messagesOf(context: unknown): LegacyMessage[] | undefined {
  if (!isObject(context) || !Array.isArray(context['messages'])) return undefined
  const messages: LegacyMessage[] = []
  for (const message of context['messages'] as unknown[]) {
    if (!isObject(message)) return undefined
    const { id, role, content, timestamp } = message
    const isKnown = typeof id === 'string' && typeof content === 'string' && typeof timestamp === 'number'
    if (!isKnown || !(role === 1 || role === 2 || role === 3 || role === 4)) return undefined
    messages.push({ id, role, content, timestamp })
  }
  return messages
}

function titleOf(metadata: Readonly<Record<string, unknown>> | undefined): string {
  const title = metadata?.['title']
  return typeof title === 'string' ? title.slice(0, maxTitle) : ''
}

function labelsOf(metadata: Readonly<Record<string, unknown>> | undefined): Record<string, string> {
  return Object.fromEntries(
    labels.flatMap((label) => {
      const value = metadata?.[label]
      const text = label === 'settings' && value !== undefined ? JSON.stringify(value) : value
      return typeof text === 'string' && text.length <= maxLabel ? [[label, text]] : []
    }),
  )
}

/** The old service names messages by UUIDs. The same id always makes the same one. */
function uuidOf(id: string): string {
  if (/^[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/.test(id)) return id
  const hex = createHash('sha256').update(id).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

function parsed(text: string | undefined): unknown {
  return text === undefined ? undefined : (JSON.parse(text) as unknown)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
