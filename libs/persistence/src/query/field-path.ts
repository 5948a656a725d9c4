import { invalidField } from '@holdfast/errors'
import { isJsonArray, isJsonObject, memberOf } from './json-value.js'
import type { FieldPath, JsonValue, MetaField } from './predicate.js'

const metaFields: ReadonlyMap<string, MetaField> = new Map([
  ['_id', 'id'],
  ['_version', 'version'],
  ['_createdAt', 'createdAt'],
  ['_updatedAt', 'updatedAt'],
])

/** Data is at most this deep, so that a longer path cannot lead anywhere. */
const maxSegments = 100

/** A path as callers write it: `a.b.0`, or one of `_id`, `_version`, `_createdAt`, `_updatedAt`.
 *  @param at where it stands, for the error: `filter.a..b` */
export function parseFieldPath(text: string, at: string): FieldPath {
  const segments = text.split('.')
  const [root = ''] = segments
  const meta = metaFields.get(root)
  if (meta !== undefined) {
    if (segments.length > 1) throw invalidField(at, `goes into ${root}, which has no fields`)
    return { of: 'meta', name: meta }
  }
  return { of: 'data', segments: checkSegments(segments, at) }
}

/** A path within an element of an array, where `_id` is a name like any other. */
export function parseElementPath(text: string, at: string): FieldPath {
  return { of: 'data', segments: checkSegments(text.split('.'), at) }
}

/** A path into the data only, for updates and indexes. */
export function parseDataPath(text: string, at: string): readonly string[] {
  const path = parseFieldPath(text, at)
  if (path.of === 'meta') throw invalidField(at, 'is kept by the store and is no field of the data')
  return path.segments
}

function checkSegments(segments: readonly string[], at: string): readonly string[] {
  if (segments.length > maxSegments) throw invalidField(at, `has more than ${maxSegments} parts`)
  for (const segment of segments) {
    if (segment === '') throw invalidField(at, 'is not a field path: a part between its dots is empty')
    if (segment.startsWith('$')) throw invalidField(at, 'is not a field path: a part of it starts with $')
  }
  return segments
}

/** The one value at a path, for sorting and indexes: members of objects and places in arrays (`a.0`), never all elements of an
 *  array, as filters look at them (see match.ts). `undefined`: missing. */
export function valueAt(data: unknown, segments: readonly string[]): JsonValue | undefined {
  let value = data as JsonValue | undefined
  for (const segment of segments) {
    if (isJsonObject(value)) value = memberOf(value, segment)
    else if (isJsonArray(value)) value = isArrayIndex(segment) ? value[Number(segment)] : undefined
    else return undefined
  }
  return value
}

/** Whether a part of a path can name a place in an array, as MongoDB has it: `0`, `12`, but not `01`, `-1`. */
export function isArrayIndex(segment: string): boolean {
  return /^(?:0|[1-9]\d{0,8})$/.test(segment)
}
