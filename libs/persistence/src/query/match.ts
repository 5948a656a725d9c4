import { isArrayIndex } from './field-path.js'
import { isJsonArray, isJsonObject, memberOf, sameJson } from './json-value.js'
import type { ComparisonOperator, FieldPath, JsonType, JsonValue, Predicate, QueriedDocument } from './predicate.js'
import { matchesRegex } from './regex-match.js'
import { comparePositions, positionOf } from './sort-position.js'

/** Whether the document matches, with MongoDB's meaning:
 *
 *  - A path stands for all values that it leads to. It goes into members of objects; an array on the way is gone into through
 *    each of its elements that are objects, and through the element that the next part numbers (`a.0`). A value that is an
 *    array stands for each of its elements and for itself, unless its number was the path's last part.
 *  - An object, or a value that is neither object nor array, without the wanted member leads to "missing". An array that
 *    leads nowhere leads to nothing, not even to "missing".
 *  - `$size` and `$elemMatch` look at the array itself. Within `$elemMatch` an array is an object whose names are its places.
 *  - Regular expressions see a string as it is stored (sql/json-text.ts), and all ways of it at once, in linear time.
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
    case 'text':
      return (document.textScore ?? 0) > 0
    case 'size':
      return someWhole(document, predicate.path, (value) => isJsonArray(value) && value.length === predicate.size)
    case 'element':
      return someWhole(
        document,
        predicate.path,
        (value) => isJsonArray(value) && hasElement(value, predicate, document),
      )
    default:
      return someValue(document, predicate.path, valueTest(predicate))
  }
}

/** What one of the values must meet. */
function valueTest(predicate: ValuePredicate): Test {
  switch (predicate.kind) {
    case 'compare':
      return (value) => compares(value, predicate.op, predicate.value)
    case 'in':
      return (value) => predicate.values.some((wanted) => sameJson(value ?? null, wanted))
    case 'type':
      return (value) => value !== undefined && predicate.types.includes(typeOf(value))
    case 'regex':
      return (value) => typeof value === 'string' && matchesRegex(predicate.regex, value)
    case 'mod':
      return (value) =>
        typeof value === 'number' &&
        Number.isSafeInteger(Math.trunc(value)) &&
        // Adding 0 makes 0 of negative 0.
        (Math.trunc(value) % predicate.divisor) + 0 === predicate.remainder
  }
}

type ValuePredicate = Extract<Predicate, { kind: 'compare' | 'in' | 'type' | 'regex' | 'mod' }>

function hasElement(
  array: readonly JsonValue[],
  { of, objects }: { readonly of: Predicate; readonly objects: boolean },
  document: QueriedDocument,
): boolean {
  return array.some((element) => {
    if (!objects) return matches(of, { ...document, data: element })
    if (typeof element !== 'object' || element === null) return false
    return matches(of, { ...document, data: element })
  })
}

function typeOf(value: JsonValue): JsonType {
  if (value === null) return 'null'
  if (isJsonArray(value)) return 'array'
  return typeof value as 'number' | 'string' | 'boolean' | 'object'
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
  const data = document.data as JsonValue
  if (path.segments.length === 0) return test(data)
  return someValueWithin(rooted(data, path.segments), path.segments, 0, (value, numbered) => {
    return test(value) || (!numbered && isJsonArray(value) && value.some(test))
  })
}

/** Data that is an array itself is an object whose names are its places. */
function rooted(data: unknown, segments: readonly string[]): JsonValue {
  const value = data as JsonValue
  return segments.length > 0 && isJsonArray(value) ? Object.fromEntries(value.entries()) : value
}

/** As `someValue`, but a value that is an array stands for itself only. */
function someWhole(document: QueriedDocument, path: FieldPath, test: Test): boolean {
  return path.of === 'data' && someValueWithin(rooted(document.data, path.segments), path.segments, 0, test)
}

/** Calls `visit` with every value that the path leads to, arrays whole; `undefined`: missing. */
export function eachValue(
  data: unknown,
  segments: readonly string[],
  visit: (value: JsonValue | undefined) => void,
): void {
  someValueWithin(rooted(data, segments), segments, 0, (value) => {
    visit(value)
    return false
  })
}

/** `numbered`: the path's last part was the value's number in an array. */
type TestAtEnd = (value: JsonValue | undefined, numbered: boolean) => boolean

function someValueWithin(value: JsonValue, segments: readonly string[], depth: number, test: TestAtEnd): boolean {
  const segment = segments[depth]
  if (segment === undefined) return test(value, false)
  if (isJsonArray(value)) return someValueInArray(value, segments, depth, test)
  const member = isJsonObject(value) ? memberOf(value, segment) : undefined
  return member === undefined ? test(undefined, false) : someValueWithin(member, segments, depth + 1, test)
}

function someValueInArray(
  array: readonly JsonValue[],
  segments: readonly string[],
  depth: number,
  test: TestAtEnd,
): boolean {
  if (array.some((element) => isJsonObject(element) && someValueWithin(element, segments, depth, test))) return true
  const segment = segments[depth] ?? ''
  const numbered = isArrayIndex(segment) ? array[Number(segment)] : undefined
  if (numbered === undefined) return false
  if (depth + 1 === segments.length) return test(numbered, true)
  // A value that is neither object nor array has no members, but in an array it is not "missing" them either.
  return typeof numbered === 'object' && numbered !== null && someValueWithin(numbered, segments, depth + 1, test)
}
