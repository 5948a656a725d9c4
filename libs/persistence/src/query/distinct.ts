import type { DocumentOperations } from '../document-operations.js'
import { decodeJson } from '../json.js'
import { canonicalJson, isJsonArray } from './json-value.js'
import { eachValue } from './match.js'
import type { JsonValue, Predicate } from './predicate.js'
import { comparePositions, positionOf, type SortPosition } from './sort-position.js'

/** The values that a path leads to, as `distinct` has them: an array stands for its elements, and missing is none. */
export function distinctValues(data: unknown, segments: readonly string[]): JsonValue[] {
  const values: JsonValue[] = []
  eachValue(data, segments, (value) => {
    if (value !== undefined) values.push(...(isJsonArray(value) ? value : [value]))
  })
  return values
}

/** Each once, in the order that sorting has; objects and arrays by their text. */
export function inOrder(values: Iterable<JsonValue>): JsonValue[] {
  const distinct = new Map<string, JsonValue>()
  for (const value of values) {
    const text = canonicalJson(value)
    if (!distinct.has(text)) distinct.set(text, value)
  }
  return [...distinct]
    .map(([text, value]) => ({ text, value, position: positionOf(value) }))
    .sort((a, b) => comparePositions(a.position, b.position) || (a.text < b.text ? -1 : 1))
    .map(({ value }) => value)
}

const batchSize = 500

/** For documents that the database cannot look into: all that match are read. */
export async function distinctByReading(
  operations: Pick<DocumentOperations, 'query'>,
  collection: string,
  tenant: string,
  segments: readonly string[],
  where: Predicate,
): Promise<JsonValue[]> {
  const values: JsonValue[] = []
  let after: SortPosition[] | undefined
  for (;;) {
    const query = { tenant, where, sort: [], limit: batchSize }
    const rows = await operations.query(collection, after === undefined ? query : { ...query, after })
    for (const { json } of rows) values.push(...distinctValues(decodeJson(json), segments))
    const last = rows.at(-1)
    if (rows.length < batchSize || last === undefined) return values
    after = [positionOf(last.id)]
  }
}
