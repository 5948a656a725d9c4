import { invalidField } from '@holdfast/errors'
import { decodeJson, encodeJson } from '../json.js'
import { parseFieldPath } from './field-path.js'
import { parseInstant } from './instant.js'
import { membersOf, isPlainObject } from './plain-object.js'
import { type ComparisonOperator, everything, type FieldPath, type JsonValue, type Predicate } from './predicate.js'

const maxDepth = 100

/** A filter in MongoDB's language: equality, `$eq $ne $gt $gte $lt $lte $in $nin $exists $not` on fields, `$and $or $nor` on filters.
 *  Values become what the data would hold: a Date its ISO string.
 *  @throws INVALID_ARGUMENT naming the place, for whatever is not understood: a filter never matches more than it says */
export function parseFilter(filter: unknown): Predicate {
  return parseClauses(filter, 'filter', 1)
}

function parseClauses(filter: unknown, at: string, depth: number): Predicate {
  if (depth > maxDepth) throw invalidField(shorten(at), `is nested more than ${maxDepth} levels deep`)
  const clauses = membersOf(filter, at).map(([name, condition]): Predicate => {
    const here = shorten(`${at}.${name}`)
    if (name.startsWith('$')) return parseLogical(name, condition, here, depth)
    return parseCondition(parseFieldPath(name, here), condition, here, depth)
  })
  return all(clauses)
}

function parseLogical(operator: string, filters: unknown, at: string, depth: number): Predicate {
  if (operator !== '$and' && operator !== '$or' && operator !== '$nor') {
    throw invalidField(at, 'is not an operator for filters: known are $and, $or and $nor')
  }
  if (!Array.isArray(filters) || filters.length === 0) throw invalidField(at, 'must be an array of at least one filter')
  // Array.from also visits holes, which must not be skipped.
  const of = Array.from(filters, (filter: unknown, index) => parseClauses(filter, `${at}[${index}]`, depth + 1))
  if (operator === '$and') return all(of)
  return { kind: operator === '$or' ? 'or' : 'nor', of }
}

function parseCondition(path: FieldPath, condition: unknown, at: string, depth: number): Predicate {
  if (!isPlainObject(condition)) return compare(path, 'eq', condition, at)
  const members = membersOf(condition, at)
  const operators = members.filter(([name]) => name.startsWith('$'))
  if (operators.length === 0) return compare(path, 'eq', condition, at)
  if (operators.length < members.length) throw invalidField(at, 'mixes operators and fields')
  return all(
    operators.map(([operator, operand]) => parseOperator(path, operator, operand, shorten(`${at}.${operator}`), depth)),
  )
}

function parseOperator(path: FieldPath, operator: string, operand: unknown, at: string, depth: number): Predicate {
  switch (operator) {
    case '$eq':
      return compare(path, 'eq', operand, at)
    case '$ne':
      return { kind: 'not', of: compare(path, 'eq', operand, at) }
    case '$gt':
      return compare(path, 'gt', operand, at)
    case '$gte':
      return compare(path, 'gte', operand, at)
    case '$lt':
      return compare(path, 'lt', operand, at)
    case '$lte':
      return compare(path, 'lte', operand, at)
    case '$in':
      return among(path, operand, at)
    case '$nin':
      return { kind: 'not', of: among(path, operand, at) }
    case '$exists':
      return existence(path, operand, at)
    case '$not':
      return negation(path, operand, at, depth)
    default:
      throw invalidField(
        at,
        'is not an operator for fields: known are $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists and $not',
      )
  }
}

function compare(path: FieldPath, op: ComparisonOperator, operand: unknown, at: string): Predicate {
  const value = literal(path, operand, at)
  if (op !== 'eq' && typeof value === 'object' && value !== null) {
    throw invalidField(at, 'must be null, a boolean, number, string or Date: objects and arrays have no order')
  }
  return { kind: 'compare', path, op, value }
}

function among(path: FieldPath, operand: unknown, at: string): Predicate {
  if (!Array.isArray(operand)) throw invalidField(at, 'must be an array')
  const values = Array.from(operand, (item: unknown, index) => {
    const here = `${at}[${index}]`
    if (isPlainObject(item) && Object.keys(item).some((key) => key.startsWith('$'))) {
      throw invalidField(here, 'has an operator where a value is needed')
    }
    return literal(path, item, here)
  })
  return { kind: 'in', path, values }
}

function existence(path: FieldPath, operand: unknown, at: string): Predicate {
  if (typeof operand !== 'boolean') throw invalidField(at, 'must be true or false')
  if (path.of === 'data') return { kind: 'exists', path, exists: operand }
  // Every document has these.
  return operand ? everything : { kind: 'nor', of: [everything] }
}

function negation(path: FieldPath, operand: unknown, at: string, depth: number): Predicate {
  if (depth >= maxDepth) throw invalidField(at, `is nested more than ${maxDepth} levels deep`)
  const isOperators = isPlainObject(operand) && Object.keys(operand).some((key) => key.startsWith('$'))
  if (!isOperators) throw invalidField(at, 'must be an object of operators')
  return { kind: 'not', of: parseCondition(path, operand, at, depth + 1) }
}

/** One conjunction without conjunctions in it, so that callers find an equality by looking at its parts. */
function all(clauses: readonly Predicate[]): Predicate {
  const of = clauses.flatMap((clause) => (clause.kind === 'and' ? clause.of : [clause]))
  const [only] = of
  return of.length === 1 && only !== undefined ? only : { kind: 'and', of }
}

function literal(path: FieldPath, value: unknown, at: string): JsonValue {
  if (path.of === 'data') return decodeJson(encodeJson(value, at)) as JsonValue
  switch (path.name) {
    case 'id':
      if (typeof value !== 'string') throw invalidField(at, 'must be a string')
      // JSONB and text columns cannot hold these, and no id has them: what names one is a mistake.
      if (/[\0\ud800-\udfff]/u.test(value)) throw invalidField(at, 'must not contain NUL or half a surrogate pair')
      return value
    case 'version':
      if (typeof value !== 'number' || !Number.isFinite(value)) throw invalidField(at, 'must be a finite number')
      return value
    case 'createdAt':
    case 'updatedAt':
      return parseInstant(value, at)
  }
}

/** A name may be megabytes long; a message should not. */
function shorten(at: string): string {
  return at.length > 500 ? `${at.slice(0, 500)}…` : at
}
