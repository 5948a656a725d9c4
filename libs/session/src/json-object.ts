import { invalidField } from '@holdfast/errors'
import type { JsonObject } from './message.js'
import { isObject } from './validation.js'

const maxDepth = 100

/** @throws INVALID_ARGUMENT that names the place, for what JSON cannot hold and for nesting deeper than 100 */
export function checkJsonObject(value: unknown, field: string): JsonObject {
  if (!isObject(value)) throw invalidField(field, 'must be a JSON object')
  checkValue(value, field, 1)
  return value as JsonObject
}

function checkValue(value: unknown, field: string, depth: number): void {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return
    case 'number':
      if (!Number.isFinite(value)) throw invalidField(shortened(field), 'must be a finite number')
      return
    case 'object':
      if (value !== null) checkMembers(value, field, depth)
      return
    default:
      throw invalidField(shortened(field), `must be JSON, not ${typeof value}`)
  }
}

function checkMembers(value: object, field: string, depth: number): void {
  if (depth > maxDepth) throw invalidField(shortened(field), `must not be nested deeper than ${maxDepth}`)
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) checkValue(item, `${field}[${index}]`, depth + 1)
    return
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    throw invalidField(shortened(field), 'must be a plain object')
  }
  for (const [key, member] of Object.entries(value)) checkValue(member, `${field}.${key}`, depth + 1)
}

/** A path as deep as the data would bury the message. */
function shortened(field: string): string {
  return field.length <= 200 ? field : `${field.slice(0, 200)}…`
}
