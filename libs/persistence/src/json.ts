import { HoldfastError, invalidField } from '@holdfast/errors'

/** Objects and arrays within each other, the outermost counted. */
export const maxJsonDepth = 100
/** Of UTF-8. */
export const maxJsonBytes: number = 16 * 1024 * 1024

/** The JSON text of a value, or INVALID_ARGUMENT that names the place at fault (`data.a.b[3]`). What JSON would change in
 *  silence is refused: NaN, functions, class instances without `toJSON`, holes. Two things are not: a member that is
 *  `undefined` is left out, and a Date becomes its ISO string.
 *
 *  The check adds about a fifth to JSON.stringify: 1.6 µs in place of 1.3 µs for a chat message of 425 bytes (Node 20). With
 *  Object.entries in place of Object.keys it added more than half. */
export function encodeJson(value: unknown, at = 'data'): string {
  const fault = findFault(value, 1)
  if (fault !== undefined) throw invalidField(pathOf(at, fault.path), fault.description)
  const json = JSON.stringify(value)
  // A UTF-16 unit is at most 3 bytes of UTF-8, so most texts need not be measured.
  if (json.length * 3 > maxJsonBytes && Buffer.byteLength(json) > maxJsonBytes) {
    throw new HoldfastError('INVALID_ARGUMENT', `${at} is larger than 16 MiB as JSON: keep large content in blobs`, {
      reason: 'PAYLOAD_TOO_LARGE',
      fields: [{ field: at, description: 'is larger than 16 MiB as JSON' }],
      metadata: { maxBytes: String(maxJsonBytes), actualBytes: String(Buffer.byteLength(json)) },
    })
  }
  return json
}

/** `__proto__` and `constructor` come back as plain own members, because JSON.parse defines and never assigns. */
export function decodeJson(text: string): unknown {
  return JSON.parse(text)
}

interface Fault {
  readonly description: string
  /** Innermost first. */
  readonly path: (string | number)[]
}

function findFault(value: unknown, depth: number): Fault | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined
    case 'number':
      return Number.isFinite(value) ? undefined : faulty(`is ${value}: JSON has finite numbers only`)
    case 'object':
      return value === null ? undefined : findFaultInObject(value, depth)
    case 'undefined':
      return faulty('is undefined: use null, or leave the member out')
    case 'bigint':
      return faulty('is a bigint: use a number or a string')
    default:
      return faulty(`is a ${typeof value}, which JSON cannot hold`)
  }
}

function findFaultInObject(value: object, depth: number): Fault | undefined {
  if (depth > maxJsonDepth) return faulty(`is nested deeper than ${maxJsonDepth} levels (or contains itself)`)
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const fault = findFault(value[index], depth + 1)
      if (fault !== undefined) return within(fault, index)
    }
    return undefined
  }
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? faulty('is an invalid Date') : undefined
  }
  // Before toJSON is honoured, because a Buffer has one, and one that turns a byte into four characters.
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    return faulty('is binary: keep bytes in blobs, or encode them as a string')
  }
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    return findFault(value.toJSON(''), depth + 1)
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  // Object.prototype of another realm (a vm context, a test runner) has no prototype either.
  if (prototype !== Object.prototype && prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    return faulty(`is a ${className(value)}: only plain objects, arrays and values with toJSON can be stored`)
  }
  const members = value as Readonly<Record<string, unknown>>
  for (const key of Object.keys(members)) {
    const member = members[key]
    if (member === undefined) continue
    const fault = findFault(member, depth + 1)
    if (fault !== undefined) return within(fault, key)
  }
  return undefined
}

function faulty(description: string): Fault {
  return { description, path: [] }
}

function within(fault: Fault, key: string | number): Fault {
  fault.path.push(key)
  return fault
}

function className(value: object): string {
  const constructor: unknown = value.constructor
  return typeof constructor === 'function' && constructor.name !== '' ? constructor.name : 'class instance'
}

/** `data.items[2].price`. @param path innermost first */
export function pathOf(at: string, path: readonly (string | number)[]): string {
  let text = at
  for (const key of path.toReversed()) {
    if (typeof key === 'number') text += `[${key}]`
    else text += /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
    // A path as deep as the data would bury the message.
    if (text.length > 500) return `${text.slice(0, 500)}…`
  }
  return text
}
