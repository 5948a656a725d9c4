import { HoldfastError } from '@holdfast/errors'
import type { Part } from '@holdfast/protocol'

/** What fields are called inside (or how their paths begin) and what they are called in the request. Fields that are not listed only change
 *  their case: `userId` is `user_id`. */
export type WireNames = Readonly<Record<string, string>>

type PartCase = NonNullable<Part['content']>['$case']

// Part's oneof puts its members one level deeper than the parts of a conversation store.
const memberOf: Readonly<Record<PartCase, string | undefined>> = {
  text: undefined,
  blob: 'blob',
  toolCall: 'tool_call',
  toolResult: 'tool_result',
  reasoning: 'reasoning',
}

/** The same error with its fields named as the caller wrote them; anything but a HoldfastError about fields as it is. */
export function namedAsOnTheWire(error: unknown, names: WireNames, parts: readonly Part[] = []): unknown {
  if (!(error instanceof HoldfastError) || error.fields.length === 0) return error
  const fields = error.fields.map(({ field, description }) => ({ field: wireName(field, names, parts), description }))
  const [from, to] = [error.fields[0]?.field, fields[0]?.field]
  if (from === to && fields.length === 1) return error
  const isNamed = from !== undefined && error.message.startsWith(`${from} `)
  const message = isNamed ? `${to}${error.message.slice(from.length)}` : error.message
  const { cause, reason, metadata, retryAfterMs } = error
  const rest = retryAfterMs === undefined ? { cause, reason, metadata } : { cause, reason, metadata, retryAfterMs }
  return new HoldfastError(error.code, message, { ...rest, fields })
}

function wireName(field: string, names: WireNames, parts: readonly Part[]): string {
  const known = Object.keys(names).find(
    (name) => field === name || (field.startsWith(name) && /^[.[ ]/.test(field.slice(name.length))),
  )
  const renamed = known === undefined ? field : `${names[known]}${field.slice(known.length)}`
  return snakeCase(insideOfPart(renamed, parts))
}

function insideOfPart(field: string, parts: readonly Part[]): string {
  const [, part, index, member] = /^(parts\[(\d+)\])\.(\w+)$/.exec(field) ?? []
  const $case = parts[Number(index)]?.content?.$case
  if (part === undefined || $case === undefined || member === undefined) return field
  const group = memberOf[$case]
  if (group === undefined) return field
  return `${part}.${group}.${$case === 'toolResult' && member === 'id' ? 'toolCallId' : member}`
}

/** Keys of maps, in brackets and quotes, stay as the caller wrote them. */
function snakeCase(path: string): string {
  const [outside = '', ...quoted] = path.split(/(?=\[")/)
  return outside.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) + quoted.join('')
}
