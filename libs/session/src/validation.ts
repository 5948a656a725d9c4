import { invalidField } from '@holdfast/errors'
import type { Message, NewMessage, Part, Role } from './message.js'
import { checkKey } from './ids.js'

const roles: ReadonlySet<string> = new Set<Role>(['user', 'assistant', 'system', 'tool'])
const maxParts = 100
const maxTitle = 1000
const maxMetadata = { entries: 64, key: 128, value: 4096 }
const maxMessagesPerCall = 1000

/** A copy that holds only what belongs to a message, in a fixed order of fields, so that equal messages are equal as JSON. */
export interface CheckedMessage {
  readonly key: string | undefined
  readonly role: Role
  readonly parts: readonly Part[]
}

export function checkMessages(value: unknown, textBytes: number): CheckedMessage[] {
  if (!Array.isArray(value) || value.length === 0) throw invalidField('messages', 'must be an array of at least one')
  if (value.length > maxMessagesPerCall) throw invalidField('messages', `must be at most ${maxMessagesPerCall}`)
  const keys = new Set<string>()
  return value.map((message: unknown, index) => {
    const field = `messages[${index}]`
    if (!isObject(message)) throw invalidField(field, 'must be an object')
    const { key, role, parts } = message as Partial<NewMessage>
    if (key !== undefined) {
      checkKey(key, `${field}.key`)
      if (keys.has(key)) throw invalidField(`${field}.key`, 'occurs twice in one call')
      keys.add(key)
    }
    return { key, role: checkRole(role, `${field}.role`), parts: checkParts(parts, `${field}.parts`, textBytes) }
  })
}

export function checkRole(value: unknown, field: string): Role {
  if (typeof value !== 'string' || !roles.has(value))
    throw invalidField(field, 'must be user, assistant, system or tool')
  return value as Role
}

export function checkParts(value: unknown, field: string, textBytes: number): Part[] {
  if (!Array.isArray(value) || value.length < 1 || value.length > maxParts) {
    throw invalidField(field, `must be an array of 1 to ${maxParts} parts`)
  }
  return value.map((part: unknown, index) => checkPart(part, `${field}[${index}]`, textBytes))
}

export function checkPart(value: unknown, field: string, textBytes: number): Part {
  if (!isObject(value)) throw invalidField(field, 'must be an object')
  const part = value as Partial<Record<string, unknown>>
  const text = (name: string, limits: { min?: number; max: number }): string =>
    checkText(part[name], `${field}.${name}`, limits)
  switch (part['type']) {
    case 'text':
    case 'reasoning': {
      const checked = { type: part['type'], text: checkTextBytes(part['text'], `${field}.text`, textBytes) }
      if (part['type'] === 'reasoning' || part['madeFrom'] === undefined) return checked
      return { ...checked, madeFrom: checkHash(part['madeFrom'], `${field}.madeFrom`) }
    }
    case 'image':
    case 'audio':
    case 'file': {
      const hash = checkHash(part['hash'], `${field}.hash`)
      const contentType = text('contentType', { max: 255 })
      if (!/^[\w.+-]+\/[\w.+-]+(\s*;.*)?$/.test(contentType)) {
        throw invalidField(`${field}.contentType`, 'must be a media type such as image/png')
      }
      const name = part['name'] === undefined ? undefined : text('name', { min: 0, max: 255 })
      if (name !== undefined && /[/\\]/.test(name)) throw invalidField(`${field}.name`, 'must not contain folders')
      return { type: part['type'], hash, contentType, ...(name === undefined || name === '' ? {} : { name }) }
    }
    case 'tool-call': {
      const argumentsJson = checkTextBytes(part['argumentsJson'], `${field}.argumentsJson`, textBytes)
      if (!isJsonText(argumentsJson)) throw invalidField(`${field}.argumentsJson`, 'must be JSON')
      return { type: 'tool-call', id: text('id', { max: 200 }), name: text('name', { max: 200 }), argumentsJson }
    }
    case 'tool-result': {
      const content = checkTextBytes(part['content'], `${field}.content`, textBytes)
      return { type: 'tool-result', id: text('id', { max: 200 }), content }
    }
    default:
      throw invalidField(`${field}.type`, 'must be text, reasoning, image, audio, file, tool-call or tool-result')
  }
}

function checkHash(value: unknown, field: string): string {
  const hash = checkText(value, field, { max: 64 })
  if (/^[0-9a-f]{64}$/.test(hash)) return hash
  throw invalidField(field, 'must be a sha256 in 64 hexadecimal digits')
}

export function checkTitle(value: unknown, field: string): string {
  return checkText(value, field, { min: 0, max: maxTitle })
}

export function checkMetadata(value: unknown, field: string): Record<string, string> {
  if (!isObject(value)) throw invalidField(field, 'must be an object')
  const entries = Object.entries(value)
  if (entries.length > maxMetadata.entries)
    throw invalidField(field, `must have at most ${maxMetadata.entries} entries`)
  for (const [key, text] of entries) {
    checkText(key, `${field} key`, { max: maxMetadata.key })
    checkText(text, `${field}[${JSON.stringify(key)}]`, { min: 0, max: maxMetadata.value })
  }
  // fromEntries defines own properties, a key `__proto__` among them.
  return Object.fromEntries(entries)
}

export function checkSeq(value: unknown, field: string): Message['seq'] {
  return checkInteger(value, field, 1, Number.MAX_SAFE_INTEGER)
}

/** A page size: more than `max` counts as `max`. */
export function checkLimit(value: unknown, fallback: number, max: number): number {
  if (value === undefined) return fallback
  return Math.min(max, checkInteger(value, 'limit', 1, Number.MAX_SAFE_INTEGER))
}

export function checkInteger(value: unknown, field: string, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
    const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`
    throw invalidField(field, `must be an integer ${range}`)
  }
  return value
}

export function checkText(value: unknown, field: string, { min = 1, max }: { min?: number; max: number }): string {
  if (typeof value !== 'string') throw invalidField(field, 'must be a string')
  if (value.length < min || value.length > max) throw invalidField(field, `must be ${min} to ${max} characters long`)
  return value
}

export function checkTextBytes(value: unknown, field: string, maxBytes: number): string {
  if (typeof value !== 'string') throw invalidField(field, 'must be a string')
  if (exceedsBytes(value, maxBytes)) throw invalidField(field, `must be at most ${maxBytes} bytes of UTF-8`)
  return value
}

export function exceedsBytes(text: string, maxBytes: number): boolean {
  if (text.length > maxBytes) return true
  return text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isJsonText(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
