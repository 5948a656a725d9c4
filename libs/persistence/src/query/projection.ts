import { invalidField } from '@holdfast/errors'
import type { NeededMembers } from '../document-operations.js'
import { parseDataPath } from './field-path.js'
import { isJsonArray, isJsonObject } from './json-value.js'
import { membersOf } from './plain-object.js'
import type { JsonValue, SortKey } from './predicate.js'

export interface ParsedProjection {
  readonly apply: (data: JsonValue) => JsonValue
  /** Which members of the data are enough to apply it and to tell where the document stands under a sort. */
  readonly needs: (sort: readonly SortKey[]) => NeededMembers | undefined
}

/** By name; `true`: the whole value there. */
interface Fields extends ReadonlyMap<string, Fields | true> {}

/** Which fields of `data` a find shows: `{ a: 1, 'b.c': 1 }` only these, `{ a: 0 }` all but these; never both. As in MongoDB, a
 *  path goes through arrays into each of their elements, and numbers in it are names. Nothing: everything.
 *  @throws INVALID_ARGUMENT naming the field */
export function parseProjection(projection: unknown, at = 'project'): ParsedProjection | undefined {
  if (projection === undefined) return undefined
  const members = membersOf(projection, at)
  const paths = members.map(([name, shown]) => {
    const here = `${at}.${name.length > 500 ? `${name.slice(0, 500)}…` : name}`
    if (shown !== 1 && shown !== 0 && typeof shown !== 'boolean') throw invalidField(here, 'must be 1 or 0')
    return { at: here, path: parseDataPath(name, here), shown: shown === 1 || shown === true }
  })
  const [first] = paths
  if (first === undefined) return undefined
  const mixed = paths.find(({ shown }) => shown !== first.shown)
  if (mixed !== undefined) throw invalidField(mixed.at, 'mixes fields to show and fields to leave out')
  const fields = new Map<string, Fields | true>()
  for (const { path, at: here } of paths) add(fields, path, here)
  return {
    apply: (data) => (first.shown ? (include(data, fields) ?? {}) : exclude(data, fields)),
    needs: (sort) => needed(fields, first.shown, sort),
  }
}

function needed(fields: Fields, shown: boolean, sort: readonly SortKey[]): NeededMembers | undefined {
  // The score is of the whole text.
  if (sort.some(({ path }) => path.of === 'meta' && path.name === 'textScore')) return undefined
  const sorted = sort.flatMap(({ path }) => (path.of === 'data' ? path.segments.slice(0, 1) : []))
  if (shown) return { only: [...new Set([...fields.keys(), ...sorted])] }
  const without = [...fields].flatMap(([name, hidden]) => (hidden === true && !sorted.includes(name) ? [name] : []))
  return without.length === 0 ? undefined : { without }
}

type Growing = Map<string, Growing | true>

function add(fields: Map<string, Fields | true>, path: readonly string[], at: string): void {
  let level = fields as Growing
  for (const [depth, segment] of path.entries()) {
    const known = level.get(segment)
    const isLast = depth + 1 === path.length
    if (known === true || (isLast && known !== undefined))
      throw invalidField(at, 'is within another field that is named, or has one')
    if (isLast) level.set(segment, true)
    else {
      const next: Growing = known ?? new Map()
      level.set(segment, next)
      level = next
    }
  }
}

/** `undefined`: nothing of it is shown. */
function include(value: JsonValue, fields: Fields): JsonValue | undefined {
  if (isJsonArray(value)) {
    return value.map((element) => include(element, fields)).filter((element) => element !== undefined)
  }
  if (!isJsonObject(value)) return undefined
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, member]) => {
      const wanted = fields.get(key)
      const shown = wanted === true ? member : wanted === undefined ? undefined : include(member, wanted)
      return shown === undefined ? [] : [[key, shown]]
    }),
  )
}

function exclude(value: JsonValue, fields: Fields): JsonValue {
  if (isJsonArray(value)) return value.map((element) => exclude(element, fields))
  if (!isJsonObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, member]) => {
      const hidden = fields.get(key)
      return hidden === true ? [] : [[key, hidden === undefined ? member : exclude(member, hidden)]]
    }),
  )
}
