import { createHash, randomBytes } from 'node:crypto'
import { invalidField } from '@holdfast/errors'

/** Starts the keys of the messages that turns append; keys of callers must not. */
export const replyKeyPrefix = 'reply:'

// Controls, format characters (bidirectional overrides among them), surrogates without a partner and all separators: none is
// visible, so that two ids that look the same would differ.
const invisible = /[\p{Cc}\p{Cf}\p{Cs}\p{Z}]/u

export function checkConversationId(value: unknown, field: string): string {
  const id = checkIdText(value, field)
  if (id.includes('/')) throw invalidField(field, 'must not contain a slash')
  return id
}

/** May be empty: nobody's. */
export function checkUserId(value: unknown, field: string): string {
  return value === '' ? '' : checkIdText(value, field)
}

export function checkKey(value: unknown, field: string): string {
  const key = checkIdText(value, field)
  if (key.startsWith(replyKeyPrefix)) throw invalidField(field, `must not start with ${replyKeyPrefix}`)
  return key
}

function checkIdText(value: unknown, field: string): string {
  if (typeof value !== 'string') throw invalidField(field, 'must be a string')
  if (value.length < 1 || value.length > 200) throw invalidField(field, 'must be 1 to 200 characters long')
  if (invisible.test(value)) throw invalidField(field, 'must consist of visible characters, without spaces')
  return value
}

export function newConversationId(): string {
  return randomBytes(16).toString('base64url')
}

/** The same key always makes the same id, so that creating by key is as idempotent as creating by id. */
export function conversationIdOfKey(key: string): string {
  return `k-${createHash('sha256').update(key).digest('base64url').slice(0, 32)}`
}

/** What a reply id tells. The wire calls it opaque. */
export interface ReplyAddress {
  readonly conversationId: string
  /** The message of the reply has at least this `seq`. */
  readonly from: number
  readonly token: number
}

export function replyIdOf({ conversationId, from, token }: ReplyAddress): string {
  return `${conversationId}.${from}.${token}`
}

/** `undefined`: no reply can have this id. */
export function parseReplyId(replyId: unknown): ReplyAddress | undefined {
  if (typeof replyId !== 'string' || replyId.length > 240) return undefined
  const match = /^(.+)\.([1-9]\d{0,15})\.([1-9]\d{0,15})$/su.exec(replyId)
  const [, conversationId, from, token] = match ?? []
  if (conversationId === undefined || from === undefined || token === undefined) return undefined
  if (conversationId.length > 200 || conversationId.includes('/') || invisible.test(conversationId)) return undefined
  return { conversationId, from: Number(from), token: Number(token) }
}
