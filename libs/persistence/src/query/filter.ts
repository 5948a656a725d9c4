import { invalidField } from '@holdfast/errors'
import { isRegExp } from 'node:util/types'
import { parseElementPath, parseFieldPath } from './field-path.js'
import { all, type NestedParser, parseOperators, shorten } from './filter-operators.js'
import { literal } from './filter-value.js'
import { isJsonObject } from './json-value.js'
import { matches } from './match.js'
import { isPlainObject, membersOf } from './plain-object.js'
import type { FieldPath, JsonValue, Predicate } from './predicate.js'
import { parseRegex } from './regex.js'
import { parseTextSearch, textSearchOf } from './text-search.js'

const maxDepth = 100
/** Each is a condition in SQL, which takes a server some milliseconds to plan; `$in` is one, however long. */
const maxConditions = 1_000
/** One within another: PostgreSQL's planner takes seconds for twenty. */
const maxElementDepth = 10

/** A filter in MongoDB's language: values and operators on fields (see filter-operators.ts), `$and $or $nor` on filters, `$text`,
 *  `$comment`. Values become what the data would hold: a Date its ISO string.
 *  @throws INVALID_ARGUMENT naming the place, for whatever is not understood: a filter never matches more than it says */
export function parseFilter(filter: unknown): Predicate {
  return new FilterParser().clauses(filter, 'filter', 1, true)
}

/** A filter of what is to be written, which is looked at again here when the documents are there, and `$text` cannot be. */
export function parseWriteFilter(filter: unknown): Predicate {
  const where = parseFilter(filter)
  if (textSearchOf(where) === undefined) return where
  throw invalidField('filter.$text', 'is only for reading: find the documents, then write them by their ids')
}

/** The condition of `$pull` on an element: an object of operators, or a RegExp, as it would be on a field that has the element for
 *  its value, and any other object as a filter of elements that are objects. */
export function parseElementFilter(condition: unknown, at: string): (element: JsonValue) => boolean {
  const parser = new FilterParser().ofElements
  const isFilter = isPlainObject(condition) && !Object.keys(condition)[0]?.startsWith('$')
  const where = isFilter
    ? parser.clauses(condition, at, 1)
    : parser.condition({ of: 'data', segments: ['element'] }, condition, at, 1)
  const document = { id: '', version: 0, createdAt: 0, updatedAt: 0 }
  return (element) => {
    if (isFilter) return isJsonObject(element) && matches(where, { ...document, data: element })
    return matches(where, { ...document, data: { element } })
  }
}

/** Parses the filter of documents; `ofElements` that of `$elemMatch`, in which all names are those of data. */
class FilterParser implements NestedParser {
  /** How many `$elemMatch` are around this. */
  readonly #elementDepth: number
  /** Counted over all of a filter. */
  readonly #count: { conditions: number }
  #hasText = false

  constructor(elementDepth = 0, count: { conditions: number } = { conditions: 0 }) {
    this.#elementDepth = elementDepth
    this.#count = count
  }

  get ofElements(): FilterParser {
    return new FilterParser(this.#elementDepth + 1, this.#count)
  }

  counted(conditions: number, at: string): void {
    this.#count.conditions += conditions
    if (this.#count.conditions > maxConditions) {
      throw invalidField(at, `is one of more than ${maxConditions} conditions: use $in, which may be of any length`)
    }
  }

  clauses(filter: unknown, at: string, depth: number, isConjunct = false): Predicate {
    if (depth > maxDepth) throw invalidField(shorten(at), `is nested more than ${maxDepth} levels deep`)
    const clauses = membersOf(filter, at).map(([name, condition]): Predicate => {
      const here = shorten(`${at}.${name}`)
      if (name.startsWith('$')) return this.#logical(name, condition, here, depth, isConjunct)
      const path = this.#elementDepth > 0 ? parseElementPath(name, here) : parseFieldPath(name, here)
      return this.condition(path, condition, here, depth)
    })
    return all(clauses)
  }

  condition(path: FieldPath, condition: unknown, at: string, depth: number): Predicate {
    if (depth > maxDepth) throw invalidField(at, `is nested more than ${maxDepth} levels deep`)
    if (this.#elementDepth > maxElementDepth) {
      throw invalidField(at, `has more than ${maxElementDepth} $elemMatch one within another`)
    }
    this.counted(1, at)
    if (isRegExp(condition) && path.of === 'data') {
      return { kind: 'regex', path, regex: parseRegex(condition, undefined, at) }
    }
    const equality = (): Predicate => ({ kind: 'compare', path, op: 'eq', value: literal(path, condition, at) })
    if (!isPlainObject(condition)) return equality()
    const members = membersOf(condition, at)
    const operators = members.filter(([name]) => name.startsWith('$'))
    if (operators.length === 0) return equality()
    if (operators.length < members.length) throw invalidField(at, 'mixes operators and fields')
    return parseOperators(path, operators, at, depth, this)
  }

  #logical(operator: string, operand: unknown, at: string, depth: number, isConjunct: boolean): Predicate {
    if (operator === '$comment') {
      if (typeof operand !== 'string') throw invalidField(at, 'must be a string')
      return all([])
    }
    if (operator === '$text') return this.#text(operand, at, isConjunct)
    if (operator !== '$and' && operator !== '$or' && operator !== '$nor') {
      throw invalidField(at, 'is not an operator for filters: known are $and, $or, $nor, $text and $comment')
    }
    if (!Array.isArray(operand) || operand.length === 0)
      throw invalidField(at, 'must be an array of at least one filter')
    const goesOn = isConjunct && operator === '$and'
    // Array.from also visits holes, which must not be skipped.
    const of = Array.from(operand, (one: unknown, index) => this.clauses(one, `${at}[${index}]`, depth + 1, goesOn))
    if (operator === '$and') return all(of)
    return { kind: operator === '$or' ? 'or' : 'nor', of }
  }

  #text(operand: unknown, at: string, isConjunct: boolean): Predicate {
    if (!isConjunct)
      throw invalidField(at, 'can only stand where all clauses must hold: not in $or, $nor or $elemMatch')
    if (this.#hasText) throw invalidField(at, 'is there twice: a filter has one')
    this.#hasText = true
    return { kind: 'text', search: parseTextSearch(operand, at) }
  }
}
