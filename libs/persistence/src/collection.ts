import { randomUUID } from 'node:crypto'
import { HoldfastError, invalidField } from '@holdfast/errors'
import { claimDocument } from './claim/claim.js'
import type { Key, Lifetime, StoredDocument, Written } from './backend.js'
import { removedDocument } from './document-access.js'
import type { ClaimedDocument, ClaimOptions } from './contract/claims.js'
import type {
  Document,
  Filter,
  Find,
  FindOptions,
  LifetimeOptions,
  PutOptions,
  ReadFrom,
  Update,
  WriteOptions,
} from './contract/document.js'
import type { Collection, ConsumerHandler, NearestDocument } from './contract/scope.js'
import { CollectionFind } from './find.js'
import type { Consumer, ConsumerOptions, FeedEvent, WatchOptions } from './feed/change-feed.js'
import type { ConsumerHome } from './feed/consumer-lease.js'
import { startConsumer } from './feed/consumer.js'
import { feedPosition, watchFeed, type WatchSource } from './feed/watch.js'
import { decodeJson, encodeJson } from './json.js'
import { checkOptions } from './options.js'
import type { StaleReads } from './replicas/stale-reads.js'
import { checkSchema, type SchemaCheck, type SchemaCheckOptions } from './schema/check-schema.js'
import { DataSchema } from './schema/data-schema.js'
import { encodeData } from './schema/mark.js'
import { rewriteOutdated, type RewriteOptions, type RewriteReport, type RewriteTarget } from './schema/rewrite.js'
import type { StandardSchema } from './schema/standard-schema.js'
import { inOrder } from './query/distinct.js'
import { parseDataPath } from './query/field-path.js'
import { parseFilter, parseWriteFilter } from './query/filter.js'
import type { Predicate } from './query/predicate.js'
import { applyUpdate, parseUpdate, type ParsedUpdate, upsertSeed } from './query/update.js'
import { CodedReads } from './schema/coded-documents.js'
import { checkId } from './sql/names.js'
import { runBulk } from './transfer/bulk.js'
import type { BulkOperation, BulkOptions, BulkReport } from './transfer/bulk-operations.js'
import { loadDocuments, type LoadItem, type LoadOptions, type LoadReport } from './transfer/load.js'
import { resolveWrite } from './unknown-write.js'
import type { CollectionTarget } from './collection-target.js'
import { decode, withData } from './document-of.js'
import { checkVector } from './vectors-option.js'
import { checkNextVersion, checkVersion, staleVersion, stillMatches } from './write-conditions.js'

const manyBatch = 500

/** Longer than other files: each method of the interface checks what it was given and hands it on, and they share what they ask. */
export class StoredCollection<T> implements Collection<T> {
  readonly name: string
  readonly #target: CollectionTarget

  constructor(target: CollectionTarget) {
    this.name = target.name
    this.#target = target
  }

