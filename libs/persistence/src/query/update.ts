import { HoldfastError, invalidField } from '@holdfast/errors'
import { decodeJson, encodeJson } from '../json.js'
import { isArrayIndex, parseDataPath } from './field-path.js'
import { isJsonArray, isJsonObject, type JsonObject, memberOf, withMember } from './json-value.js'
import { isPlainObject, membersOf } from './plain-object.js'
import type { JsonValue, Predicate } from './predicate.js'

/** Steps whose paths do not touch, so that their order has no meaning. */
export type ParsedUpdate = readonly UpdateStep[]

type UpdateStep = { readonly at: string; readonly path: readonly string[] } & UpdateAction

type UpdateAction =
  | { readonly operator: '$set'; readonly value: JsonValue }
  | { readonly operator: '$unset' }
  | { readonly operator: '$inc'; readonly by: number }
  | { readonly operator: '$push'; readonly items: readonly JsonValue[] }

/** MongoDB fills an array up with nulls when a number beyond its end is set; beyond this many it is a mistake or an attack. */
const maxPadding = 10_000

/** An update in MongoDB's language: `$set`, `$unset`, `$inc`, `$push` (a value, or `{ $each: [...] }`).
 *  @throws INVALID_ARGUMENT naming the place, for whatever is not understood and for paths of which one contains the other */
export function parseUpdate(update: unknown): ParsedUpdate {
  const steps = membersOf(update, 'update').flatMap(([operator, fields]) => parseOperator(operator, fields))
  if (Object.keys(update as object).length === 0) throw invalidField('update', 'has no operator')
  refuseConflicts(steps)
  return steps
}

function parseOperator(operator: string, fields: unknown): UpdateStep[] {
  const at = `update.${shorten(operator)}`
  if (!operator.startsWith('$')) {
    throw invalidField(at, 'is not an operator: write { $set: { field: value } }, or put to replace all data')
  }
  const parse = parsers.get(operator)
  if (parse === undefined)
    throw invalidField(at, 'is not an operator for updates: known are $set, $unset, $inc and $push')
  return membersOf(fields, at).map(([name, operand]) => {
    const here = `${at}.${shorten(name)}`
    return { at: here, path: parseDataPath(name, here), ...parse(operand, here) }
  })
}

const parsers: ReadonlyMap<string, (operand: unknown, at: string) => UpdateAction> = new Map([
  ['$set', (operand, at): UpdateAction => ({ operator: '$set', value: toJson(operand, at) })],
  // MongoDB ignores what stands here, conventionally ''.
  ['$unset', (): UpdateAction => ({ operator: '$unset' })],
  ['$inc', parseIncrement],
  ['$push', parsePush],
])

function parseIncrement(operand: unknown, at: string): UpdateAction {
  if (typeof operand !== 'number' || !Number.isFinite(operand)) throw invalidField(at, 'must be a finite number')
  return { operator: '$inc', by: operand }
}

function parsePush(operand: unknown, at: string): UpdateAction {
  const modifiers = isPlainObject(operand) ? Object.keys(operand).filter((key) => key.startsWith('$')) : []
  if (!isPlainObject(operand) || modifiers.length === 0) return { operator: '$push', items: [toJson(operand, at)] }
  const unknown = Object.keys(operand).find((key) => key !== '$each')
  if (unknown !== undefined) throw invalidField(`${at}.${shorten(unknown)}`, 'is not understood: only $each is')
  const each = operand['$each']
  if (!Array.isArray(each)) throw invalidField(`${at}.$each`, 'must be an array')
  return { operator: '$push', items: Array.from(each, (item: unknown, index) => toJson(item, `${at}.$each[${index}]`)) }
}

function toJson(value: unknown, at: string): JsonValue {
  return decodeJson(encodeJson(value, at)) as JsonValue
}

