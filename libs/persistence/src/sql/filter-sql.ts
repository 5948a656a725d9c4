import { isArrayIndex } from '../query/field-path.js'
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
      const found = path.of === 'meta' ? 'true' : new DataComparison(path.segments, parameters, pathText).exists()
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

/** The same condition as disjoint alternatives. A path that may lead to an array makes an `or`, behind which the server cannot
 *  read an index in order; as alternatives, documents without an array there come straight from the index, and those with one
 *  (mostly none) beside them. Taken apart: the first comparison with a field that `isIndexed`. */
export function filterAlternatives(
  predicate: Predicate,
  parameters: Parameters,
  pathText: PathText,
  isIndexed: (segments: readonly string[]) => boolean,
): string[] {
  const parts = predicate.kind === 'and' ? predicate.of : [predicate]
  for (const part of parts) {
    if (part.kind !== 'compare' || part.path.of === 'meta' || part.value === null || typeof part.value === 'object')
      continue
    const { segments } = part.path
    if (segments.length > 1 || !isIndexed(segments)) continue
    const others: Predicate = { kind: 'and', of: parts.filter((other) => other !== part) }
    const rest = filterSql(others, parameters, pathText)
    const comparison = new DataComparison(segments, parameters, pathText)
    return comparison.alternatives(part.op, part.value).map((alternative) => `${alternative} and ${rest}`)
  }
  return [filterSql(predicate, parameters, pathText)]
}

