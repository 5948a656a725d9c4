import { valueAt } from '../query/field-path.js'
import type { Json } from './random-cases.js'

/** Where the oracle (mingo 7.2.7) and MongoDB part, or where we part from both: what a generated case is not compared on. Each name
 *  is a row of docs/guides/queries.md, and each is pinned by a case of known-differences.test.ts. */
export type Difference =
  | 'nested arrays'
  | 'null and missing through an array'
  | 'an array as operand through an array'
  | 'an array in $in'
  | '$type of elements'
  | '$all of a single value'
  | '$size and $elemMatch through an array'
  | 'a range with null'
  | '$mod of what is no integer'
  | '$elemMatch on elements that are no objects'
  | 'numbers in paths'
  | 'sorting by arrays and objects'
  | 'updates that do not fit'
  | '$push sorts objects'
  | '$pull of objects'
  | '$push with modifiers makes an array'
  | '$min and $max of arrays'
  | '$addToSet of what is double'

/** What a filter asks of a document that the two answer differently, if anything. */
export function differenceOf(filter: Json, document: Json): Difference | undefined {
  for (const [name, condition] of Object.entries(filter)) {
    const found = name.startsWith('$')
      ? first(condition as Json[], (part) => differenceOf(part, document))
      : differenceAt(name, condition, document)
    if (found !== undefined) return found
  }
  return undefined
}

function first<T>(items: readonly T[], find: (item: T) => Difference | undefined): Difference | undefined {
  for (const item of items) {
    const found = find(item)
    if (found !== undefined) return found
  }
  return undefined
}

function differenceAt(path: string, condition: unknown, document: Json): Difference | undefined {
  const operators: [string, unknown][] =
    isObject(condition) && Object.keys(condition).some((key) => key.startsWith('$'))
      ? Object.entries(condition)
      : [['$eq', condition]]
  return first(operators, ([operator, operand]) => {
    if (operator === '$not') return differenceAt(path, operand, document)
    return differenceWith(path, operator, operand, document)
  })
}

function differenceWith(path: string, operator: string, operand: unknown, document: Json): Difference | undefined {
  const { value, through, numbered } = follow(document, path.split('.'))
  const root = document[path.split('.')[0] ?? '']
  if (hasNestedArray(root)) return 'nested arrays'
  if (numbered) return 'numbers in paths'
  const operands = operator === '$in' || operator === '$nin' || operator === '$all' ? (operand as unknown[]) : [operand]
  if (['$gt', '$gte', '$lt', '$lte'].includes(operator) && operand === null) return 'a range with null'
  if (through) {
    if (containsArray(value)) return 'nested arrays'
    if (operands.includes(null)) return 'null and missing through an array'
    if (operator === '$size' || operator === '$elemMatch') return '$size and $elemMatch through an array'
    if (operands.some(Array.isArray)) return 'an array as operand through an array'
  }
  if ((operator === '$in' || operator === '$nin') && operands.some(Array.isArray)) return 'an array in $in'
  if (operator === '$type' && (through || Array.isArray(value))) return '$type of elements'
  if (operator === '$all' && (through || !Array.isArray(value))) return '$all of a single value'
  if (operator === '$mod' && !elementsOf(value, through).every(Number.isInteger)) return '$mod of what is no integer'
  if (operator === '$elemMatch' && Array.isArray(value)) return differenceInElements(operand as Json, value)
  return undefined
}

function differenceInElements(criteria: Json, elements: readonly unknown[]): Difference | undefined {
  const ofValues = Object.keys(criteria)[0]?.startsWith('$') === true
  if (ofValues) return first(elements, (element) => differenceAt('element', criteria, { element }))
  if (!elements.every(isObject)) return '$elemMatch on elements that are no objects'
  return first(elements, (element) => differenceOf(criteria, element))
}

function elementsOf(value: unknown, through: boolean): readonly unknown[] {
  if (through) return [NaN]
  if (value === undefined) return []
  return Array.isArray(value) ? (value as unknown[]) : [value]
}

/** Where a path leads until it meets an array that it goes into. */
function follow(document: Json, segments: readonly string[]) {
  let value: unknown = document
  for (const segment of segments) {
    if (Array.isArray(value))
      return { value, through: true, numbered: /^\d+$/.test(segment) || segments.some((s) => /^\d+$/.test(s)) }
    value = isObject(value) && Object.hasOwn(value, segment) ? value[segment] : undefined
  }
  return { value, through: false, numbered: false }
}

/** Fields whose values the two put in another order. */
export function sortDifference(sort: Json, documents: readonly Json[]): Difference | undefined {
  return first(Object.keys(sort), (path) =>
    first(documents, (document) => {
      const { value, through } = follow(document, path.split('.'))
      return through || (typeof value === 'object' && value !== null) ? 'sorting by arrays and objects' : undefined
    }),
  )
}

/** @param fits whether we applied the update at all */
export function updateDifference(update: Json, document: Json, fits: boolean): Difference | undefined {
  if (!fits) return 'updates that do not fit'
  return first(Object.entries(update), ([operator, fields]) =>
    first(Object.entries(fields as Json), ([path, operand]) => {
      const value = valueAt(document, path.split('.'))
      if ((operator === '$min' || operator === '$max') && Array.isArray(value)) return '$min and $max of arrays'
      if (operator === '$addToSet') {
        const added: unknown[] = isObject(operand) && Array.isArray(operand['$each']) ? operand['$each'] : [operand]
        if (value === undefined || hasDoubles(value as unknown[]) || hasDoubles(added))
          return '$addToSet of what is double'
      }
      if (operator === '$push' && value === undefined && isObject(operand) && operand['$each'] !== undefined) {
        return '$push with modifiers makes an array'
      }
      if (operator === '$push' && isObject(operand) && operand['$sort'] !== undefined) {
        const all = [...((value as unknown[] | undefined) ?? []), ...(operand['$each'] as unknown[])]
        const sort = operand['$sort']
        const keys = all.map((element) => (isObject(sort) && isObject(element) ? element['y'] : element))
        if (keys.some((key) => typeof key === 'object') || isObject(sort)) return '$push sorts objects'
      }
      if (['$pull', '$pullAll'].includes(operator) && Array.isArray(value) && hasNestedArray(value))
        return 'nested arrays'
      if (operator === '$pull' && Array.isArray(value) && isObject(operand)) {
        const range = ['$gt', '$gte', '$lt', '$lte'].some((name) => operand[name] === null)
        if (range) return 'a range with null'
        const ofObjects = !Object.keys(operand)[0]?.startsWith('$')
        if (ofObjects && !value.every(isObject)) return '$pull of objects'
        if (ofObjects) return first(value, (element) => differenceOf(operand, element))
      }
      return undefined
    }),
  )
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function hasDoubles(values: readonly unknown[]): boolean {
  return new Set(values.map((value) => JSON.stringify(value))).size < values.length
}

/** Whether an element of the array has an array among its fields. */
function containsArray(array: unknown): boolean {
  return (
    Array.isArray(array) && array.some((element) => isObject(element) && Object.values(element).some(Array.isArray))
  )
}

function hasNestedArray(value: unknown): boolean {
  if (Array.isArray(value)) return value.some((element) => Array.isArray(element) || hasNestedArray(element))
  return isObject(value) && Object.values(value).some(hasNestedArray)
}
