import type { IndexDefinition } from '../backend.js'
import { isArrayIndex } from '../query/field-path.js'
import type { ComparisonOperator, FieldPath, JsonValue, MetaField, Predicate } from '../query/predicate.js'
import { textIndexOf } from '../query/text-search.js'
import { dataField, type FieldSql, jsonAt, metaColumn, type PathText, withoutColumns } from './field-sql.js'
import { escapeForJsonb, escapeText } from './json-text.js'
import type { Parameters } from './parameters.js'
import { regexSql } from './regex-sql.js'
import { textMatchSql } from './text-search.js'

/** The SQL condition over the row `t` that holds for exactly the documents that `matches` (query/match.ts) accepts. It is never
 *  NULL, so that `not` is exact. Literals and paths are bound; only paths of declared indexes may be constants (`pathText`). */
export function filterSql(
  predicate: Predicate,
  parameters: Parameters,
  pathText: PathText,
  indexes: readonly IndexDefinition[] = [],
): string {
  const sql = (part: Predicate) => filterSql(part, parameters, pathText, indexes)
  const all = (of: readonly Predicate[], joint: string, none: string) =>
    of.length === 0 ? none : `(${of.map(sql).join(joint)})`
  switch (predicate.kind) {
    case 'and':
      return all(predicate.of, ' and ', 'true')
    case 'or':
      return all(predicate.of, ' or ', 'false')
    case 'nor':
      return `(not ${all(predicate.of, ' or ', 'false')})`
    case 'not':
      return `(not ${sql(predicate.of)})`
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
    case 'text':
      return textMatchSql(predicate.search, textIndexOf(indexes), parameters)
    default:
      // The parser lets no other operator ask for what the store keeps.
      return predicate.path.of === 'meta'
        ? 'false'
        : valueSql(predicate, new DataComparison(predicate.path.segments, parameters, pathText), parameters, (part) =>
            filterSql(part, parameters, withoutColumns(pathText), indexes),
          )
  }
}

type ValuePredicate = Extract<Predicate, { kind: 'type' | 'regex' | 'mod' | 'size' | 'element' }>

function valueSql(
  predicate: ValuePredicate,
  comparison: DataComparison,
  parameters: Parameters,
  ofElement: (part: Predicate) => string,
): string {
  switch (predicate.kind) {
    case 'type':
      return comparison.someValue((v) => `jsonb_typeof(${v}) = any(${parameters.textArray(predicate.types)})`)
    case 'regex': {
      const pattern = parameters.text(regexSql(predicate.regex))
      return comparison.someValue((v) => typed(v, 'string', `(${v} #>> '{}'::text[]) collate "C" ~ ${pattern}`))
    }
    case 'mod':
      return comparison.someValue((v) => typed(v, 'number', modSql(`trunc(${v}::numeric)`, predicate, parameters)))
    case 'size': {
      const size = parameters.add(predicate.size, 'bigint')
      return comparison.someWhole((v) => typed(v, 'array', `jsonb_array_length(${v}) = ${size}`))
    }
    case 'element': {
      // Within, the element is the row `t`.
      const condition = ofElement(predicate.of)
      return comparison.someWhole((v) => {
        const elements = `jsonb_array_elements(case when jsonb_typeof(${v}) = 'array' then ${v} else '[]' end)`
        const objects = predicate.objects ? `jsonb_typeof(t.data) in ('object', 'array') and ` : ''
        return `exists (select from ${elements} t(data) where ${objects}${condition})`
      })
    }
  }
}

function modSql(
  number: string,
  { divisor, remainder }: { divisor: number; remainder: number },
  parameters: Parameters,
) {
  const [by, left] = [
    parameters.add(JSON.stringify(divisor), 'numeric'),
    parameters.add(JSON.stringify(remainder), 'numeric'),
  ]
  return `abs(${number}) <= ${Number.MAX_SAFE_INTEGER} and mod(${number}, ${by}) = ${left}`
}