const operators = { eq: '=', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const

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
 *  can serve. Documents with an array on the way or at the end are also looked through value by value.
 *  Expressions are made when they are first used, because the server refuses parameters that its statement does not use. */
class DataComparison {
  readonly #segments: readonly string[]
  readonly #parameters: Parameters
  readonly #pathText: PathText
  #jsonSql: string | undefined
  #fieldSql: FieldSql | undefined
  #arraySql: string | undefined

  constructor(segments: readonly string[], parameters: Parameters, pathText: PathText) {
    this.#segments = segments
    this.#parameters = parameters
    this.#pathText = pathText
  }

  exists(): string {
    if (this.#segments.length === 1) return `(${this.#json} is not null)`
    const through = this.#through('x.v is not null')
    return `(case when ${this.#arrayOnTheWay} then ${through} else ${this.#json} is not null end)`
  }

  compare(op: ComparisonOperator, value: JsonValue): string {
    if (value === null) return op === 'gt' || op === 'lt' ? 'false' : this.#isNull()
    if (typeof value === 'object') return op === 'eq' ? this.#equalsWhole([value]) : 'false'
    return `(${this.alternatives(op, value).join(' or ')})`
  }

  /** Documents whose value itself meets the comparison, and those in which an array leads to one that does. For a path of one
   *  part no document is both. */
  alternatives(op: ComparisonOperator, value: string | number | boolean): [string, string] {
    const through = this.#through(this.#elementMeets(op, value))
    return [this.#plain(op, value), `(${this.#arrayAnywhere} and ${through})`]
  }

  in(values: readonly JsonValue[]): string {
    const strings = values.filter((value) => typeof value === 'string')
    const others = values.filter((value) => typeof value === 'number' || typeof value === 'boolean')
    const whole = values.filter((value) => typeof value === 'object' && value !== null)
    const plain = others.map((value) => this.#plain('eq', value))
    if (strings.length > 0) {
      const { rank, text } = this.#field
      plain.push(`(${rank} = 3 and ${text} = any(${this.#parameters.textArray(strings.map(escapeText))}))`)
    }
    const parts = [...plain]
    if (plain.length > 0)
      parts.push(`(${this.#arrayAnywhere} and ${this.#through(this.#among([...strings, ...others]))})`)
    if (values.includes(null)) parts.push(this.#isNull())
    if (whole.length > 0) parts.push(this.#equalsWhole(whole))
    return parts.length === 0 ? 'false' : `(${parts.join(' or ')})`
  }

  get #json(): string {
    this.#jsonSql ??= jsonAt(this.#segments, this.#pathText)
    return this.#jsonSql
  }

  get #field(): FieldSql {
    this.#fieldSql ??= dataField(this.#segments, this.#pathText)
    return this.#fieldSql
  }

  get #arrayOnTheWay(): string {
    if (this.#segments.length === 1) return 'false'
    this.#arraySql ??= this.#segments
      .slice(0, -1)
      .map((_, index) => `jsonb_typeof(${jsonAt(this.#segments.slice(0, index + 1), this.#pathText)}) = 'array'`)
      .join(' or ')
    // "is true" because the type of a missing value is NULL.
    return `((${this.#arraySql}) is true)`
  }

  get #arrayAnywhere(): string {
    const atTheEnd = `${this.#field.rank} = 5`
    return this.#segments.length === 1 ? atTheEnd : `(${atTheEnd} or ${this.#arrayOnTheWay})`
  }

  /** Equality names all three expressions, so that the rest of an index behind them is in order. */
  #plain(op: ComparisonOperator, value: string | number | boolean): string {
    const { rank, number, text } = this.#field
    const sql = operators[op]
    const noText = op === 'eq' ? ` and ${text} = ''` : ''
    if (typeof value === 'string') {
      const noNumber = op === 'eq' ? ` and ${number} = 0` : ''
      return `(${rank} = 3${noNumber} and ${text} ${sql} ${this.#parameters.text(escapeText(value))})`
    }
    if (typeof value === 'boolean') return `(${rank} = 6 and ${number} ${sql} ${value ? 1 : 0}${noText})`
    return `(${rank} = 2 and ${number} ${sql} ${this.#parameters.add(JSON.stringify(value), 'numeric')}${noText})`
  }

  #isNull(): string {
    const through = this.#through(`(x.v is null or x.v = 'null'::jsonb)`)
    return `(case when ${this.#arrayAnywhere} then ${through} else ${this.#field.rank} = 1 end)`
  }

  /** Equal to an object or array as a whole, or having it as an element. */
  #equalsWhole(values: readonly JsonValue[]): string {
    const through = this.#through(this.#among(values))
    return `(case when ${this.#arrayAnywhere} then ${through} else coalesce(${this.#json} ${this.#anyOf(values)}, false) end)`
  }

  #among(values: readonly JsonValue[]): string {
    return `coalesce(x.v, 'null'::jsonb) ${this.#anyOf(values)}`
  }

  #anyOf(values: readonly JsonValue[]): string {
    return `in (select jsonb_array_elements(${this.#parameters.json(escapeForJsonb(JSON.stringify(values)))}))`
  }

  /** The condition on one value `x.v`, of any type. */
  #elementMeets(op: ComparisonOperator, value: string | number | boolean): string {
    if (op === 'eq') return `x.v = ${this.#parameters.json(escapeForJsonb(JSON.stringify(value)))}`
    const typed = (type: string, comparison: string) =>
      `(case when jsonb_typeof(x.v) = '${type}' then ${comparison} else false end)`
    const sql = operators[op]
    if (typeof value === 'boolean') return typed('boolean', `x.v::boolean ${sql} ${value}`)
    if (typeof value === 'number') {
      return typed('number', `x.v::numeric ${sql} ${this.#parameters.add(JSON.stringify(value), 'numeric')}`)
    }
    const bound = this.#parameters.text(escapeText(value))
    return typed('string', `(x.v #>> '{}'::text[]) collate "C" ${sql} ${bound}`)
  }

  /** Whether one of the values that the path leads to meets a condition on `x.v`, which is NULL for "missing". Each part of the
   *  path goes from a value to its member, and from an array to the members of its elements and to the element that the
   *  part numbers; see query/match.ts, which does the same in memory. */
  #through(condition: string): string {
    const steps = this.#segments.map((segment, index) => {
      const from = `v${index}.v`
      const key = this.#parameters.text(escapeText(segment))
      const isArray = `jsonb_typeof(${from}) = 'array'`
      const branches = [
        `select case when jsonb_typeof(${from}) = 'object' then ${from} -> ${key} end, false where (${isArray}) is not true`,
        `select e -> ${key}, false from jsonb_array_elements(case when ${isArray} then ${from} else '[]' end) e where jsonb_typeof(e) = 'object'`,
      ]
      if (isArrayIndex(segment)) {
        const isLast = index + 1 === this.#segments.length
        // What is neither object nor array has no members, but in an array it is not "missing" them either.
        const leadsOn = isLast ? 'true' : `jsonb_typeof(${from} -> ${segment}) in ('object', 'array')`
        branches.push(
          `select ${from} -> ${segment}, true where ${isArray} and jsonb_array_length(${from}) > ${segment} and ${leadsOn}`,
        )
      }
      return `lateral (${branches.join(' union all ')}) v${index + 1}(v, numbered)`
    })
    const last = `v${this.#segments.length}`
    const elements = `case when jsonb_typeof(${last}.v) = 'array' and not ${last}.numbered then ${last}.v else '[]' end`
    return `exists (select from (select t.data) v0(v), ${steps.join(', ')},
      lateral (select ${last}.v union all select e from jsonb_array_elements(${elements}) e) x(v) where ${condition})`
  }
}
