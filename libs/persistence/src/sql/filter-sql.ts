import type { ComparisonOperator, FieldPath, JsonValue, MetaField, Predicate } from '../query/predicate.js'
import { dataField, type FieldSql, jsonAt, metaColumn, type PathText } from './field-sql.js'
import { escapeForJsonb, escapeText } from './json-text.js'
import type { Parameters } from './parameters.js'

/** The SQL condition over the row `t` that holds for exactly the documents that `matches` (query/match.ts) accepts. It is never
 *  NULL, so that `not` is exact. Literals and paths are bound; only paths of declared indexes may be constants (`pathText`). */
export function filterSql(predicate: Predicate, parameters: Parameters, pathText: PathText): string {
  const all = (of: readonly Predicate[], joint: string, none: string) =>
    of.length === 0 ? none : `(${of.map((part) => filterSql(part, parameters, pathText)).join(joint)})`
  switch (predicate.kind) {
    case 'and':
      return all(predicate.of, ' and ', 'true')
    case 'or':
      return all(predicate.of, ' or ', 'false')
    case 'nor':
      return `(not ${all(predicate.of, ' or ', 'false')})`
    case 'not':
      return `(not ${filterSql(predicate.of, parameters, pathText)})`
    case 'exists': {
      const { path, exists } = predicate
      const found = path.of === 'meta' ? 'true' : pathExists(path.segments, '', parameters)
      return exists ? found : `(not ${found})`
    }
    case 'compare':
      return predicate.path.of === 'meta'
        ? compareMeta(predicate.path.name, predicate.op, predicate.value, parameters)
        : new DataComparison(predicate.path.segments, parameters, pathText).compare(predicate.op, predicate.value)
    case 'in':
      return inSql(predicate.path, predicate.values, parameters, pathText)
  }
}

