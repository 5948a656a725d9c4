import type { IndexDefinition } from '../backend.js'
import { isArrayIndex } from '../query/field-path.js'
import type { ComparisonOperator, Predicate, SortKey } from '../query/predicate.js'
import type { PathText } from './field-sql.js'
import { DataComparison, filterSql } from './filter-sql.js'
import { isOrdered } from './indexes/index-sql.js'
import { implies } from './indexes/partial.js'
import type { Parameters } from './parameters.js'

/** More would be planned for longer than they save. */
const maxSplits = 3

type Scalar = string | number | boolean

interface Comparison {
  readonly segments: readonly string[]
  readonly op: ComparisonOperator
  readonly value: Scalar
  readonly part: Predicate
}

/** The condition of filter-sql.ts as disjoint alternatives. A path that may lead to an array makes an `or`, behind which the server
 *  can neither read an index in order nor use more of its fields. As alternatives, documents without arrays there come
 *  straight from the index, and those with one (mostly none) from another place in it. Taken apart: the comparisons with the
 *  first fields of the index that they fit best. One alternative: there is none. */
export function filterAlternatives(
  predicate: Predicate,
  parameters: Parameters,
  pathText: PathText,
  indexes: readonly IndexDefinition[],
): string[] {
  const parts = predicate.kind === 'and' ? predicate.of : [predicate]
  const split = bestSplit(predicate, parts, indexes)
  if (split.length === 0) return [filterSql(predicate, parameters, pathText, indexes)]
  const taken = new Set(split.flat().map(({ part }) => part))
  const others: Predicate = { kind: 'and', of: parts.filter((part) => !taken.has(part)) }
  const rest = filterSql(others, parameters, pathText, indexes)
  const fields = split.map((comparisons) => {
    const both = comparisons.map(({ segments, op, value }) =>
      new DataComparison(segments, parameters, pathText).alternatives(op, value),
    )
    return { plain: both.map(([plain]) => plain).join(' and '), array: both.map(([, array]) => array).join(' and ') }
  })
  const allPlain = fields.map(({ plain }) => plain)
  const withArray = fields.map(({ array }, place) => {
    const later = fields.slice(place + 1).map((field) => `((${field.plain}) or (${field.array}))`)
    return [...allPlain.slice(0, place), array, ...later]
  })
  return [allPlain, ...withArray].map((conditions) => [...conditions, rest].join(' and '))
}

/** Whether the best plan depends on the values: a range that an index has, and an order that another has, so that either the
 *  range is read and sorted, or the order is read until enough is in the range. A plan for any values takes the range for
 *  a narrow one, or a wide one, always: with `order by id limit 20` it has been seen to read the whole table for two rows. */
export function dependsOnValues(
  where: Predicate,
  sort: readonly SortKey[],
  indexes: readonly IndexDefinition[],
): boolean {
  const parts = where.kind === 'and' ? where.of : [where]
  if (!parts.some((part) => part.kind === 'compare' && part.op !== 'eq')) return false
  const [range, ...more] = bestSplit(where, parts, indexes)
  if (range === undefined || more.length > 0 || range.some(({ op }) => op === 'eq')) return false
  const ordered = sort[0]?.path
  return ordered?.of !== 'data' || JSON.stringify(ordered.segments) !== JSON.stringify(range[0]?.segments)
}

/** The comparisons by field, in the order of the index: equality as far as it goes, then one range. */
function bestSplit(
  where: Predicate,
  parts: readonly Predicate[],
  indexes: readonly IndexDefinition[],
): readonly (readonly Comparison[])[] {
  const byPath = new Map<string, Comparison[]>()
  for (const part of parts) {
    const comparison = comparisonIn(part)
    if (comparison === undefined) continue
    const key = JSON.stringify(comparison.segments)
    byPath.set(key, [...(byPath.get(key) ?? []), comparison])
  }
  let best: Comparison[][] = []
  if (byPath.size === 0) return best
  for (const index of indexes) {
    if (!isOrdered(index) || (index.where !== undefined && !implies(where, index.where))) continue
    const split: Comparison[][] = []
    for (const path of index.on.slice(0, maxSplits)) {
      const comparisons = byPath.get(JSON.stringify(path))
      if (comparisons === undefined) break
      split.push(comparisons)
      if (!comparisons.some(({ op }) => op === 'eq')) break
    }
    if (split.length > best.length) best = split
  }
  return best
}

/** Of a path with a number in it, a document may have the value and an array on the way: its alternatives are not disjoint. */
function comparisonIn(part: Predicate): Comparison | undefined {
  if (part.kind !== 'compare' || part.path.of === 'meta') return undefined
  const { op, path, value } = part
  if (value === null || typeof value === 'object' || path.segments.length === 0) return undefined
  return path.segments.some(isArrayIndex) ? undefined : { segments: path.segments, op, value, part }
}
