import { invalidField } from '@holdfast/errors'
import { isRegExp } from 'node:util/types'
import { literal } from './filter-value.js'
import { isPlainObject, membersOf } from './plain-object.js'
import { type ComparisonOperator, everything, type FieldPath, type JsonType, type Predicate } from './predicate.js'
import { parseRegex } from './regex.js'

type Members = readonly (readonly [name: string, operand: unknown])[]

/** What operators that hold conditions of their own parse those with. */
export interface NestedParser {
  /** Of one field. */
  condition(path: FieldPath, condition: unknown, at: string, depth: number): Predicate
  /** Of several fields. */
  clauses(filter: unknown, at: string, depth: number): Predicate
  /** Refuses more conditions than a filter may have. */
  counted(conditions: number, at: string): void
  /** The same within the elements of an array. */
  readonly ofElements: NestedParser
}

/** The operators of one field, all of which must hold. */
export function parseOperators(
  path: FieldPath,
  operators: Members,
  at: string,
  depth: number,
  parser: NestedParser,
): Predicate {
  const options = operators.find(([name]) => name === '$options')
  if (options !== undefined && !operators.some(([name]) => name === '$regex')) {
    throw invalidField(`${at}.$options`, 'belongs to a $regex, which is missing')
  }
  const rest = operators.filter((member) => member !== options)
  return all(
    rest.map(([operator, operand]) =>
      parseOperator(path, operator, operand, {
        at: shorten(`${at}.${operator}`),
        depth,
        parser,
        options: options?.[1],
      }),
    ),
  )
}

interface Place {
  readonly at: string
  readonly depth: number
  readonly parser: NestedParser
  /** Of a `$regex` beside it. */
  readonly options: unknown
}

function parseOperator(path: FieldPath, operator: string, operand: unknown, place: Place): Predicate {
  const { at } = place
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
      return among(path, operand, place)
    case '$nin':
      return { kind: 'not', of: among(path, operand, place) }
    case '$exists':
      return existence(path, operand, at)
    case '$not':
      return negation(path, operand, place)
    default:
      return parseDataOperator(path, operator, operand, place)
  }
}

/** Operators that only fields of the data have. */
function parseDataOperator(path: FieldPath, operator: string, operand: unknown, place: Place): Predicate {
  const { at } = place
  const parse = dataOperators.get(operator)
  if (parse === undefined) {
    throw invalidField(
      at,
      'is not an operator for fields: known are $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, $not, $type, $all, ' +
        '$elemMatch, $size, $regex and $mod',
    )
  }
  if (path.of === 'meta') throw invalidField(at, 'is only for fields of the data')
  return parse(path, operand, place)
}

type Parse = (path: FieldPath, operand: unknown, place: Place) => Predicate

const dataOperators: ReadonlyMap<string, Parse> = new Map<string, Parse>([
  ['$type', (path, operand, { at }) => ({ kind: 'type', path, types: parseTypes(operand, at) })],
  ['$all', parseAll],
  ['$elemMatch', parseElemMatch],
  ['$size', parseSize],
  ['$regex', (path, operand, { at, options }) => ({ kind: 'regex', path, regex: parseRegex(operand, options, at) })],
  ['$mod', parseMod],
])

function compare(path: FieldPath, op: ComparisonOperator, operand: unknown, at: string): Predicate {
  const value = literal(path, operand, at)
  if (op !== 'eq' && typeof value === 'object' && value !== null) {
    throw invalidField(at, 'must be null, a boolean, number, string or Date: objects and arrays have no order')
  }
  return { kind: 'compare', path, op, value }
}

function among(path: FieldPath, operand: unknown, { at, parser }: Place): Predicate {
  const { regexes, others } = split(path, operand, at)
  parser.counted(regexes.length, at)
  const values = others.map(({ item, at: here }) => literal(path, item, here))
  if (regexes.length === 0) return { kind: 'in', path, values }
  return { kind: 'or', of: [{ kind: 'in', path, values }, ...regexes] }
}

/** The regular expressions of a list, and the rest of it. */
function split(path: FieldPath, operand: unknown, at: string) {
  if (!Array.isArray(operand)) throw invalidField(at, 'must be an array')
  const regexes: Predicate[] = []
  const others: { readonly item: unknown; readonly at: string }[] = []
  // Array.from also visits holes, which must not be skipped.
  for (const [index, item] of Array.from(operand as unknown[]).entries()) {
    const here = `${at}[${index}]`
    if (isRegExp(item) && path.of === 'data') {
      regexes.push({ kind: 'regex', path, regex: parseRegex(item, undefined, here) })
    } else if (isPlainObject(item) && Object.keys(item).some((key) => key.startsWith('$'))) {
      throw invalidField(here, 'has an operator where a value is needed')
    } else others.push({ item, at: here })
  }
  return { regexes, others }
}

function existence(path: FieldPath, operand: unknown, at: string): Predicate {
  if (typeof operand !== 'boolean') throw invalidField(at, 'must be true or false')
  if (path.of === 'data') return { kind: 'exists', path, exists: operand }
  // Every document has these.
  return operand ? everything : nothing
}

