import { escapeText } from '../json-text.js'
import { quoteLiteral } from '../names.js'

/** All values that a path leads to in the row `t`, as one jsonb array: what is in an array at its end or on its way, and what stands
 *  there without an array. An immutable expression, which an array index (GIN, `jsonb_ops`) holds and a query repeats.
 *
 *  A document that matches `{ path: x }` has x among these values, but not the other way round, so this only finds
 *  candidates: the exact condition of filter-sql.ts still stands beside it. */
export function arrayValuesSql(segments: readonly string[]): string {
  return `jsonb_path_query_array(t.data, ${quoteLiteral(`lax ${jsonPath(segments)}[*]`)}::jsonpath)`
}

/** In lax mode a member of an array is that of its elements, as MongoDB has it, one array deep. Places in arrays (`a.0`) have no such
 *  path: `0` may also be a key. */
export function jsonPath(segments: readonly string[]): string {
  return `$${segments.map((segment) => `.${jsonPathText(segment)}`).join('')}`
}

/** As a string in a JSON path. */
export function jsonPathText(text: string): string {
  return JSON.stringify(escapeText(text))
}
