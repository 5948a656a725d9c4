import { HoldfastError } from '@holdfast/errors'
import { isArrayIndex } from './field-path.js'
import { isJsonArray, isJsonObject, memberOf, withMember } from './json-value.js'
import type { JsonValue } from './predicate.js'

/** Where an update writes, and what errors call that place. */
export interface Place {
  readonly at: string
  readonly path: readonly string[]
}

/** MongoDB fills an array up with nulls when a number beyond its end is set; beyond this many it is a mistake or an attack. */
const maxPadding = 10_000

/** A copy of `container` in which the value at the path's rest is changed; missing parents become objects. */
export function changeAt(
  container: JsonValue,
  place: Place,
  change: (value: JsonValue | undefined) => JsonValue,
  depth = 0,
): JsonValue {
  const segment = place.path[depth]
  if (segment === undefined) return change(container)
  const isLast = depth + 1 === place.path.length
  const changed = (value: JsonValue | undefined): JsonValue =>
    isLast ? change(value) : changeAt(value === undefined ? {} : value, place, change, depth + 1)
  if (isJsonObject(container)) return withMember(container, segment, changed(memberOf(container, segment)))
  if (!isJsonArray(container)) {
    throw inapplicable(place.at, `cannot make the field ${shorten(segment)} in ${describe(container)}`)
  }
  if (!isArrayIndex(segment)) throw inapplicable(place.at, `cannot make the field ${shorten(segment)} in an array`)
  const index = Number(segment)
  if (index - container.length > maxPadding) {
    throw inapplicable(place.at, `is more than ${maxPadding} places beyond the end of the array`)
  }
  const copy = [...container]
  while (copy.length < index) copy.push(null)
  copy[index] = changed(container[index])
  return copy
}

/** As MongoDB does: a place in an array becomes null, and a path that leads nowhere is no fault. */
export function removeAt(container: JsonValue, path: readonly string[], depth = 0): JsonValue {
  const segment = path[depth] ?? ''
  const isLast = depth + 1 === path.length
  if (isJsonObject(container)) {
    const value = memberOf(container, segment)
    if (value === undefined) return container
    if (!isLast) return withMember(container, segment, removeAt(value, path, depth + 1))
    return Object.fromEntries(Object.entries(container).filter(([key]) => key !== segment))
  }
  if (!isJsonArray(container) || !isArrayIndex(segment)) return container
  const value = container[Number(segment)]
  return value === undefined
    ? container
    : container.with(Number(segment), isLast ? null : removeAt(value, path, depth + 1))
}

/** Whether the path goes into an array on its way to the value, or to where that would be. */
export function goesThroughArray(container: JsonValue, path: readonly string[]): boolean {
  let value: JsonValue | undefined = container
  for (const segment of path) {
    if (isJsonArray(value)) return true
    value = isJsonObject(value) ? memberOf(value, segment) : undefined
  }
  return false
}

export function inapplicable(field: string, description: string): HoldfastError {
  return new HoldfastError('FAILED_PRECONDITION', `${field} ${description}: the document was left as it is`, {
    reason: 'UPDATE_NOT_APPLICABLE',
    fields: [{ field, description }],
  })
}

export function describe(value: JsonValue): string {
  if (value === null) return 'null'
  if (isJsonArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

export function shorten(name: string): string {
  return name.length > 500 ? `${name.slice(0, 500)}…` : name
}