const operators = { eq: '=', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const
const jsonPathOperators = { ...operators, eq: '==' } as const

function compareMeta(name: MetaField, op: ComparisonOperator, value: JsonValue, parameters: Parameters): string {
  const column = metaColumn(name)
  if (name === 'id') {
    return typeof value === 'string' ? `(${column} ${operators[op]} ${parameters.text(value)})` : 'false'
  }
  if (typeof value !== 'number') return 'false'
  const bound = parameters.add(value, 'float8')
  return `(${column} ${operators[op]} ${name === 'version' ? bound : `to_timestamp(${bound} / 1000)`})`
}

function inSql(path: FieldPath, values: readonly JsonValue[], parameters: Parameters, pathText: PathText): string {
  if (path.of === 'meta') {
    if (path.name === 'id') {
      const ids = values.filter((value) => typeof value === 'string')
      return `(t.id = any(${parameters.textArray(ids)}))`
    }
    const parts = values.map((value) => compareMeta(path.name, 'eq', value, parameters))
    return parts.length === 0 ? 'false' : `(${parts.join(' or ')})`
  }
  return new DataComparison(path.segments, parameters, pathText).in(values)
}

/** Comparisons with the value at one path. The plain case (no array on the way) is the triple of field-sql.ts, which an index
 *  can serve; arrays on the way or at the end are left to jsonpath, whose lax mode steps into arrays as MongoDB does. */
class DataComparison {
  readonly #segments: readonly string[]
  readonly #parameters: Parameters
  readonly #path: string
  readonly #field: FieldSql
  readonly #arrayOnTheWay: string
  readonly #arrayAnywhere: string

  constructor(segments: readonly string[], parameters: Parameters, pathText: PathText) {
    this.#segments = segments
    this.#parameters = parameters
    this.#path = pathText(segments)
    this.#field = dataField(this.#path)
    const prefixes = segments.slice(0, -1).map((_, index) => segments.slice(0, index + 1))
    const prefixArrays = prefixes.map((prefix) => `jsonb_typeof(${jsonAt(pathText(prefix))}) = 'array'`)
    // "is true" because the type of a missing value is NULL.
    this.#arrayOnTheWay = prefixArrays.length === 0 ? 'false' : `((${prefixArrays.join(' or ')}) is true)`
    this.#arrayAnywhere =
      prefixArrays.length === 0 ? `${this.#field.rank} = 5` : `(${this.#field.rank} = 5 or ${this.#arrayOnTheWay})`
  }

  compare(op: ComparisonOperator, value: JsonValue): string {
    if (value === null) return op === 'gt' || op === 'lt' ? 'false' : this.#isNull()
    if (typeof value === 'object') return op === 'eq' ? this.#equalsWhole([value]) : 'false'
    const plain = this.#plain(op, value)
    const step = `? (@.type() != "array" && @ ${jsonPathOperators[op]} $v)`
    const variable = this.#parameters.json(escapeForJsonb(JSON.stringify({ v: value })))
    const lax = pathExists(this.#segments, step, this.#parameters, variable)
    return `(${this.#guardOddIndex(plain)} or (${this.#arrayAnywhere} and ${lax}))`
  }

  in(values: readonly JsonValue[]): string {
    const strings = values.filter((value) => typeof value === 'string').map(escapeText)
    const others = values.filter((value) => typeof value === 'number' || typeof value === 'boolean')
    const whole = values.filter((value) => typeof value === 'object' && value !== null)
    const { rank, text } = this.#field
    const plain = others.map((value) => this.#plain('eq', value))
    if (strings.length > 0) plain.push(`(${rank} = 3 and ${text} = any(${this.#parameters.textArray(strings)}))`)
    const parts: string[] = []
    if (plain.length > 0) {
      const elements = this.#elementsAmong([...strings.map((s) => JSON.stringify(s)), ...others.map((o) => JSON.stringify(o))])
      parts.push(this.#guardOddIndex(`(${plain.join(' or ')})`), `(${this.#arrayAnywhere} and ${elements})`)
    }
    if (values.includes(null)) parts.push(this.#isNull())
    if (whole.length > 0) parts.push(this.#equalsWhole(whole))
    return parts.length === 0 ? 'false' : `(${parts.join(' or ')})`
  }

  #plain(op: ComparisonOperator, value: string | number | boolean): string {
    const { rank, number, text } = this.#field
    const sql = operators[op]
    if (typeof value === 'string') return `(${rank} = 3 and ${text} ${sql} ${this.#parameters.text(escapeText(value))})`
    if (typeof value === 'boolean') return `(${rank} = 6 and ${number} ${sql} ${value ? 1 : 0})`
    return `(${rank} = 2 and ${number} ${sql} ${this.#parameters.add(JSON.stringify(value), 'numeric')})`
  }

  /** `#>` takes "-1", "+1" and "01" for places in an array; MongoDB only "1". */
  #guardOddIndex(plain: string): string {
    const odd = this.#segments.some((segment) => /^\s*[+-]?\d+$/.test(segment) && !/^(0|[1-9]\d*)$/.test(segment))
    return odd ? `(not ${this.#arrayOnTheWay} and ${plain})` : plain
  }

  /** Null, or missing: of the document, or of one of the objects in an array on the way. */
  #isNull(): string {
    const lax = pathExists(this.#segments, '? (@ == null)', this.#parameters)
    const missing = this.#segments.slice(1).map((_, index) => {
      const prefix = this.#segments.slice(0, index + 1)
      const rest = this.#segments.slice(index + 1).map((segment) => jsonPathMember(segment))
      return pathExists(prefix, `[*] ? (@.type() == "object" && !exists(@${rest.join('')}))`, this.#parameters)
    })
    const through = [lax, ...missing].join(' or ')
    if (this.#segments.length === 1) return `(${this.#field.rank} = 1 or (${this.#field.rank} = 5 and ${lax}))`
    return `(case when ${this.#arrayOnTheWay} then (${through}) else (${this.#field.rank} = 1 or (${this.#field.rank} = 5 and ${lax})) end)`
  }

  /** Equal to an object or array as a whole, or having it as an element. */
  #equalsWhole(values: readonly JsonValue[]): string {
    const texts = values.map((value) => escapeForJsonb(JSON.stringify(value)))
    const set = this.#parameters.json(`[${texts.join(',')}]`)
    const among = `in (select jsonb_array_elements(${set}))`
    const whole = `coalesce(${jsonAt(this.#path)} ${among}, false)`
    const at = jsonPathOf(this.#segments)
    const found = (path: string) =>
      `exists (select from jsonb_path_query(t.data, ${this.#parameters.add(path, 'jsonpath')}) e where e ${among})`
    return `(${this.#guardOddIndex(whole)} or (${this.#arrayAnywhere} and (${found(at)} or ${found(`${at}[*]`)})))`
  }

  #elementsAmong(jsonTexts: readonly string[]): string {
    const set = this.#parameters.json(escapeForJsonb(`[${jsonTexts.join(',')}]`))
    const path = this.#parameters.add(`${jsonPathOf(this.#segments)}[*]`, 'jsonpath')
    return `exists (select from jsonb_path_query(t.data, ${path}) e where e in (select jsonb_array_elements(${set})))`
  }
}

function jsonPathMember(segment: string): string {
  return `.${escapeForJsonb(JSON.stringify(segment))}`
}

function jsonPathOf(segments: readonly string[]): string {
  return `$${segments.map(jsonPathMember).join('')}`
}

function pathExists(segments: readonly string[], step: string, parameters: Parameters, variables?: string): string {
  const path = parameters.add(`${jsonPathOf(segments)} ${step}`, 'jsonpath')
  return variables === undefined
    ? `jsonb_path_exists(t.data, ${path})`
    : `jsonb_path_exists(t.data, ${path}, ${variables})`
}