/** A condition that only holds, and is only computed, for values of one type. */
function typed(value: string, type: string, condition: string): string {
  return `(case when jsonb_typeof(${value}) = '${type}' then ${condition} else false end)`
}

/** The values at a path of the row `t`, arrays as their elements: a table `x(v)` to stand beside `t` in `from`. */
export function elementsSql(segments: readonly string[], parameters: Parameters, pathText: PathText): string {
  return new DataComparison(segments, parameters, pathText).elements()
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
export class DataComparison {
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
    if (this.#segments.length <= 1) return `(${this.#json} is not null)`
    const through = this.#through('x.v is not null')
    return `(case when ${this.#arrayOnTheWay} then ${through} else ${this.#json} is not null end)`
  }

  /** Whether one of the values, as filters look at them, meets a condition that is never true of NULL. */
  someValue(condition: (value: string) => string): string {
    return `(case when ${this.#arrayAnywhere} then ${this.#through(condition('x.v'))} else coalesce(${condition(this.#json)}, false) end)`
  }

  /** The same, of arrays as a whole only. */
  someWhole(condition: (value: string) => string): string {
    if (this.#segments.length <= 1) return `coalesce(${condition(this.#json)}, false)`
    // Written once, because it may hold the same again, and twice at each of many levels would be without end.
    return this.#through(condition('x.v'), false)
  }

  compare(op: ComparisonOperator, value: JsonValue): string {
    if (value === null) return op === 'gt' || op === 'lt' ? 'false' : this.#isNull()
    if (typeof value === 'object') return op === 'eq' ? this.#equalsWhole([value]) : 'false'
    return `(${this.alternatives(op, value).join(' or ')})`
  }

  /** Documents whose value itself meets the comparison, and those in which an array leads to one that does. No document is both,
   *  unless the path has a number in it. */
  alternatives(op: ComparisonOperator, value: string | number | boolean): [string, string] {
    return [this.#plain(op, value), `(${this.#amongArrays} and ${this.#arrayMeets(op, value)})`]
  }

  /** Where an array at the end is the only one there can be, `@>` says the same of its elements as looking through them, and the server
   *  has no plan to set up for it. */
  #arrayMeets(op: ComparisonOperator, value: string | number | boolean): string {
    const [field = '', ...inside] = this.#segments
    const isOnlyArray = inside.length === 0 && !isArrayIndex(field) && field !== ''
    return op === 'eq' && isOnlyArray
      ? `${this.#json} @> ${this.#parameters.json(escapeForJsonb(JSON.stringify(value)))}`
      : this.#through(this.#elementMeets(op, value))
  }

  in(values: readonly JsonValue[]): string {
    const strings = values.filter((value) => typeof value === 'string')
    const numbers = values.filter((value) => typeof value === 'number')
    const booleans = [true, false].filter((value) => values.includes(value))
    const whole = values.filter((value) => typeof value === 'object' && value !== null)
    const plain = booleans.map((value) => this.#plain('eq', value))
    if (numbers.length > 0) {
      const { rank, number, text } = this.#field
      const wanted = `${this.#parameters.textArray(numbers.map((value) => JSON.stringify(value)))}::numeric[]`
      plain.push(`(${rank} = 2 and ${number} = any(${wanted}) and ${text} = '')`)
    }
    if (strings.length > 0) {
      const { rank, number, text } = this.#field
      plain.push(
        `(${rank} = 3 and ${number} = 0 and ${text} = any(${this.#parameters.textArray(strings.map(escapeText))}))`,
      )
    }
    const parts = [...plain]
    if (plain.length > 0)
      parts.push(`(${this.#arrayAnywhere} and ${this.#through(this.#among([...strings, ...numbers, ...booleans]))})`)
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
    if (this.#segments.length <= 1) return 'false'
    this.#arraySql ??= this.#segments
      .slice(0, -1)
      .map((_, index) => `jsonb_typeof(${jsonAt(this.#segments.slice(0, index + 1), this.#pathText)}) = 'array'`)
      .join(' or ')
    // "is true" because the type of a missing value is NULL.
    return `((${this.#arraySql}) is true)`
  }

  get #arrayAnywhere(): string {
    if (this.#segments.length === 0) return 'false'
    const inField = `${this.#field.rank} = 5`
    return this.#segments.some(isArrayIndex) ? `(${inField} or ${this.#arrayOnTheWay})` : inField
  }

  /** The same with all that an index has of an array, whose place there is the same for all: behind it the rest is in order. */
  get #amongArrays(): string {
    if (this.#segments.length === 0 || this.#segments.some(isArrayIndex)) return this.#arrayAnywhere
    const { rank, number, text } = this.#field
    return `${rank} = 5 and ${number} = 0 and ${text} = ''`
  }

  /** What comes before the value in an index is named too, and behind an equality all three expressions, so that the rest of the
   *  index is in order. */
  #plain(op: ComparisonOperator, value: string | number | boolean): string {
    const { rank, number, text } = this.#field
    const sql = operators[op]
    const noText = op === 'eq' ? ` and ${text} = ''` : ''
    if (typeof value === 'string') {
      return `(${rank} = 3 and ${number} = 0 and ${text} ${sql} ${this.#parameters.text(escapeText(value))})`
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
    const sql = operators[op]
    if (typeof value === 'boolean') return typed('x.v', 'boolean', `x.v::boolean ${sql} ${value}`)
    if (typeof value === 'number') {
      return typed('x.v', 'number', `x.v::numeric ${sql} ${this.#parameters.add(JSON.stringify(value), 'numeric')}`)
    }
    const bound = this.#parameters.text(escapeText(value))
    return typed('x.v', 'string', `(x.v #>> '{}'::text[]) collate "C" ${sql} ${bound}`)
  }

  /** Whether one of the values that the path leads to meets a condition on `x.v`, which is NULL for "missing". Each part of the
   *  path goes from a value to its member, and from an array to the members of its elements and to the element that the
   *  part numbers; see query/match.ts, which does the same in memory. */
  #through(condition: string, withElements = true): string {
    if (this.#segments.length === 0) return `exists (select from (select t.data) x(v) where ${condition})`
    const last = `v${this.#segments.length}`
    const elements = `case when jsonb_typeof(${last}.v) = 'array' and not ${last}.numbered then ${last}.v else '[]' end`
    const andElements = withElements ? ` union all select e from jsonb_array_elements(${elements}) e` : ''
    return `exists (select from ${this.#along()}, lateral (select ${last}.v${andElements}) x(v) where ${condition})`
  }

  /** The values that the path leads to, arrays as their elements: a table `x(v)` beside `t`. */
  elements(): string {
    const last = `v${this.#segments.length}.v`
    const elements = `case when jsonb_typeof(${last}) = 'array' then ${last} else jsonb_build_array(${last}) end`
    return `${this.#along()}, lateral (select e from jsonb_array_elements(${elements}) e where ${last} is not null) x(v)`
  }

  /** All values on the way: tables `v0`, `v1`, … of which the last has what the path leads to. */
  #along(): string {
    const [field = ''] = this.#segments
    const column = this.#pathText.column?.(field)
    const steps = this.#segments.map((segment, index) => {
      if (index === 0 && column !== undefined) return `lateral (select ${column}, false) v1(v, numbered)`
      const from = `v${index}.v`
      const key = this.#parameters.text(escapeText(segment))
      if (index === 0) {
        // Data that is an array itself is an object whose names are its places.
        const inArray = isArrayIndex(segment) ? ` when 'array' then ${from} -> ${segment}` : ''
        return `lateral (select case jsonb_typeof(${from}) when 'object' then ${from} -> ${key}${inArray} end, false) v1(v, numbered)`
      }
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
    return column === undefined ? `lateral (select t.data) v0(v), ${steps.join(', ')}` : steps.join(', ')
  }
}
