import { createHash } from 'node:crypto'
import { invalidField } from '@holdfast/errors'
import { parseJsonText } from '@holdfast/server'
import type { Conversation, JsonObject, Message, Part, Role } from '@holdfast/session'
import { z } from 'zod'
import { canonicalJson } from './canonical-json.js'
import { isJsonObject } from './merge-patch.js'

/** One line of an export. A conversation comes as its own record, then its messages in order, then its state, if it has one.
 *  Times, versions, how replies were made and what was forked from where are not in it: no store takes them from outside, and
 *  what is in it comes out the same after an import. */
export type ExchangeRecord = ConversationRecord | MessageRecord | StateRecord

export interface ConversationRecord {
  readonly type: 'conversation'
  readonly id: string
  readonly userId: string
  readonly title: string
  readonly metadata: Readonly<Record<string, string>>
}

export interface MessageRecord {
  readonly type: 'message'
  readonly conversation: string
  readonly seq: number
  readonly id: string
  readonly role: Role
  /** Empty if redacted, and in a reply of which nothing was durable. */
  readonly parts: readonly Part[]
  readonly redacted?: true
}

export interface StateRecord {
  readonly type: 'state'
  readonly conversation: string
  readonly state: JsonObject
}

// A state may be 100 levels deep, and the record is one around it.
const maxDepth = 101

const part = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text'), text: z.string() }),
  z.strictObject({ type: z.literal('reasoning'), text: z.string() }),
  z.strictObject({
    type: z.enum(['image', 'audio', 'file']),
    hash: z.string(),
    contentType: z.string(),
    name: z.string().exactOptional(),
  }),
  z.strictObject({ type: z.literal('tool-call'), id: z.string(), name: z.string(), argumentsJson: z.string() }),
  z.strictObject({ type: z.literal('tool-result'), id: z.string(), content: z.string() }),
])

// z.record() would lose a key named `__proto__`.
const labels = z.custom<Readonly<Record<string, string>>>(
  (value) => isJsonObject(value) && Object.values(value).every((label) => typeof label === 'string'),
  'expected an object of strings',
)

const record = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('conversation'),
    id: z.string().min(1),
    userId: z.string(),
    title: z.string(),
    metadata: labels,
  }),
  z.strictObject({
    type: z.literal('message'),
    conversation: z.string().min(1),
    seq: z.int().min(1),
    id: z.string().min(1),
    role: z.enum(['user', 'assistant', 'system', 'tool']),
    parts: z.array(part),
    redacted: z.literal(true).exactOptional(),
  }),
  z.strictObject({
    type: z.literal('state'),
    conversation: z.string().min(1),
    state: z.custom<JsonObject>(isJsonObject, 'expected an object'),
  }),
])

/** @throws INVALID_ARGUMENT that names the member at fault */
export function parseRecord(line: string): ExchangeRecord {
  const parsed = record.safeParse(parseJsonText(line, 'record', maxDepth))
  if (parsed.success) {
    if (parsed.data.type === 'state' && holdsNull(parsed.data.state)) {
      throw invalidField('record.state', 'holds null, which in a merge patch means to remove the member')
    }
    return parsed.data
  }
  const issue = parsed.error.issues[0]
  throw invalidField(['record', ...(issue?.path ?? [])].join('.'), `is not understood: ${issue?.message ?? 'unknown'}`)
}

function holdsNull(state: JsonObject): boolean {
  return Object.values(state).some((member) => member === null || (isJsonObject(member) && holdsNull(member)))
}

/** One line, without its end. */
export function lineOf(record: ExchangeRecord): string {
  return canonicalJson(record)
}

export function recordOfConversation(conversation: Conversation): ConversationRecord {
  const { id, userId, title, metadata } = conversation
  return { type: 'conversation', id, userId, title, metadata }
}

export function recordOfMessage(conversation: string, message: Message): MessageRecord {
  return {
    type: 'message',
    conversation,
    seq: message.seq,
    id: exchangeId(message.id),
    role: message.role,
    parts: isPlaceholder(message.parts) ? [] : message.parts.map(withoutSize),
    ...(message.redacted === true ? { redacted: true } : {}),
  }
}

/** What stands for no content at all, which a message cannot be appended with. */
export const placeholder: readonly Part[] = [{ type: 'text', text: '' }]

export function isPlaceholder(parts: readonly Part[]): boolean {
  const [first, second] = parts
  return second === undefined && first?.type === 'text' && first.text === ''
}

/** The ids of replies are the store's to give, and longer than a key may be: they leave it under another name. */
function exchangeId(id: string): string {
  if (!id.startsWith('reply:')) return id
  const renamed = `imported-${id}`
  if (renamed.length <= 200) return renamed
  return `imported-reply:${createHash('sha256').update(id).digest('hex')}`
}

/** The size is looked up by whichever store has the bytes. */
function withoutSize(part: Part): Part {
  if (!('hash' in part)) return part
  const { sizeBytes: _, ...rest } = part
  return rest
}