  async insertOne(data: T, options: LifetimeOptions & { readonly id?: string } = {}): Promise<Document<T>> {
    checkOptions(options, ['id', 'ttlMs'])
    const { id = randomUUID() } = options
    const ttlMs = this.#target.life.ofWrite(options.ttlMs)
    const row = { ...this.#key(id), json: encodeData(data), ttlMs }
    await this.#target.ready()
    const write = (): Promise<Written | undefined> => this.#target.access.insert(row)
    let written: Written | undefined
    try {
      written = await write()
    } catch (error) {
      const { json } = row
      const isOwnId = options.id === undefined
      written = await resolveWrite(error, {
        write,
        fetch: () => this.#target.access.fetch(row),
        json,
        version: 1,
        isOwnId,
      })
    }
    if (written === undefined) throw await this.#taken(row)
    return withData(written, data)
  }

  async insertMany(
    items: readonly { readonly id?: string; readonly data: T }[],
    options: LifetimeOptions = {},
  ): Promise<Document<T>[]> {
    if (!Array.isArray(items)) throw invalidField('items', 'must be an array')
    checkOptions(options, ['ttlMs'])
    const ttlMs = this.#target.life.ofWrite(options.ttlMs)
    const rows = items.map(({ id = randomUUID(), data }, index) => ({
      ...this.#key(id, `items[${index}].id`),
      json: encodeData(data, `items[${index}].data`),
      ttlMs,
    }))
    const ids = new Set(rows.map(({ id }) => id))
    if (ids.size < rows.length) throw invalidField('items', 'has an id twice')
    await this.#target.ready()
    return this.#target.atomically(async (operations) => {
      const documents: Document<T>[] = []
      for (let start = 0; start < rows.length; start += manyBatch) {
        const batch = rows.slice(start, start + manyBatch)
        const written = await operations.insert(this.name, batch)
        for (const [index, row] of batch.entries()) {
          const result = written[index]
          const item = items[start + index]
          if (result === undefined || item === undefined) throw await this.#taken(row, operations)
          documents.push(withData(result, item.data))
        }
      }
      return documents
    })
  }

  async get(id: string, options?: ReadFrom): Promise<Document<T> | undefined> {
    if (options !== undefined) return (await this.getMany([id], options))[0]
    const key = this.#key(id)
    await this.#target.ready()
    const stored = await this.#target.access.fetch(key)
    return stored === undefined ? undefined : decode<T>(stored)
  }

  async getMany(ids: readonly string[], options: ReadFrom = {}): Promise<(Document<T> | undefined)[]> {
    checkOptions(options, ['maxStalenessMs'])
    if (!Array.isArray(ids)) throw invalidField('ids', 'must be an array')
    const keys = ids.map((id, index) => this.#key(id, `ids[${index}]`))
    await this.#target.ready()
    const reads = this.#staleReads(options)
    const stored =
      reads === undefined
        ? await Promise.all(keys.map((key) => this.#target.access.fetch(key)))
        : await reads.fetch(this.name, keys)
    return stored.map((document) => (document === undefined ? undefined : decode<T>(document)))
  }

  find(filter: Filter = {}, options: FindOptions = {}): Find<T> {
    const { tenant, ready } = this.#target
    const { maxStalenessMs: _, ...rest } = options
    const operations = this.#staleReads(options) ?? this.#target.operations
    return new CollectionFind<T>({ collection: this.name, tenant, operations, ready }, filter, rest, decode<T>)
  }

  async findOne(
    filter: Filter,
    options: Pick<FindOptions, 'sort' | 'maxStalenessMs'> = {},
  ): Promise<Document<T> | undefined> {
    checkOptions(options, ['sort', 'maxStalenessMs'])
    for await (const document of this.find(filter, { ...options, limit: 1 })) return document
    return undefined
  }

  async nearest(
    field: string,
    to: string,
    options: { readonly filter: Filter; readonly limit: number },
  ): Promise<NearestDocument<T>[] | undefined> {
    checkOptions(options, ['filter', 'limit'])
    const { filter, limit } = options
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > 10_000) {
      throw invalidField('limit', 'must be an integer from 1 to 10,000')
    }
    const { tenant, operations, ready } = this.#target
    const query = { tenant, field, to: checkVector(to, 'to'), where: parseFilter(filter), limit }
    await ready()
    const near = await operations.nearest?.(this.name, query)
    return near?.map(({ document, similarity }) => ({ document: decode<T>(document), similarity }))
  }

  async count(filter: Filter = {}, options: ReadFrom = {}): Promise<number> {
    const where = parseFilter(filter)
    checkOptions(options, ['maxStalenessMs'])
    const reads = this.#staleReads(options) ?? this.#target.operations
    await this.#target.ready()
    return reads.count(this.name, this.#target.tenant, where)
  }

  async distinct(path: string, filter: Filter = {}, options: ReadFrom = {}): Promise<unknown[]> {
    if (typeof path !== 'string') throw invalidField('path', 'must be a field path')
    const segments = parseDataPath(path, 'path')
    const where = parseFilter(filter)
    checkOptions(options, ['maxStalenessMs'])
    const reads = this.#staleReads(options) ?? this.#target.operations
    await this.#target.ready()
    return inOrder(await reads.distinct(this.name, this.#target.tenant, segments, where))
  }

  async put(id: string, data: T, options: PutOptions = {}): Promise<Document<T>> {
    const key = this.#key(id)
    const json = encodeData(data)
    checkOptions(options, ['ifVersion', 'ttlMs', 'version'])
    const ifVersion = checkVersion(options.ifVersion)
    const version = checkNextVersion(options.version, ifVersion)
    const ttlMs = this.#target.life.ofWrite(options.ttlMs)
    await this.#target.ready()
    const { access } = this.#target
    if (ifVersion === undefined) {
      const put = await access.upsert(key, json, ttlMs)
      if (put === undefined) throw removedDocument(this.name, id)
      return withData(put, data)
    }
    const bump = version === undefined ? 1 : version - ifVersion
    const write = (): Promise<Written | undefined> =>
      ifVersion === 0
        ? access.insert({ ...key, json, ttlMs, bump })
        : access.replace({ ...key, json, ifVersion, bump, lifetime: { kind: 'set', ttlMs: ttlMs ?? null } })
    let written: Written | undefined
    try {
      written = await write()
    } catch (error) {
      const fetch = (): Promise<StoredDocument | undefined> => access.fetch(key)
      written = await resolveWrite(error, { write, fetch, json, version: ifVersion + bump, isOwnId: false })
    }
    if (written === undefined) throw await this.#stale(key, ifVersion)
    return withData(written, data)
  }

  async updateOne(
    filter: string | Filter,
    update: Update,
    options: WriteOptions & LifetimeOptions & { readonly upsert?: boolean } = {},
  ): Promise<Document<T> | undefined> {
    const parsed = parseUpdate(update)
    checkOptions(options, ['ifVersion', 'upsert', 'ttlMs'])
    const ifVersion = checkVersion(options.ifVersion)
    const lifetime = this.#target.life.ofUpdate(options.ttlMs)
    const { where, id } = this.#select(filter)
    await this.#target.ready()
    for (;;) {
      const found = id ?? (await this.#first(where))?.id
      if (found === undefined && options.upsert !== true) return undefined
      const key = this.#key(found ?? randomUUID())
      const inserts = options.upsert === true && (id !== undefined || found === undefined)
      const seen: { as: 'match' | 'absent' | 'other' } = { as: 'absent' }
      const { document } = await this.#target.access.modify(
        key,
        (current) => {
          if (ifVersion !== undefined && (current?.version ?? 0) !== ifVersion) {
            throw staleVersion(this.name, key.id, current?.version, ifVersion)
          }
          if (current === undefined) {
            seen.as = inserts ? 'match' : 'absent'
            return inserts ? encodeJson(applyUpdate(upsertSeed(where), parsed, true)) : undefined
          }
          seen.as = stillMatches(where, current) ? 'match' : 'other'
          return seen.as === 'match' ? updated(current.json, parsed, lifetime) : undefined
        },
        lifetime,
      )
      if (seen.as === 'match' && document !== undefined) return decode<T>(document)
      if (id === undefined) continue
      if (seen.as === 'other' && options.upsert === true) throw await this.#taken(key)
      if (seen.as === 'absent' && this.#target.life.isSoft && (await this.#isRemoved(key))) {
        throw removedDocument(this.name, id)
      }
      return undefined
    }
  }

  async updateMany(
    filter: Filter,
    update: Update,
    options: LifetimeOptions = {},
  ): Promise<{ matched: number; modified: number }> {
    const parsed = parseUpdate(update)
    checkOptions(options, ['ttlMs'])
    const lifetime = this.#target.life.ofUpdate(options.ttlMs)
    let matched = 0
    let modified = 0
    await this.#eachMatch(parseWriteFilter(filter), async (key, where) => {
      let stood = false
      const { changed } = await this.#target.access.modify(
        key,
        (current) => {
          stood = current !== undefined && stillMatches(where, current)
          return stood && current !== undefined ? updated(current.json, parsed, lifetime) : undefined
        },
        lifetime,
      )
      if (stood) matched += 1
      if (changed) modified += 1
    })
    return { matched, modified }
  }

  async deleteOne(filter: string | Filter, options: WriteOptions = {}): Promise<boolean> {
    checkOptions(options, ['ifVersion'])
    const ifVersion = checkVersion(options.ifVersion)
    const { where, id } = this.#select(filter)
    await this.#target.ready()
    if (typeof filter === 'string' && id !== undefined) {
      const key = this.#key(id)
      const removed = await this.#target.access.remove(ifVersion === undefined ? key : { ...key, ifVersion })
      if (removed === undefined && ifVersion !== undefined) throw await this.#stale(key, ifVersion)
      return removed !== undefined
    }
    for (;;) {
      const found = await this.#first(where)
      if (found === undefined) return false
      if (ifVersion !== undefined && found.version !== ifVersion) {
        throw staleVersion(this.name, found.id, found.version, ifVersion)
      }
      const removed = await this.#target.access.remove({ ...this.#key(found.id), ifVersion: found.version })
      if (removed !== undefined) return true
    }
  }

  async deleteMany(filter: Filter): Promise<{ deleted: number }> {
    let deleted = 0
    await this.#eachMatch(parseWriteFilter(filter), async (key, where, seen) => {
      let { version } = seen
      for (;;) {
        if ((await this.#target.access.remove({ ...key, ifVersion: version })) !== undefined) {
          deleted += 1
          return
        }
        const current = await this.#target.access.fetch(key)
        if (current === undefined || !stillMatches(where, current)) return
        version = current.version
      }
    })
    return { deleted }
  }

  async drop(): Promise<{ deleted: number }> {
    const { drop, ready } = this.#target
    if (drop === undefined) {
      throw new HoldfastError('FAILED_PRECONDITION', `A transaction cannot drop ${this.name}: drop it outside of it`)
    }
    await ready()
    return drop()
  }

  /** Which of these documents, as they are stored, match; also of those that no find sees. */
  async matching(stored: readonly StoredDocument[], filter: Filter): Promise<string[]> {
    const where = parseFilter(filter)
    const { operations, tenant } = this.#target
    const readable = operations instanceof CodedReads ? await operations.decoded(tenant, stored) : stored
    return readable.filter((document) => stillMatches(where, document)).map(({ id }) => id)
  }

  async restore(id: string): Promise<Document<T> | undefined> {
    const key = this.#key(id)
    await this.#target.ready()
    const [stored] = await this.#target.operations.restore(this.name, [key])
    return stored === undefined ? undefined : decode<T>(stored)
  }

  bulk(operations: readonly BulkOperation<T>[], options?: BulkOptions): Promise<BulkReport<T>> {
    return runBulk(this, operations, options)
  }

  load(items: Iterable<LoadItem<T>> | AsyncIterable<LoadItem<T>>, options?: LoadOptions): Promise<LoadReport> {
    const ttlMs = this.#target.life.ofWrite(undefined)
    const encode = (data: T, at: string) => ({ json: encodeData(data, at), ttlMs })
    return loadDocuments({ ...this.#target, encode }, items, options)
  }

  claim(filter: Filter, options: ClaimOptions = {}): Promise<ClaimedDocument<T> | undefined> {
    const update = ({ json }: StoredDocument, set: ParsedUpdate): string => updated(json, set) ?? json
    return claimDocument<T>({ ...this.#target, decode: decode<T>, update }, filter, options)
  }

  async checkSchema(schema: StandardSchema, options: SchemaCheckOptions = {}): Promise<SchemaCheck> {
    const candidate = new DataSchema(schema)
    await this.#target.ready()
    return checkSchema(this.#rewriteTarget(), candidate, options)
  }

  async upcastAll(options: RewriteOptions = {}): Promise<RewriteReport> {
    await this.#target.ready()
    return rewriteOutdated(this.#rewriteTarget(), options)
  }

  rotate(options?: RewriteOptions): Promise<RewriteReport> {
    return this.upcastAll(options)
  }

  #rewriteTarget(): RewriteTarget {
    const { tenant, operations, rewrite } = this.#target
    return rewrite ?? { collection: this.name, tenant, stored: operations, codec: undefined, schema: undefined }
  }

  watch(options: WatchOptions = {}): AsyncIterable<FeedEvent<T>> {
    return watchFeed(this.#watched().source, options)
  }

  feedPosition(): Promise<string> {
    return feedPosition(this.#watched().source)
  }

  consumer(name: string, handler: ConsumerHandler<T>, options: ConsumerOptions = {}): Consumer {
    const { source, home } = this.#watched()
    return startConsumer(source, home, name, handler, options)
  }

  #watched(): { readonly source: WatchSource<T>; readonly home: ConsumerHome } {
    const { name, tenant, operations, ready, feed } = this.#target
    if (feed === undefined) {
      throw new HoldfastError('FAILED_PRECONDITION', 'A transaction cannot wait for changes: watch outside of it')
    }
    return { source: { name, tenant, operations, ready, feeds: feed.feeds, decode: decode<T> }, home: feed.home }
  }

  /** Calls `act` once for every document that matches now, in batches by id; documents changed meanwhile are for `act` to judge. */
  async #eachMatch(
    where: Predicate,
    act: (key: Key, where: Predicate, seen: StoredDocument) => Promise<void>,
  ): Promise<void> {
    const { tenant, operations, ready } = this.#target
    await ready()
    let after: string | undefined
    for (;;) {
      const query = { tenant, where, sort: [], limit: manyBatch }
      const rows = await operations.query(
        this.name,
        after === undefined ? query : { ...query, after: [{ rank: 3, number: 0, text: after }] },
      )
      await Promise.all(rows.map((row) => act(this.#key(row.id), where, row)))
      after = rows.at(-1)?.id
      if (rows.length < manyBatch) return
    }
  }

  async #first(where: Predicate): Promise<StoredDocument | undefined> {
    const { tenant, operations } = this.#target
    return (await operations.query(this.name, { tenant, where, sort: [], limit: 1 }))[0]
  }

  /** The filter, and the id if it can only be about one document. */
  #select(filter: string | Filter): { where: Predicate; id: string | undefined } {
    const where = parseWriteFilter(typeof filter === 'string' ? { _id: checkId(filter, 'id') } : filter)
    const clauses = where.kind === 'and' ? where.of : [where]
    for (const clause of clauses) {
      if (clause.kind !== 'compare' || clause.op !== 'eq' || clause.path.of !== 'meta') continue
      if (clause.path.name === 'id' && typeof clause.value === 'string') return { where, id: clause.value }
    }
    return { where, id: undefined }
  }

  #staleReads({ maxStalenessMs }: ReadFrom): StaleReads | undefined {
    if (maxStalenessMs === undefined) return undefined
    const { stale } = this.#target
    if (stale !== undefined) return stale(maxStalenessMs)
    throw invalidField('maxStalenessMs', 'cannot be used inside a transaction, which reads one state of the primary')
  }

  #key(id: string, field = 'id'): Key {
    return { tenant: this.#target.tenant, id: checkId(id, field) }
  }

  async #isRemoved(key: Key, operations = this.#target.operations): Promise<boolean> {
    return (await operations.removed(this.name, [key]))[0] === true
  }

  async #taken(key: Key, operations = this.#target.operations): Promise<HoldfastError> {
    const { id } = key
    if (await this.#isRemoved(key, operations)) return removedDocument(this.name, id)
    return new HoldfastError('ALREADY_EXISTS', `${this.name} has a document ${id} already: use put to replace it`)
  }

  async #stale(key: Key, ifVersion: number): Promise<HoldfastError> {
    const current = await this.#target.access.fetch(key)
    if (current === undefined && (await this.#isRemoved(key))) return removedDocument(this.name, key.id)
    return staleVersion(this.name, key.id, current?.version, ifVersion)
  }
}

/** The text after the update, or `undefined` if it changes nothing, nor the document's lifetime by a word of the caller's. */
function updated(json: string, update: ParsedUpdate, lifetime?: Lifetime): string | undefined {
  const before = decodeJson(json)
  const next = encodeJson(applyUpdate(before, update))
  return next === JSON.stringify(before) && lifetime?.kind !== 'set' ? undefined : next
}
