import { invalidField } from '@holdfast/errors'
import { isRegExp } from 'node:util/types'
import { valueAt } from './field-path.js'
import { parseElementFilter } from './filter.js'
import { isJsonArray, sameJson } from './json-value.js'
import { isPlainObject, membersOf } from './plain-object.js'
import type { JsonValue } from './predicate.js'
import { parseSort } from './sort.js'
import { comparePositions, positionOf } from './sort-position.js'
import { describe, inapplicable, shorten } from './update-path.js'
import { type ParseChange, toJson, type ValueChange } from './update-values.js'

type Items = readonly JsonValue[]

/** Updates that make the array where it is missing. */
export const growingOperators: ReadonlyMap<string, ParseChange> = new Map<string, ParseChange>([
  ['$push', parsePush],
  ['$addToSet', parseAddToSet],
])

/** Updates that leave a missing array missing. */
export const shrinkingOperators: ReadonlyMap<string, ParseChange> = new Map<string, ParseChange>([
  ['$pull', parsePull],
  ['$pullAll', parsePullAll],
  ['$pop', parsePop],
])

function ofArray(at: string, verb: string, change: (items: Items) => Items): ValueChange {
  return (value = []) => {
    if (!isJsonArray(value)) throw inapplicable(at, `cannot ${verb} ${describe(value)}`)
    return change(value)
  }
}

function parsePush(operand: unknown, at: string): ValueChange {
  const modifiers = modifiersOf(operand, at, ['$each', '$position', '$sort', '$slice'])
  if (modifiers === undefined) {
    const item = toJson(operand, at)
    return ofArray(at, 'push to', (items) => [...items, item])
  }
  const added = eachOf(modifiers, at)
  const position = integerOf(modifiers, '$position', at) ?? Infinity
  const order = modifiers.has('$sort') ? parseOrder(modifiers.get('$sort'), `${at}.$sort`) : undefined
  const slice = integerOf(modifiers, '$slice', at)
  return ofArray(at, 'push to', (items) => {
    // A negative place counts from the end, and so does a negative slice.
    const pushed = items.toSpliced(position, 0, ...added)
    const sorted = order === undefined ? pushed : pushed.toSorted(order)
    if (slice === undefined) return sorted
    return slice < 0 ? sorted.slice(slice) : sorted.slice(0, slice)
  })
}

function parseAddToSet(operand: unknown, at: string): ValueChange {
  const modifiers = modifiersOf(operand, at, ['$each'])
  const added = modifiers === undefined ? [toJson(operand, at)] : eachOf(modifiers, at)
  return ofArray(at, 'add to', (items) => {
    const grown = [...items]
    for (const item of added) if (!grown.some((known) => sameJson(known, item))) grown.push(item)
    return grown
  })
}

/** A value goes where it is equal; an object of operators, where one of them would find it; another object is a filter of
 *  objects. */
function parsePull(operand: unknown, at: string): ValueChange {
  const isFilter = isPlainObject(operand) || isRegExp(operand)
  if (!isFilter) {
    const value = toJson(operand, at)
    return ofArray(at, 'pull from', (items) => items.filter((item) => !sameJson(item, value)))
  }
  const matches = parseElementFilter(operand, at)
  return ofArray(at, 'pull from', (items) => items.filter((item) => !matches(item)))
}

function parsePullAll(operand: unknown, at: string): ValueChange {
  if (!Array.isArray(operand)) throw invalidField(at, 'must be an array')
  const values = Array.from(operand, (item: unknown, index) => toJson(item, `${at}[${index}]`))
  return ofArray(at, 'pull from', (items) => items.filter((item) => !values.some((value) => sameJson(item, value))))
}

function parsePop(operand: unknown, at: string): ValueChange {
  if (operand !== 1 && operand !== -1) throw invalidField(at, 'must be 1 (the last) or -1 (the first)')
  return ofArray(at, 'pop from', (items) => (operand === 1 ? items.slice(0, -1) : items.slice(1)))
}

/** `undefined`: the operand is a value to add and has no modifiers. */
function modifiersOf(operand: unknown, at: string, known: readonly string[]): ReadonlyMap<string, unknown> | undefined {
  if (!isPlainObject(operand) || !Object.keys(operand).some((key) => key.startsWith('$'))) return undefined
  const modifiers = new Map(membersOf(operand, at))
  for (const name of modifiers.keys()) {
    if (!known.includes(name)) {
      throw invalidField(`${at}.${shorten(name)}`, `is not understood: known are ${known.join(', ')}`)
    }
  }
  return modifiers
}

function eachOf(modifiers: ReadonlyMap<string, unknown>, at: string): Items {
  const each = modifiers.get('$each')
  if (!Array.isArray(each)) throw invalidField(`${at}.$each`, 'must be an array')
  return Array.from(each, (item: unknown, index) => toJson(item, `${at}.$each[${index}]`))
}

function integerOf(modifiers: ReadonlyMap<string, unknown>, name: string, at: string): number | undefined {
  if (!modifiers.has(name)) return undefined
  const value = modifiers.get(name)
  if (typeof value !== 'number' || !Number.isSafeInteger(value))
    throw invalidField(`${at}.${name}`, 'must be an integer')
  return value
}

/** Of whole elements (1 or -1), or of objects by their fields. What is equal keeps its order. */
function parseOrder(operand: unknown, at: string): (a: JsonValue, b: JsonValue) => number {
  if (operand === 1 || operand === -1) return (a, b) => operand * comparePositions(positionOf(a), positionOf(b))
  const keys = parseSort(operand, at)
  if (keys.length === 0) throw invalidField(at, 'must be 1, -1 or the fields of the elements')
  const fields = keys.map(({ path, direction }) => {
    if (path.of === 'meta') throw invalidField(at, 'can only name fields of the elements')
    return { segments: path.segments, direction }
  })
  return (a, b) => {
    for (const { segments, direction } of fields) {
      const order = comparePositions(positionOf(valueAt(a, segments)), positionOf(valueAt(b, segments)))
      if (order !== 0) return order * direction
    }
    return 0
  }
}
