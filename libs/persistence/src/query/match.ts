import { isArrayIndex } from './field-path.js'
import { isJsonArray, isJsonObject, memberOf, sameJson } from './json-value.js'
import type { ComparisonOperator, FieldPath, JsonValue, Predicate, QueriedDocument } from './predicate.js'
import { comparePositions, positionOf } from './sort-position.js'

/** Whether the document matches, with MongoDB's meaning:
 *
 *  - A path stands for all values that it leads to. It goes into members of objects; an array on the way is gone into through
 *    each of its elements that are objects, and through the element that the next part numbers (`a.0`). A value that is an
 *    array stands for each of its elements and for itself, unless its number was the path's last part.
 *  - An object, or a value that is neither object nor array, without the wanted member leads to "missing". An array that
 *    leads nowhere leads to nothing, not even to "missing".
 *  - A comparison holds if it holds for one of the values. Missing equals null. `gt` and its kin hold only between values
 *    of one type. `exists` holds if one of the values is not missing.
 *
 *  It differs in one point: objects are equal whatever the order of their keys. */
export function matches(predicate: Predicate, document: QueriedDocument): boolean {
  switch (predicate.kind) {
    case 'and':
      return predicate.of.every((part) => matches(part, document))
    case 'or':
      return predicate.of.some((part) => matches(part, document))
    case 'nor':
      return !predicate.of.some((part) => matches(part, document))
    case 'not':
      return !matches(predicate.of, document)
    case 'exists':
      return someValue(document, predicate.path, (value) => value !== undefined) === predicate.exists
    case 'in':
      return someValue(document, predicate.path, (value) =>
        predicate.values.some((wanted) => sameJson(value ?? null, wanted)),
      )
    case 'compare':
      return someValue(document, predicate.path, (value) => compares(value, predicate.op, predicate.value))
  }
}

function compares(value: JsonValue | undefined, op: ComparisonOperator, wanted: JsonValue): boolean {
  if (op === 'eq') return sameJson(value ?? null, wanted)
  // Objects and arrays have no order among each other: filters refuse to ask for it.
  if (typeof wanted === 'object' && wanted !== null) return false
  const position = positionOf(value)
  const bound = positionOf(wanted)
  if (position.rank !== bound.rank) return false
  const order = comparePositions(position, bound)
  switch (op) {
    case 'gt':
      return order > 0
    case 'gte':
      return order >= 0
    case 'lt':
      return order < 0
    case 'lte':
      return order <= 0
  }
}

/** `undefined` stands for missing. */
type Test = (value: JsonValue | undefined) => boolean

function someValue(document: QueriedDocument, path: FieldPath, test: Test): boolean {
  if (path.of === 'meta') return test(document[path.name])
  return someValueWithin(document.data as JsonValue, path.segments, 0, test)
}

function someValueWithin(value: JsonValue, segments: readonly string[], depth: number, test: Test): boolean {
  const segment = segments[depth]
  if (segment === undefined) return test(value) || (isJsonArray(value) && value.some(test))
  if (isJsonArray(value)) return someValueInArray(value, segments, depth, test)
  const member = isJsonObject(value) ? memberOf(value, segment) : undefined
  return member === undefined ? test(undefined) : someValueWithin(member, segments, depth + 1, test)
}

function someValueInArray(
  array: readonly JsonValue[],
  segments: readonly string[],
  depth: number,
  test: Test,
): boolean {
  if (array.some((element) => isJsonObject(element) && someValueWithin(element, segments, depth, test))) return true
  const segment = segments[depth] ?? ''
  const numbered = isArrayIndex(segment) ? array[Number(segment)] : undefined
  if (numbered === undefined) return false
  if (depth + 1 === segments.length) return test(numbered)
  // A value that is neither object nor array has no members, but in an array it is not "missing" them either.
  return typeof numbered === 'object' && numbered !== null && someValueWithin(numbered, segments, depth + 1, test)
}
