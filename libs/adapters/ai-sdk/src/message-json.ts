import type { UIMessage } from 'ai'
import { invalidField } from '@holdfast/errors'

/** A chat's id becomes the start of its messages' ids and the name of a stream. @throws INVALID_ARGUMENT */
export function checkChatId(chatId: unknown): string {
  if (typeof chatId === 'string' && /^[^\s/\p{C}]{1,200}$/u.test(chatId)) return chatId
  throw invalidField('chatId', 'must be 1 to 200 printable characters without spaces and slashes')
}

/** @throws INVALID_ARGUMENT */
export function checkMessageId(id: unknown, field: string): string {
  if (typeof id === 'string' && id.length >= 1 && id.length <= 300) return id
  throw invalidField(field, 'must be 1 to 300 characters: give toUIMessageStream a generateMessageId')
}

/** A message as the text that is stored, so that its members keep their order. Members that are undefined are dropped, as on the wire.
 *  @throws INVALID_ARGUMENT where JSON would silently store something else */
export function encodeMessage(message: UIMessage, field: string): string {
  if (typeof message !== 'object' || message === null) throw invalidField(field, 'must be an object')
  checkMessageId(message.id, `${field}.id`)
  if (!Array.isArray(message.parts)) throw invalidField(`${field}.parts`, 'must be an array')
  return encode(message, field)
}

export function encode(value: unknown, field: string): string {
  return JSON.stringify(value, (name, member: unknown) => {
    if (typeof member === 'number' && !Number.isFinite(member)) {
      throw invalidField(field, `has a number that JSON cannot hold at ${name}`)
    }
    if (typeof member === 'bigint') throw invalidField(field, `has a bigint at ${name}`)
    if (ArrayBuffer.isView(member)) throw invalidField(field, `has bytes at ${name}: put them in as a data URL`)
    return member
  })
}
