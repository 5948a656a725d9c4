import { isArrayIndex } from '../query/field-path.js'
import type { MetaField } from '../query/predicate.js'
import { escapeText } from './json-text.js'
import { quoteLiteral } from './names.js'
import type { Parameters } from './parameters.js'

/** A field of the row `t` as SQL. One triple of expressions serves equality, ranges, sorting, keyset and indexes alike: MongoDB's
 *  rank of the type, the number, the text (see query/sort-position.ts). None of them is ever NULL, so `not` means not. */
export interface FieldSql {
  readonly rank: string
  /** numeric */
  readonly number: string
  /** text, compared by code point */
  readonly text: string
}

/** Path constants: literals for indexes (an index expression must be constant, and a query must repeat it to use the index, also
 *  under a generic plan), bound values otherwise. */
export interface PathText {
  (segments: readonly string[]): string
  /** The column of the row `t` that has the value of this field at the top of the data, if one does. */
  readonly column?: (field: string) => string | undefined
}

/** Where the row `t` is something else than a row of the table. */
export function withoutColumns(pathText: PathText): PathText {
  return (segments) => pathText(segments)
}

export const literalPath: PathText = (segments) =>
  `${quoteLiteral(`{${segments.map((segment) => quoteArrayItem(escapeText(segment))).join(',')}}`)}::text[]`

export function boundPath(parameters: Parameters): PathText {
  return (segments) => parameters.textArray(segments.map(escapeText))
}

function quoteArrayItem(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}

/** The value at a path as jsonb; NULL where there is none. `#>` would take "-1" and "01" for places in an array, where only "1"
 *  is one; `->` with text takes everything for a key. */
export function jsonAt(segments: readonly string[], pathText: PathText): string {
  const [field, ...inside] = segments
  const column = field === undefined ? undefined : pathText.column?.(field)
  let json = column ?? 't.data'
  let run: string[] = []
  const step = () => {
    if (run.length > 0) json = `(${json} #> ${pathText(run)})`
    run = []
  }
  for (const segment of column === undefined ? segments : inside) {
    if (!/^\s*[+-]?\d+$/.test(segment) || isArrayIndex(segment)) run.push(segment)
    else {
      step()
      json = `(${json} -> ${quoteLiteral(segment)}::text)`
    }
  }
  step()
  return json
}

export function dataField(segments: readonly string[], pathText: PathText): FieldSql {
  const json = jsonAt(segments, pathText)
  const type = `(case jsonb_typeof(${json}) when 'number' then 2 when 'string' then 3 when 'object' then 4 when 'array' then 5 when 'boolean' then 6 else 1 end)`
  // An array on the way counts as one, so that an index finds those who have to be looked through value by value. A number in
  // the path leads into arrays by itself.
  const ways = segments.some(isArrayIndex) ? [] : segments.slice(0, -1)
  const arrays = ways.map((_, place) => `jsonb_typeof(${jsonAt(segments.slice(0, place + 1), pathText)}) = 'array'`)
  return {
    rank: arrays.length === 0 ? type : `(case when ${arrays.join(' or ')} then 5 else ${type} end)`,
    number: `(case jsonb_typeof(${json}) when 'number' then ${json}::numeric when 'boolean' then ${json}::boolean::int::numeric else 0::numeric end)`,
    text: `(case jsonb_typeof(${json}) when 'string' then (${json} #>> '{}'::text[]) else '' end collate "C")`,
  }
}

const metaColumns: Readonly<Record<Exclude<MetaField, 'textScore'>, string>> = {
  id: 't.id',
  version: 't.version',
  createdAt: 't.created_at',
  updatedAt: 't.updated_at',
}

/** @param textScore the expression for it, where a query has `$text` */
export function metaColumn(name: MetaField, textScore = '0::float8'): string {
  if (name === 'textScore') return textScore
  return metaColumns[name]
}
