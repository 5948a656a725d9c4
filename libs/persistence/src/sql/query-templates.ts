import type { DocumentQuery } from '../backend.js'
import type { FieldPath, Predicate } from '../query/predicate.js'
import { type Declared, queryStatement } from './document-query.js'
import type { SqlValue, Statement } from './driver.js'
import { escapeForJsonb, escapeText } from './json-text.js'

/** A statement with gaps: for each of its values, how it follows from the query. */
interface Template extends Omit<Statement, 'values'> {
  readonly fill: readonly ((query: DocumentQuery, values: readonly Scalar[]) => SqlValue)[]
}

type Scalar = string | number

/** By declaration, so that a new one begins anew; then by collection and shape. `undefined`: has to be put together each time. */
const templates = new WeakMap<Declared, Map<string, Template | undefined>>()

/** As many shapes as have a prepared statement. */
const maxShapes = 200

/** The statement of a find. To put it together takes a quarter of the time that this process spends on a find, most of it for texts
 *  that are thrown away: finds that compare the same fields with other values take the text of the first of them. */
export function findStatement(collection: string, declared: Declared, query: DocumentQuery): Statement {
  const values: Scalar[] = []
  const shape = shapeOf(declared, query, values)
  if (shape === undefined) return queryStatement(collection, declared, query)
  let known = templates.get(declared)
  if (known === undefined) templates.set(declared, (known = new Map()))
  const key = `${collection}${shape}`
  const template = known.get(key)
  if (template !== undefined) return filled(template, query, values)
  const statement = queryStatement(collection, declared, query)
  if (!known.has(key) && known.size < maxShapes) {
    known.set(key, templateOf(collection, declared, query, values, statement))
  }
  return statement
}

/** All that the text of the statement depends on, if that is little: comparisons that must all hold, a sort, a limit.
 *  @param values gets what the fields are compared with, in order */
function shapeOf(
  { indexes }: Declared,
  { where, sort, limit, after, members }: DocumentQuery,
  values: Scalar[],
): string | undefined {
  if (after !== undefined || members !== undefined) return undefined
  // Whether a partial index serves depends on the values.
  if (indexes.some((index) => index.where !== undefined)) return undefined
  let shape = limit === undefined ? '' : ' limit'
  for (const { path, direction } of sort) shape += ` ${direction}${pathText(path)}`
  for (const part of where.kind === 'and' ? where.of : [where]) {
    if (part.kind !== 'compare' || (typeof part.value === 'object' && part.value !== null)) return undefined
    const { path, op, value } = part
    const isGap = typeof value === 'string' || typeof value === 'number'
    if (isGap) values.push(value)
    shape += ` ${op} ${isGap ? typeof value : String(value)}${pathText(path)}`
  }
  return shape
}

function pathText(path: FieldPath): string {
  return path.of === 'meta' ? ` _${path.name}` : ` ${JSON.stringify(path.segments)}`
}

/** Puts the statement together once more, of marks instead of values, and looks where they come out. */
function templateOf(
  collection: string,
  declared: Declared,
  query: DocumentQuery,
  values: readonly Scalar[],
  statement: Statement,
): Template | undefined {
  const marks = values.map((value, place) => (typeof value === 'string' ? `\0 mark ${place}` : 0.123_456_7 + place))
  const marked: DocumentQuery = {
    ...query,
    tenant: '\0 tenant',
    where: withValues(query.where, marks),
    ...(query.limit === undefined ? {} : { limit: Number.MAX_SAFE_INTEGER - 1 }),
  }
  const { values: found, ...rest } = queryStatement(collection, declared, marked)
  const template = { ...rest, fill: found.map((value) => gapOf(value, marked, marks)) }
  // A text that depends on more than the shape shows here.
  const { values: again, ...same } = filled(template, query, values)
  const { values: wanted, ...direct } = statement
  const isSame = JSON.stringify([same, again]) === JSON.stringify([direct, wanted])
  return isSame ? template : undefined
}

function withValues(where: Predicate, values: readonly Scalar[]): Predicate {
  let place = 0
  const part = (one: Predicate): Predicate => {
    if (one.kind !== 'compare') return one
    const { value } = one
    return typeof value === 'string' || typeof value === 'number' ? { ...one, value: values[place++] ?? null } : one
  }
  return where.kind === 'and' ? { ...where, of: where.of.map(part) } : part(where)
}

/** What becomes of a value on its way into a statement. */
const forms: readonly ((value: Scalar) => SqlValue)[] = [
  (value) => value,
  (value) => escapeText(String(value)),
  (value) => escapeForJsonb(JSON.stringify(value)),
  (value) => escapeForJsonb(JSON.stringify([value])),
]

function gapOf(found: SqlValue, marked: DocumentQuery, marks: readonly Scalar[]): Template['fill'][number] {
  if (found === marked.tenant) return ({ tenant }) => tenant
  if (found === marked.limit) return ({ limit }) => limit ?? null
  for (const [place, mark] of marks.entries()) {
    const form = forms.find((one) => one(mark) === found)
    if (form !== undefined) return (_, values) => form(values[place] ?? '')
  }
  return () => found
}

function filled({ fill, ...statement }: Template, query: DocumentQuery, values: readonly Scalar[]): Statement {
  return { ...statement, values: fill.map((gap) => gap(query, values)) }
}