/** Sorted, a path stands directly before the first that goes on from it. */
function refuseConflicts(steps: readonly UpdateStep[]): void {
  const sorted = steps
    .map(({ path, at }) => ({ key: path.map((segment) => `${JSON.stringify(segment)}.`).join(''), at }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
  for (const [index, { key, at }] of sorted.entries()) {
    const next = sorted[index + 1]
    if (next?.key.startsWith(key)) throw invalidField(next.at, `conflicts with ${at}: both write the same field`)
  }
}

/** The data after the update; what was passed stays as it is, and shares its unchanged parts with the result.
 *  @throws FAILED_PRECONDITION with reason UPDATE_NOT_APPLICABLE if a step does not fit the data: `$inc` of a string, `$push` to
 *  a number, a path through a number, a sum that a number cannot hold */
export function applyUpdate(data: unknown, update: ParsedUpdate): JsonValue {
  return update.reduce((value, step) => applyStep(value, step), data as JsonValue)
}

function applyStep(data: JsonValue, step: UpdateStep): JsonValue {
  switch (step.operator) {
    case '$set':
      return changeAt(data, step, 0, () => step.value)
    case '$inc':
      return changeAt(data, step, 0, (value) => increased(value, step.by, step.at))
    case '$push':
      return changeAt(data, step, 0, (value = []) => {
        if (!isJsonArray(value)) throw inapplicable(step.at, `cannot push to ${describe(value)}`)
        return [...value, ...step.items]
      })
    case '$unset':
      return removeAt(data, step.path, 0)
  }
}

function increased(value: JsonValue = 0, by: number, at: string): number {
  if (typeof value !== 'number') throw inapplicable(at, `cannot add to ${describe(value)}`)
  const sum = value + by
  const staysExact = !Number.isSafeInteger(value) || !Number.isSafeInteger(by) || Number.isSafeInteger(sum)
  if (!Number.isFinite(sum) || !staysExact)
    throw inapplicable(at, `would make ${value} larger than a number can hold exactly`)
  return sum
}

/** A copy of `container` in which the value at the path's rest is changed; missing parents become objects. */
function changeAt(
  container: JsonValue,
  step: UpdateStep,
  depth: number,
  change: (value: JsonValue | undefined) => JsonValue,
): JsonValue {
  const segment = step.path[depth]
  if (segment === undefined) return change(container)
  const isLast = depth + 1 === step.path.length
  const changed = (value: JsonValue | undefined): JsonValue =>
    isLast ? change(value) : changeAt(value === undefined ? {} : value, step, depth + 1, change)
  if (isJsonObject(container)) return withMember(container, segment, changed(memberOf(container, segment)))
  if (!isJsonArray(container)) {
    throw inapplicable(step.at, `cannot make the field ${shorten(segment)} in ${describe(container)}`)
  }
  if (!isArrayIndex(segment)) throw inapplicable(step.at, `cannot make the field ${shorten(segment)} in an array`)
  const index = Number(segment)
  if (index - container.length > maxPadding) {
    throw inapplicable(step.at, `is more than ${maxPadding} places beyond the end of the array`)
  }
  const copy = [...container]
  while (copy.length < index) copy.push(null)
  copy[index] = changed(container[index])
  return copy
}

/** As MongoDB does: a place in an array becomes null, and a path that leads nowhere is no fault. */
function removeAt(container: JsonValue, path: readonly string[], depth: number): JsonValue {
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

/** The data that an upsert starts from when nothing matched: what the filter says the fields equal.
 *  @throws INVALID_ARGUMENT if it says so twice of one field */
export function upsertSeed(where: Predicate): JsonObject {
  const equalities = equalitiesOf(where)
  refuseConflicts(equalities)
  const seed = equalities.reduce<JsonValue>((data, step) => applyStep(data, step), {})
  return isJsonObject(seed) ? seed : {}
}

function equalitiesOf(where: Predicate): UpdateStep[] {
  if (where.kind === 'and' || (where.kind === 'or' && where.of.length === 1)) return where.of.flatMap(equalitiesOf)
  if (where.kind !== 'compare' || where.op !== 'eq' || where.path.of !== 'data') return []
  const path = where.path.segments
  return [{ at: `filter.${shorten(path.join('.'))}`, path, operator: '$set', value: where.value }]
}

function inapplicable(field: string, description: string): HoldfastError {
  return new HoldfastError('FAILED_PRECONDITION', `${field} ${description}: the document was left as it is`, {
    reason: 'UPDATE_NOT_APPLICABLE',
    fields: [{ field, description }],
  })
}

function describe(value: JsonValue): string {
  if (value === null) return 'null'
  if (isJsonArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

function shorten(name: string): string {
  return name.length > 500 ? `${name.slice(0, 500)}…` : name
}