function negation(path: FieldPath, operand: unknown, { at, depth, parser }: Place): Predicate {
  const isOperators = isPlainObject(operand) && Object.keys(operand).some((key) => key.startsWith('$'))
  const isRegex = isRegExp(operand) && path.of === 'data'
  if (!isOperators && !isRegex) throw invalidField(at, 'must be an object of operators or a RegExp')
  return { kind: 'not', of: parser.condition(path, operand, at, depth + 1) }
}

function parseTypes(operand: unknown, at: string): JsonType[] {
  const wanted: unknown[] = Array.isArray(operand) ? Array.from(operand as unknown[]) : [operand]
  if (wanted.length === 0) throw invalidField(at, 'must name a type')
  return wanted.map((name) => {
    const type = types.get(name)
    if (type !== undefined) return type
    throw invalidField(
      at,
      'must be number, string, object, array, bool or null, or several: JSON has no other types, and dates are strings',
    )
  })
}

/** MongoDB's names and numbers. */
const types: ReadonlyMap<unknown, JsonType> = new Map<unknown, JsonType>([
  ['number', 'number'],
  ['string', 'string'],
  [2, 'string'],
  ['object', 'object'],
  [3, 'object'],
  ['array', 'array'],
  [4, 'array'],
  ['bool', 'boolean'],
  [8, 'boolean'],
  ['null', 'null'],
  [10, 'null'],
])

function parseAll(path: FieldPath, operand: unknown, place: Place): Predicate {
  const { at } = place
  if (!Array.isArray(operand)) throw invalidField(at, 'must be an array')
  place.parser.counted(operand.length, at)
  if (operand.length === 0) return nothing
  const parts = Array.from(operand as unknown[], (item, index): Predicate => {
    const here = `${at}[${index}]`
    if (isRegExp(item)) return { kind: 'regex', path, regex: parseRegex(item, undefined, here) }
    if (!isPlainObject(item)) return compare(path, 'eq', item, here)
    const [first, ...more] = membersOf(item, here)
    if (first?.[0] === '$elemMatch' && more.length === 0) {
      return parseElemMatch(path, first[1], { ...place, at: `${here}.$elemMatch` })
    }
    if (Object.keys(item).some((key) => key.startsWith('$'))) {
      throw invalidField(here, 'has an operator where a value is needed: only $elemMatch can stand here')
    }
    return compare(path, 'eq', item, here)
  })
  return all(parts)
}

/** `{ $elemMatch: { $gt: 1 } }` is about the elements themselves, `{ $elemMatch: { a: 1 } }` about their fields. */
function parseElemMatch(path: FieldPath, operand: unknown, { at, depth, parser }: Place): Predicate {
  const members = membersOf(operand, at)
  const [first] = members
  const ofValues = first !== undefined && first[0].startsWith('$') && !logical.has(first[0])
  const within = parser.ofElements
  const element: FieldPath = { of: 'data', segments: [] }
  const of = ofValues ? within.condition(element, operand, at, depth + 1) : within.clauses(operand, at, depth + 1)
  return { kind: 'element', path, of, objects: !ofValues }
}

const logical: ReadonlySet<string> = new Set(['$and', '$or', '$nor', '$comment', '$text'])

function parseSize(path: FieldPath, operand: unknown, { at }: Place): Predicate {
  if (typeof operand !== 'number' || !Number.isSafeInteger(operand) || operand < 0) {
    throw invalidField(at, 'must be an integer from 0')
  }
  return { kind: 'size', path, size: operand }
}

function parseMod(path: FieldPath, operand: unknown, { at }: Place): Predicate {
  const numbers: unknown[] = Array.isArray(operand) ? Array.from(operand as unknown[]) : []
  const [divisor, remainder] = numbers.map((number) => (typeof number === 'number' ? Math.trunc(number) : NaN))
  if (numbers.length !== 2 || !Number.isSafeInteger(divisor) || !Number.isSafeInteger(remainder)) {
    throw invalidField(at, 'must be [divisor, remainder], two numbers')
  }
  if (divisor === 0) throw invalidField(at, 'has a divisor of 0')
  // Without negative zero.
  return { kind: 'mod', path, divisor: divisor ?? 1, remainder: (remainder ?? 0) + 0 }
}

/** Matches no document. */
const nothing: Predicate = { kind: 'nor', of: [everything] }

/** A name may be megabytes long; a message should not. */
export function shorten(at: string): string {
  return at.length > 500 ? `${at.slice(0, 500)}…` : at
}

/** One conjunction without conjunctions in it, so that callers find an equality by looking at its parts. */
export function all(clauses: readonly Predicate[]): Predicate {
  const of = clauses.flatMap((clause) => (clause.kind === 'and' ? clause.of : [clause]))
  const [only] = of
  return of.length === 1 && only !== undefined ? only : { kind: 'and', of }
}
