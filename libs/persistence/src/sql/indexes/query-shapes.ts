import type { IndexDefinition } from '../../backend.js'
import type { IndexSpecification, Sort } from '../../contract/document.js'
import type { MissingIndex, QueryShape } from '../../index-report.js'
import type { FieldPath, Predicate, SortKey } from '../../query/predicate.js'
import { isOrdered } from './index-sql.js'

/** A program that makes up ever new shapes shall not fill the memory: the first ones are counted. */
const maxShapes = 500

/** A query that an index serves in part is worth a better one from this mean time on, in milliseconds. */
const slowMs = 50

interface Counted {
  readonly shape: Omit<QueryShape, 'count' | 'totalMs'>
  count: number
  totalMs: number
}

/** What finds and counts of this process have asked for, and what it cost: paths, never values. */
export class QueryShapes {
  /** By the statement's text, which the statement cache has hashed already. */
  readonly #byText = new Map<string, Counted>()
  readonly #byShape = new Map<string, Counted>()

  record(text: string, ms: number, query: { collection: string; where: Predicate; sort?: readonly SortKey[] }): void {
    let counted = this.#byText.get(text)
    if (counted === undefined) {
      if (this.#byText.size >= maxShapes) return
      const shape = shapeOf(query.collection, query.where, query.sort ?? [])
      const key = JSON.stringify(shape)
      counted = this.#byShape.get(key) ?? { shape, count: 0, totalMs: 0 }
      this.#byShape.set(key, counted)
      this.#byText.set(text, counted)
    }
    counted.count += 1
    counted.totalMs += ms
  }

  /** Those counted since the last call of `take`. */
  get seen(): QueryShape[] {
    return [...this.#byShape.values()]
      .filter(({ count }) => count > 0)
      .map(({ shape, count, totalMs }) => ({ ...shape, count, totalMs }))
  }

  take(): QueryShape[] {
    const { seen } = this
    for (const counted of this.#byShape.values()) Object.assign(counted, { count: 0, totalMs: 0 })
    return seen
  }
}

/** The index that would serve a shape, if none of the collection does. */
export function missingIndex(shape: QueryShape, indexes: readonly IndexDefinition[]): MissingIndex | undefined {
  const suggestion = suggestionFor(shape)
  if (suggestion === undefined) return undefined
  const serving = indexes.filter((index) => servesPart(index, shape))
  const isSlow = shape.totalMs / shape.count >= slowMs
  const wanted = [suggestion.on].flat()
  const isBest = (index: IndexDefinition): boolean => {
    const paths = index.on.map((path) => path.join('.'))
    const equal = paths.slice(0, shape.equality.length)
    return (
      shape.equality.every((path) => equal.includes(path)) &&
      wanted.slice(shape.equality.length).every((path, place) => paths[shape.equality.length + place] === path)
    )
  }
  if (serving.length > 0 && !(isSlow && serving.every((index) => isOrdered(index) && !isBest(index)))) return undefined
  return { ...shape, suggestion }
}

function servesPart({ on, text }: IndexDefinition, { equality, range, sort }: QueryShape): boolean {
  if (text !== undefined) return false
  const first = on[0]?.join('.') ?? ''
  if (equality.length > 0) return equality.includes(first)
  if (range.length > 0) return range.includes(first)
  return Object.keys(sort)[0] === first
}

/** Equality first, then the order, else a range: what comes behind a range is not in order any more. */
function suggestionFor({ equality, range, sort }: QueryShape): IndexSpecification | undefined {
  const keys: [string, 1 | -1][] = []
  for (const key of Object.entries(sort)) {
    const [path, direction] = key
    // A text score has no order of its own in an index.
    if (path.startsWith('_') || typeof direction === 'object') break
    if (!equality.includes(path)) keys.push([path, direction])
  }
  const behind: (readonly [string, 1 | -1])[] =
    keys.length > 0 ? keys : range.slice(0, 1).map((path) => [path, 1] as const)
  const paths = [...equality, ...behind.map(([path]) => path)]
  const [only] = paths
  if (only === undefined) return undefined
  const on = paths.length === 1 ? only : paths
  const isMixed = new Set(keys.map(([, direction]) => direction)).size > 1
  if (!isMixed) return { on }
  return { on, direction: [...equality.map(() => 1 as const), ...keys.map(([, direction]) => direction)] }
}

function shapeOf(collection: string, where: Predicate, sort: readonly SortKey[]): Counted['shape'] {
  const equality = new Set<string>()
  const range = new Set<string>()
  let byId = false
  for (const part of where.kind === 'and' ? where.of : [where]) {
    if (part.kind !== 'compare' && part.kind !== 'in') continue
    const isEquality = part.kind === 'in' || part.op === 'eq'
    if (part.path.of === 'meta') byId ||= isEquality && part.path.name === 'id'
    else (isEquality ? equality : range).add(part.path.segments.join('.'))
  }
  // The primary key serves it.
  if (byId) return { collection, equality: [], range: [], sort: {} }
  const order: Record<string, 1 | -1> = Object.fromEntries(sort.map(({ path, direction }) => [nameOf(path), direction]))
  return {
    collection,
    equality: [...equality].sort(),
    range: [...range].filter((path) => !equality.has(path)).sort(),
    sort: order satisfies Sort,
  }
}

function nameOf(path: FieldPath): string {
  return path.of === 'data' ? path.segments.join('.') : `_${path.name}`
}
