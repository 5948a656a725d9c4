import { invalidField } from '@holdfast/errors'
import { decodeJson, encodeJson } from '../json.js'
import { membersOf, isPlainObject } from './plain-object.js'
import type { JsonValue } from './predicate.js'
import { comparePositions, positionOf } from './sort-position.js'
import { describe, inapplicable } from './update-path.js'

/** The value after the update; `undefined` in: the field is missing. */
export type ValueChange = (value: JsonValue | undefined) => JsonValue

/** Reads what stands behind an operator and a path. @param at for errors */
export type ParseChange = (operand: unknown, at: string) => ValueChange

export function toJson(value: unknown, at: string): JsonValue {
  return decodeJson(encodeJson(value, at)) as JsonValue
}

/** Updates of a value as a whole: `$set $inc $mul $min $max $currentDate`. */
export const valueOperators: ReadonlyMap<string, ParseChange> = new Map<string, ParseChange>([
  ['$set', parseSet],
  ['$setOnInsert', parseSet],
  ['$inc', (operand, at) => calculate(operand, at, 'add', (a, b) => a + b)],
  ['$mul', (operand, at) => calculate(operand, at, 'multiply', (a, b) => a * b)],
  ['$min', (operand, at) => replaceIf(operand, at, (order) => order > 0)],
  ['$max', (operand, at) => replaceIf(operand, at, (order) => order < 0)],
  ['$currentDate', parseCurrentDate],
])

function parseSet(operand: unknown, at: string): ValueChange {
  const value = toJson(operand, at)
  return () => value
}

/** With a missing field as 0. */
function calculate(
  operand: unknown,
  at: string,
  verb: 'add' | 'multiply',
  compute: (a: number, b: number) => number,
): ValueChange {
  if (typeof operand !== 'number' || !Number.isFinite(operand)) throw invalidField(at, 'must be a finite number')
  return (value = 0) => {
    if (typeof value !== 'number') {
      throw inapplicable(at, verb === 'add' ? `cannot add to ${describe(value)}` : `cannot multiply ${describe(value)}`)
    }
    const result = compute(value, operand)
    const staysExact = !Number.isSafeInteger(value) || !Number.isSafeInteger(operand) || Number.isSafeInteger(result)
    if (!Number.isFinite(result) || !staysExact) {
      throw inapplicable(at, `would make ${value} larger than a number can hold exactly`)
    }
    // Without negative zero, which JSON loses.
    return result + 0
  }
}

/** @param needed of the order of the value there and the operand */
function replaceIf(operand: unknown, at: string, needed: (order: number) => boolean): ValueChange {
  const wanted = toJson(operand, at)
  if (typeof wanted === 'object' && wanted !== null) {
    throw invalidField(at, 'must be null, a boolean, number, string or Date: objects and arrays have no order')
  }
  return (value) => {
    if (value === undefined) return wanted
    return needed(comparePositions(positionOf(value), positionOf(wanted))) ? wanted : value
  }
}

/** By this machine's clock; `_updatedAt` has the database's. */
function parseCurrentDate(operand: unknown, at: string): ValueChange {
  if (isPlainObject(operand)) {
    const [first, ...more] = membersOf(operand, at)
    if (first?.[0] !== '$type' || first[1] !== 'date' || more.length > 0) {
      throw invalidField(at, "must be true or { $type: 'date' }")
    }
  } else if (operand !== true) throw invalidField(at, "must be true or { $type: 'date' }")
  return () => new Date().toISOString()
}
