import { invalidField } from '@holdfast/errors'
import { parseDataPath, valueAt } from './field-path.js'
import { isJsonObject, type JsonObject } from './json-value.js'
import { membersOf } from './plain-object.js'
import type { JsonValue, Predicate } from './predicate.js'
import { growingOperators, shrinkingOperators } from './update-arrays.js'
import { changeAt, goesThroughArray, inapplicable, type Place, removeAt, shorten } from './update-path.js'
import { type ValueChange, valueOperators } from './update-values.js'

/** Steps whose paths do not touch, so that their order has no meaning. */
export type ParsedUpdate = readonly UpdateStep[]

type UpdateStep = Place &
  (
    | { readonly kind: 'change'; readonly change: ValueChange; readonly ifMissing: 'make' | 'leave' }
    /** Only when an upsert makes the document. */
    | { readonly kind: 'onInsert'; readonly change: ValueChange }
    | { readonly kind: 'unset' }
    | { readonly kind: 'rename'; readonly to: Place }
  )

/** An update in MongoDB's language: `$set $unset $setOnInsert $inc $mul $min $max $currentDate $rename` and, of arrays, `$push`
 *  (`$each $position $sort $slice`) `$addToSet` (`$each`) `$pull $pullAll $pop`.
 *  @throws INVALID_ARGUMENT naming the place, for whatever is not understood and for paths of which one contains the other */
export function parseUpdate(update: unknown): ParsedUpdate {
  const steps = membersOf(update, 'update').flatMap(([operator, fields]) => parseOperator(operator, fields))
  if (Object.keys(update as object).length === 0) throw invalidField('update', 'has no operator')
  refuseConflicts(steps.flatMap((step) => (step.kind === 'rename' ? [step, step.to] : [step])))
  return steps
}

function parseOperator(operator: string, fields: unknown): UpdateStep[] {
  const at = `update.${shorten(operator)}`
  if (!operator.startsWith('$')) {
    throw invalidField(at, 'is not an operator: write { $set: { field: value } }, or put to replace all data')
  }
  const parse = parserOf(operator)
  if (parse === undefined) {
    const known = [
      '$unset',
      '$rename',
      ...valueOperators.keys(),
      ...growingOperators.keys(),
      ...shrinkingOperators.keys(),
    ]
    throw invalidField(at, `is not an operator for updates: known are ${known.join(', ')}`)
  }
  return membersOf(fields, at).map(([name, operand]) => {
    const here = `${at}.${shorten(name)}`
    return parse({ at: here, path: parseDataPath(name, here) }, operand)
  })
}

function parserOf(operator: string): ((place: Place, operand: unknown) => UpdateStep) | undefined {
  // MongoDB ignores what stands here, conventionally ''.
  if (operator === '$unset') return (place) => ({ ...place, kind: 'unset' })
  if (operator === '$rename') return parseRename
  const shrink = shrinkingOperators.get(operator)
  if (shrink !== undefined) {
    return (place, operand) => ({ ...place, kind: 'change', change: shrink(operand, place.at), ifMissing: 'leave' })
  }
  const parse = valueOperators.get(operator) ?? growingOperators.get(operator)
  if (parse === undefined) return undefined
  return (place, operand) => {
    const change = parse(operand, place.at)
    if (operator === '$setOnInsert') return { ...place, kind: 'onInsert', change }
    return { ...place, kind: 'change', change, ifMissing: 'make' }
  }
}

function parseRename(place: Place, operand: unknown): UpdateStep {
  if (typeof operand !== 'string') throw invalidField(place.at, 'must be the new name, a string')
  return { ...place, kind: 'rename', to: { at: place.at, path: parseDataPath(operand, place.at) } }
}

/** Sorted, a path stands directly before the first that goes on from it. */
function refuseConflicts(places: readonly Place[]): void {
  const sorted = places
    .map(({ path, at }) => ({ key: path.map((segment) => `${JSON.stringify(segment)}.`).join(''), at }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
  for (const [index, { key, at }] of sorted.entries()) {
    const next = sorted[index + 1]
    if (next?.key.startsWith(key)) throw invalidField(next.at, `conflicts with ${at}: both write the same field`)
  }
}

/** The data after the update; what was passed stays as it is, and shares its unchanged parts with the result.
 *  @param inserting an upsert makes the document: `$setOnInsert` counts
 *  @throws FAILED_PRECONDITION with reason UPDATE_NOT_APPLICABLE if a step does not fit the data: `$inc` of a string, `$push` to
 *  a number, a path through a number, a sum that a number cannot hold */
export function applyUpdate(data: unknown, update: ParsedUpdate, inserting = false): JsonValue {
  return update.reduce((value, step) => applyStep(value, step, inserting), data as JsonValue)
}

function applyStep(data: JsonValue, step: UpdateStep, inserting: boolean): JsonValue {
  switch (step.kind) {
    case 'change':
      if (step.ifMissing === 'leave' && valueAt(data, step.path) === undefined) return data
      return changeAt(data, step, step.change)
    case 'onInsert':
      return inserting ? changeAt(data, step, step.change) : data
    case 'unset':
      return removeAt(data, step.path)
    case 'rename':
      return rename(data, step, step.to)
  }
}

function rename(data: JsonValue, from: Place, to: Place): JsonValue {
  if (goesThroughArray(data, from.path) || goesThroughArray(data, to.path)) {
    throw inapplicable(from.at, 'cannot rename in an array')
  }
  const value = valueAt(data, from.path)
  return value === undefined ? data : changeAt(removeAt(data, from.path), to, () => value)
}

/** The data that an upsert starts from when nothing matched: what the filter says the fields equal.
 *  @throws INVALID_ARGUMENT if it says so twice of one field */
export function upsertSeed(where: Predicate): JsonObject {
  const equalities = equalitiesOf(where)
  refuseConflicts(equalities)
  const seed = equalities.reduce<JsonValue>((data, place) => changeAt(data, place, () => place.value), {})
  return isJsonObject(seed) ? seed : {}
}

function equalitiesOf(where: Predicate): (Place & { readonly value: JsonValue })[] {
  if (where.kind === 'and' || (where.kind === 'or' && where.of.length === 1)) return where.of.flatMap(equalitiesOf)
  if (where.kind !== 'compare' || where.op !== 'eq' || where.path.of !== 'data') return []
  const path = where.path.segments
  return [{ at: `filter.${shorten(path.join('.'))}`, path, value: where.value }]
}
