import { HoldfastError, invalidField } from '@holdfast/errors'
import { decodeJson, encodeJson } from '../json.js'
import { isPlainObject } from '../query/plain-object.js'

/** The one member that the store itself adds to stored data, at the top. Filters and updates cannot name it, because parts of paths
 *  must not start with `$`. Only collections with `upcast` or `encrypt` have it. */
export const markName = '$holdfast'

export interface Mark {
  /** Schema version; absent: 1. */
  readonly v?: number
  /** Of encrypted data: the number of the data key, and what it encrypted. */
  readonly k?: number
  readonly e?: string
  /** The searchable fields, and their keyed hashes by field path. */
  readonly f?: string
  readonly h?: Readonly<Record<string, unknown>>
}

/** The text of a JSON object with the mark in it. @throws INVALID_ARGUMENT if it cannot have one */
export function withMark(json: string, mark: Mark): string {
  if (!json.startsWith('{')) throw invalidField('data', 'must be an object in a collection with upcast')
  refuseMarkName(json)
  const text = `{"${markName}":${JSON.stringify(mark)}`
  return json === '{}' ? `${text}}` : `${text},${json.slice(1)}`
}

export function markOf(data: unknown): Mark | undefined {
  return isPlainObject(data) && Object.hasOwn(data, markName) ? (data[markName] as Mark) : undefined
}

/** Takes the mark out of data as JSON.parse made it. */
export function takeMark(data: unknown): Mark | undefined {
  const mark = markOf(data)
  if (mark !== undefined) delete (data as Record<string, unknown>)[markName]
  return mark
}

/** A scan of the text for each write: about 50 ns for a message. What was stored in spite of it would stop the reads of others. */
export function refuseMarkName(json: string, at = 'data'): void {
  if (!json.includes(`"${markName}"`)) return
  const data = decodeJson(json)
  if (isPlainObject(data) && Object.hasOwn(data, markName)) {
    throw invalidField(`${at}.${markName}`, 'is a name that the store keeps for itself: use another one')
  }
}

/** The JSON text of what a caller wants to store. */
export function encodeData(data: unknown, at = 'data'): string {
  const json = encodeJson(data, at)
  refuseMarkName(json, at)
  return json
}

export const isMarked = (data: unknown): boolean => typeof data === 'object' && data !== null && markName in data

/** Stops a collection or log that was opened without `upcast` and `encrypt` from handing out what others stored with them. */
export function markedError(data: unknown, what: string): HoldfastError {
  const { v, e } = markOf(data) ?? {}
  const how = e === undefined ? `with schema version ${v}: declare upcast` : 'encrypted: declare encrypt'
  return new HoldfastError('FAILED_PRECONDITION', `${what} was stored ${how} where it is opened`, {
    reason: e === undefined ? 'SCHEMA_TOO_NEW' : 'ENCRYPTED',
  })
}
