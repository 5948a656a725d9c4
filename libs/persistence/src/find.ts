import { invalidField } from '@holdfast/errors'
import type { DocumentOperations, DocumentQuery, QueryPlan, SortPosition, StoredDocument } from './backend.js'
import { decodeCursor, encodeCursor } from './cursor.js'
import type { Document, Find, FindOptions, Page } from './contract/document.js'
import { decodeJson } from './json.js'
import { checkOptions } from './options.js'
import { parseFilter } from './query/filter.js'
import type { JsonValue, SortKey } from './query/predicate.js'
import { parseProjection } from './query/projection.js'
import { documentPosition } from './query/sort-position.js'
import { byTextScore, parseSort } from './query/sort.js'
import { textSearchOf } from './query/text-search.js'

const batchSize = 500
const defaultPageSize = 100

export interface FindTarget {
  readonly collection: string
  readonly tenant: string
  readonly operations: Pick<DocumentOperations, 'query' | 'explain'>
  readonly ready: () => Promise<void>
}

/** One query, read in keyset batches: each goes on behind the last document of the one before, whatever others write. */
export class CollectionFind<T> implements Find<T> {
  readonly #target: FindTarget
  readonly #query: Omit<DocumentQuery, 'limit'>
  readonly #limit: number | undefined
  readonly #listing: string
  readonly #decode: (stored: StoredDocument) => Document<T>

  constructor(target: FindTarget, filter: unknown, options: FindOptions, decode: (s: StoredDocument) => Document<T>) {
    checkOptions(options, ['sort', 'limit', 'after', 'project', 'signal'])
    const { limit, after, signal } = options
    if (limit !== undefined && (!Number.isSafeInteger(limit) || limit < 1)) {
      throw invalidField('limit', 'must be a positive integer')
    }
    const where = parseFilter(filter)
    const hasText = textSearchOf(where) !== undefined
    const sort = options.sort === undefined && hasText ? [byTextScore] : parseSort(options.sort)
    if (!hasText && sort.includes(byTextScore))
      throw invalidField('sort', 'is by textScore, but the filter has no $text')
    this.#target = target
    this.#limit = limit
    this.#listing = JSON.stringify([target.collection, sort])
    const project = parseProjection(options.project)
    this.#decode =
      project === undefined
        ? decode
        : (stored) => {
            const document = decode(stored)
            return { ...document, data: project.apply(document.data as JsonValue) as T }
          }
    const members = project?.needs(sort)
    const query = {
      tenant: target.tenant,
      where,
      sort,
      ...(members === undefined ? {} : { members }),
      ...(signal === undefined ? {} : { signal }),
    }
    if (after === undefined) this.#query = query
    else {
      const positions = decodeCursor(this.#listing, after, 'after')
      if (!isPlace(positions, sort)) throw invalidField('after', 'is not a cursor of this listing')
      this.#query = { ...query, after: positions }
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Document<T>> {
    for await (const batch of this.#batches()) for (const stored of batch) yield this.#decode(stored)
  }

  async toArray(): Promise<Document<T>[]> {
    const all: Document<T>[] = []
    for await (const batch of this.#batches()) for (const stored of batch) all.push(this.#decode(stored))
    return all
  }

  async page(): Promise<Page<T>> {
    const size = this.#limit ?? defaultPageSize
    await this.#target.ready()
    this.#query.signal?.throwIfAborted()
    const rows = await this.#target.operations.query(this.#target.collection, { ...this.#query, limit: size + 1 })
    const items = rows.slice(0, size)
    const last = items.at(-1)
    const decoded = items.map((stored) => this.#decode(stored))
    if (rows.length <= size || last === undefined) return { items: decoded }
    return { items: decoded, next: encodeCursor(this.#listing, this.#positionsOf(last)) }
  }

  async explain(): Promise<QueryPlan> {
    await this.#target.ready()
    return this.#target.operations.explain(this.#target.collection, { ...this.#query, limit: this.#limit ?? batchSize })
  }

  async *#batches(): AsyncGenerator<readonly StoredDocument[]> {
    await this.#target.ready()
    let left = this.#limit ?? Infinity
    let { after } = this.#query
    while (left > 0) {
      this.#query.signal?.throwIfAborted()
      const limit = Math.min(left, batchSize)
      const query = after === undefined ? { ...this.#query, limit } : { ...this.#query, limit, after }
      const rows = await this.#target.operations.query(this.#target.collection, query)
      yield rows
      left -= rows.length
      const last = rows.at(-1)
      if (rows.length < limit || last === undefined) return
      after = this.#positionsOf(last)
    }
  }

  #positionsOf(stored: StoredDocument): SortPosition[] {
    return documentPosition({ ...stored, data: decodeJson(stored.filtered ?? stored.json) }, this.#query.sort)
  }
}

/** Whether a cursor could have been made by this listing. One that was tampered with must not reach the database, whose columns
 *  cannot be compared with just any value. */
function isPlace(positions: readonly SortPosition[], sort: readonly SortKey[]): boolean {
  if (positions.length !== sort.length + 1) return false
  return positions.every(({ rank, number, text }, index) => {
    const path = sort[index]?.path ?? { of: 'meta', name: 'id' }
    if (path.of === 'data') return true
    if (path.name === 'id') return rank === 3 && !/[\0\ud800-\udfff]/u.test(text)
    if (path.name === 'textScore') return rank === 2 && Number.isFinite(number)
    return rank === 2 && Number.isSafeInteger(number) && number >= 0 && number <= 8.64e15
  })
}
