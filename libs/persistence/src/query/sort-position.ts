import { isArrayIndex, valueAt } from './field-path.js'
import { isJsonArray } from './json-value.js'
import type { JsonValue, QueriedDocument, SortKey } from './predicate.js'
import { compareText } from './text-order.js'

/** Where one sort key of a document stands: MongoDB's rank of the type, then the value. */
export interface SortPosition {
  readonly rank: number
  readonly number: number
  readonly text: string
}

/** A value's place in the total order of values, which sorting, ranges and unique indexes share and SQL computes alike (see
 *  sql/field-sql.ts). First the type, in MongoDB's order:
 *
 *  | rank | type                     | number     | text       |
 *  |------|--------------------------|------------|------------|
 *  | 1    | missing, null            | 0          |            |
 *  | 2    | number                   | the number |            |
 *  | 3    | string                   | 0          | the string |
 *  | 4    | object                   | 0          |            |
 *  | 5    | array                    | 0          |            |
 *  | 6    | boolean                  | 0 or 1     |            |
 *
 *  Objects are not ordered among each other, nor are arrays: the id decides. (MongoDB sorts an array by its least or greatest
 *  element.) */
export function positionOf(value: JsonValue | undefined): SortPosition {
  switch (typeof value) {
    case 'number':
      return { rank: 2, number: value, text: '' }
    case 'string':
      return { rank: 3, number: 0, text: value }
    case 'boolean':
      return { rank: 6, number: value ? 1 : 0, text: '' }
    case 'object':
      return value === null ? missing : isJsonArray(value) ? array : object
    default:
      return missing
  }
}

/** Of the value at a path. An array on the way stands for what is in it, unless the path numbers its elements. */
export function positionAt(data: unknown, segments: readonly string[]): SortPosition {
  if (segments.length > 1 && !segments.some(isArrayIndex)) {
    for (let end = 1; end < segments.length; end += 1) {
      if (isJsonArray(valueAt(data, segments.slice(0, end)))) return array
    }
  }
  return positionOf(valueAt(data, segments))
}

const missing: SortPosition = { rank: 1, number: 0, text: '' }
const object: SortPosition = { rank: 4, number: 0, text: '' }
const array: SortPosition = { rank: 5, number: 0, text: '' }

/** Negative, 0 or positive, as sort wants it. */
export function comparePositions(a: SortPosition, b: SortPosition): number {
  return a.rank - b.rank || compareNumbers(a.number, b.number) || compareText(a.text, b.text)
}

/** Not a difference, because that of two finite numbers can be infinite minus infinite. */
function compareNumbers(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Where a document stands under a sort: one position for each key, the id's at the end. */
export function documentPosition(document: QueriedDocument, sort: readonly SortKey[]): SortPosition[] {
  const positions = sort.map(({ path }) =>
    path.of === 'meta' ? positionOf(document[path.name]) : positionAt(document.data, path.segments),
  )
  return [...positions, positionOf(document.id)]
}

/** The order of documents under a sort. The id, the last key, runs the same way as the key before it. */
export function compareDocumentPositions(
  a: readonly SortPosition[],
  b: readonly SortPosition[],
  sort: readonly SortKey[],
): number {
  const lastDirection = sort.at(-1)?.direction ?? 1
  for (const [index, position] of a.entries()) {
    const other = b[index]
    if (other === undefined) break
    const order = comparePositions(position, other)
    if (order !== 0) return order * (sort[index]?.direction ?? lastDirection)
  }
  return 0
}
