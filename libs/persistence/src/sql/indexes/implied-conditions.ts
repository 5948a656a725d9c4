import type { IndexDefinition } from '../../backend.js'
import type { JsonValue, Predicate } from '../../query/predicate.js'
import { escapeForJsonb } from '../json-text.js'
import type { Parameters } from '../parameters.js'
import { arrayValuesSql } from './array-values.js'
import { implies, partialSql } from './partial.js'

/** Conditions on the row `t` that follow from the filter and that indexes can serve where the filter itself does not show it:
 *
 *  - of an array index: the value is among the values that the path leads to
 *  - of a partial index that has all documents of the filter: its condition, word for word, with constants; a bound value would not do
 *    under a generic plan
 *  - of both kinds of GIN: the tenant as an array, which needs no extension where a text column would */
export function impliedConditions(
  indexes: readonly IndexDefinition[],
  where: Predicate,
  tenant: string,
  parameters: Parameters,
): string[] {
  if (indexes.length === 0) return []
  const conditions: string[] = []
  let asArray = false
  const parts = where.kind === 'and' ? where.of : [where]
  for (const index of indexes) {
    if (index.where !== undefined) {
      if (!implies(where, index.where)) continue
      conditions.push(partialSql(index.where, 't.data'))
    }
    if (index.text !== undefined) asArray ||= parts.some(({ kind }) => (kind as string) === 'text')
    if (index.array === undefined) continue
    const path = JSON.stringify(index.on[0])
    for (const part of parts) {
      const wanted = wantedValues(part, path)
      if (wanted === undefined) continue
      const values = arrayValuesSql(index.on[0] ?? [])
      const contains = wanted.map((value) => `${values} @> ${parameters.json(escapeForJsonb(JSON.stringify([value])))}`)
      conditions.push(contains.length === 1 ? (contains[0] ?? '') : `(${contains.join(' or ')})`)
      asArray = true
    }
  }
  if (asArray) conditions.push(`array[t.tenant] @> array[${parameters.text(tenant)}]`)
  return [...new Set(conditions)]
}

/** Values of which one must be there; more than a few are looked for without the index. */
const maxValues = 20

function wantedValues(part: Predicate, path: string): readonly JsonValue[] | undefined {
  if (part.kind !== 'compare' && part.kind !== 'in') return undefined
  if (part.path.of !== 'data' || JSON.stringify(part.path.segments) !== path) return undefined
  if (part.kind === 'compare' && part.op !== 'eq') return undefined
  const values = part.kind === 'in' ? part.values : [part.value]
  if (values.length === 0 || values.length > maxValues) return undefined
  return values.every((value) => value !== null && typeof value !== 'object') ? values : undefined
}
