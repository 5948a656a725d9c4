import { invalidField } from '@holdfast/errors'
import { comparePositions, positionOf } from '../../query/sort-position.js'
import type { ComparisonOperator, FieldPath, JsonValue, Predicate } from '../../query/predicate.js'
import { quoteLiteral } from '../names.js'
import { jsonPath, jsonPathText } from './array-values.js'

/** The condition of a partial index. It has to be written without subqueries and with constants, so that it is known when the index is
 *  made, and exactly (a unique index forbids by it). JSON paths in lax mode do both for what `checkPartial` lets pass. Its
 *  meaning is that of query/match.ts, and it is never NULL for a document. */
export function partialSql(predicate: Predicate, column: string): string {
  switch (predicate.kind) {
    case 'and':
    case 'or':
      return `(${predicate.of.map((part) => partialSql(part, column)).join(` ${predicate.kind} `)})`
    case 'nor':
      return `(not (${predicate.of.map((part) => partialSql(part, column)).join(' or ')}))`
    case 'not':
      return `(not ${partialSql(predicate.of, column)})`
    case 'exists':
      return predicate.exists ? found(predicate.path, '', column) : `(not ${found(predicate.path, '', column)})`
    case 'compare': {
      const { path, op, value } = predicate
      if (value !== null) return found(path, ` ? (${comparison(op, value)})`, column)
      // Null is equal to null, and neither more nor less.
      if (op === 'gt' || op === 'lt') return 'false'
      return `(not ${found(path, '', column)} or ${found(path, ' ? (@.type() == "null")', column)})`
    }
    case 'in':
      return `(${predicate.values.map((value) => partialSql({ kind: 'compare', path: predicate.path, op: 'eq', value }, column)).join(' or ')})`
    default:
      throw refusal('where')
  }
}

/** @throws INVALID_ARGUMENT for what an index cannot have as its condition */
export function checkPartial(predicate: Predicate, at: string): void {
  switch (predicate.kind) {
    case 'and':
    case 'or':
    case 'nor':
      if (predicate.of.length === 0) throw invalidField(at, 'must have a condition: leave it out for all documents')
      for (const part of predicate.of) checkPartial(part, at)
      return
    case 'not':
      checkPartial(predicate.of, at)
      return
    case 'exists':
      checkPath(predicate.path, at)
      return
    case 'compare':
      checkPath(predicate.path, at)
      checkValue(predicate.path, predicate.value, at)
      return
    case 'in':
      checkPath(predicate.path, at)
      if (predicate.values.length === 0) throw invalidField(at, 'has an empty $in, which no document matches')
      for (const value of predicate.values) checkValue(predicate.path, value, at)
      return
    default:
      throw refusal(at)
  }
}

/** Whether every document that matches `query` also matches `partial`, as far as one can see: each part of the one follows
 *  from a part of the other. */
export function implies(query: Predicate, partial: Predicate): boolean {
  const given = query.kind === 'and' ? query.of : [query]
  const wanted = partial.kind === 'and' ? partial.of : [partial]
  return wanted.every((part) => given.some((one) => partImplies(one, part)))
}

function partImplies(given: Predicate, wanted: Predicate): boolean {
  if (sameText(given, wanted)) return true
  if (wanted.kind === 'or') return wanted.of.some((part) => partImplies(given, part))
  if (given.kind === 'in') {
    const { path, values } = given
    return values.length > 0 && values.every((value) => partImplies({ kind: 'compare', path, op: 'eq', value }, wanted))
  }
  // What holds for one of a path's values makes all that follows from it hold for the same value.
  if (given.kind !== 'compare' || given.value === null || typeof given.value === 'object') return false
  if (wanted.kind === 'exists') return wanted.exists && sameText(given.path, wanted.path)
  if (wanted.kind === 'in')
    return given.op === 'eq' && sameText(given.path, wanted.path) && wanted.values.includes(given.value)
  if (wanted.kind !== 'compare' || !sameText(given.path, wanted.path)) return false
  if (wanted.value === null || typeof wanted.value === 'object') return false
  return isWithin(given.op, given.value, wanted.op, wanted.value)
}

function isWithin(op: ComparisonOperator, value: JsonValue, wantedOp: ComparisonOperator, wanted: JsonValue): boolean {
  if (wantedOp === 'eq') return op === 'eq' && value === wanted
  const here = positionOf(value)
  const bound = positionOf(wanted)
  if (here.rank !== bound.rank) return false
  const order = comparePositions(here, bound)
  const upwards = wantedOp === 'gt' || wantedOp === 'gte'
  if (op !== 'eq' && (op === 'gt' || op === 'gte') !== upwards) return false
  const beyond = upwards ? order > 0 : order < 0
  const strict = wantedOp === 'gt' || wantedOp === 'lt'
  return beyond || (order === 0 && (!strict || op === 'gt' || op === 'lt'))
}

function found(path: FieldPath, filter: string, column: string): string {
  const segments = path.of === 'data' ? path.segments : []
  return `jsonb_path_exists(${column}, ${quoteLiteral(`lax ${jsonPath(segments)}${filter}`)}::jsonpath)`
}

const operators = { eq: '==', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const

/** A filter looks at an array's elements by itself, and a comparison once more, which the type keeps it from. */
function comparison(op: ComparisonOperator, value: JsonValue): string {
  const literal = typeof value === 'string' ? jsonPathText(value) : JSON.stringify(value)
  return `@.type() == "${typeof value}" && @ ${operators[op]} ${literal}`
}

function checkPath(path: FieldPath, at: string): void {
  if (path.of === 'meta') throw invalidField(at, 'of an index can only be about fields of the data')
  if (path.segments.some((segment) => /^\d+$/.test(segment))) {
    throw invalidField(at, 'of an index cannot name places in arrays')
  }
}

function checkValue(path: FieldPath, value: JsonValue, at: string): void {
  if (value === null) {
    if (path.of === 'data' && path.segments.length === 1) return
    throw invalidField(at, 'of an index can ask for null only of a field at the top: use $exists')
  }
  if (typeof value === 'object')
    throw invalidField(at, 'of an index can compare only with strings, numbers, booleans and null')
}

function refusal(at: string): Error {
  return invalidField(
    at,
    'of an index can have only equality, $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, $not, $and, $or and $nor',
  )
}

function sameText(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
