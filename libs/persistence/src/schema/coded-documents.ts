import { HoldfastError } from '@holdfast/errors'
import type {
  ClaimQuery,
  CollectionSpec,
  DeleteRow,
  DocumentOperations,
  DocumentQuery,
  InsertRow,
  Key,
  LeasedDocument,
  Lifetime,
  QueryPlan,
  ReplaceRow,
  SettledLease,
  SettleRow,
  StoredDocument,
  UpsertRow,
  Written,
} from '../backend.js'
import { wait } from '../conflict-retry.js'
import { type Change, type DocumentAccess, type Modified, removedDocument } from '../document-access.js'
import { decodeJson, encodeJson } from '../json.js'
import { distinctByReading } from '../query/distinct.js'
import type { JsonValue, Predicate } from '../query/predicate.js'
import type { StaleReads } from '../replicas/stale-reads.js'
import type { DataSchema } from './data-schema.js'
import type { DocumentCodec } from './document-codec.js'

/** Reads of one collection, behind which a codec stands. */
export class CodedReads implements StaleReads {
  readonly #inner: StaleReads
  protected readonly codec: DocumentCodec

  constructor(inner: StaleReads, codec: DocumentCodec) {
    this.#inner = inner
    this.codec = codec
  }

  async fetch(collection: string, keys: readonly Key[]): Promise<(StoredDocument | undefined)[]> {
    return this.decodeEach(keys, await this.#inner.fetch(collection, keys))
  }

  async query(collection: string, query: DocumentQuery): Promise<StoredDocument[]> {
    this.codec.checkSort(query.sort)
    const where = await this.codec.where(query.where)
    // What is stored is whole to the codec, or nothing.
    const { members: _, ...whole } = query
    const rows = await this.#inner.query(collection, { ...whole, where })
    const { tenant } = query
    return Promise.all(rows.map((row) => this.codec.decode({ tenant, id: row.id }, row)))
  }

  async count(collection: string, tenant: string, where: Predicate): Promise<number> {
    return this.#inner.count(collection, tenant, await this.codec.where(where))
  }

  /** By reading all documents that match, because the database cannot look into what is encrypted or of an older version. */
  distinct(collection: string, tenant: string, segments: readonly string[], where: Predicate): Promise<JsonValue[]> {
    return distinctByReading(this, collection, tenant, segments, where)
  }

  async explain(collection: string, query: DocumentQuery): Promise<QueryPlan> {
    this.codec.checkSort(query.sort)
    return this.#inner.explain(collection, { ...query, where: await this.codec.where(query.where) })
  }

  /** Documents as they are stored, made readable. */
  decoded(tenant: string, stored: readonly StoredDocument[]): Promise<StoredDocument[]> {
    return Promise.all(stored.map((document) => this.codec.decode({ tenant, id: document.id }, document)))
  }

  protected decodeEach(
    keys: readonly Key[],
    stored: readonly (StoredDocument | undefined)[],
  ): Promise<(StoredDocument | undefined)[]> {
    return Promise.all(
      keys.map(async (key, index) => {
        const document = stored[index]
        return document === undefined ? undefined : this.codec.decode(key, document)
      }),
    )
  }
}

/** A backend's operations on one collection, in front of which a codec stands. */
export class CodedOperations extends CodedReads implements DocumentOperations {
  readonly #inner: DocumentOperations
  readonly #schema: DataSchema | undefined

  /** @param schema of what claims lead to */
  constructor(inner: DocumentOperations, codec: DocumentCodec, schema?: DataSchema) {
    super(inner, codec)
    this.#inner = inner
    this.#schema = schema
  }

  ensure(collection: string, spec: CollectionSpec): Promise<void> {
    return this.#inner.ensure(collection, spec)
  }

  async upsert(collection: string, rows: readonly UpsertRow[]): Promise<(Written | undefined)[]> {
    return this.#inner.upsert(collection, await this.#encoded(rows))
  }

  async insert(collection: string, rows: readonly InsertRow[]): Promise<(Written | undefined)[]> {
    return this.#inner.insert(collection, await this.#encoded(rows))
  }

  async copy(collection: string, rows: readonly InsertRow[]): Promise<boolean> {
    if (this.#inner.copy === undefined) return false
    return this.#inner.copy(collection, await this.#encoded(rows))
  }

  async replace(collection: string, rows: readonly ReplaceRow[]): Promise<(Written | undefined)[]> {
    const schema = this.#schema
    if (schema === undefined) return this.#inner.replace(collection, await this.#encoded(rows))
    const accepted = rows.map(async (row) => ({
      ...row,
      json: encodeJson(await schema.acceptJson(decodeJson(row.json), 'data')),
    }))
    return this.#inner.replace(collection, await this.#encoded(await Promise.all(accepted)))
  }

  remove(collection: string, rows: readonly DeleteRow[]): Promise<(number | undefined)[]> {
    return this.#inner.remove(collection, rows)
  }

  async restore(collection: string, keys: readonly Key[]): Promise<(StoredDocument | undefined)[]> {
    return this.decodeEach(keys, await this.#inner.restore(collection, keys))
  }

  removed(collection: string, keys: readonly Key[]): Promise<boolean[]> {
    return this.#inner.removed(collection, keys)
  }

  async claim(collection: string, query: ClaimQuery): Promise<LeasedDocument[]> {
    this.codec.checkSort(query.sort)
    const where = await this.codec.where(query.where)
    const leased = await this.#inner.claim(collection, { ...query, where })
    const { tenant } = query
    return Promise.all(leased.map((row) => this.codec.decode({ tenant, id: row.id }, row)))
  }

  settle(collection: string, rows: readonly SettleRow[]): Promise<(SettledLease | undefined)[]> {
    return this.#inner.settle(collection, rows)
  }

  #encoded<Row extends Key & { readonly json: string }>(rows: readonly Row[]): Promise<Row[]> {
    return Promise.all(rows.map(async (row) => ({ ...row, json: await this.codec.encode(row, row.json) })))
  }
}

export interface CodedAccessParts {
  readonly collection: string
  readonly inner: DocumentAccess
  /** Without a codec. */
  readonly operations: DocumentOperations
  readonly codec: DocumentCodec | undefined
  /** Of what updates lead to. */
  readonly schema: DataSchema | undefined
  /** Shared by all handles of the collection in this process. */
  readonly turns: Turns
}

const maxRaces = 20

/** Calls on single documents, encoded and decoded on their way. The calls are still gathered with those of others; updates of the
 *  same document wait for each other, because a schema or a key may have to be awaited between their read and their write. */
export class CodedAccess implements DocumentAccess {
  readonly #parts: CodedAccessParts

  constructor(parts: CodedAccessParts) {
    this.#parts = parts
  }

  async fetch(key: Key): Promise<StoredDocument | undefined> {
    const stored = await this.#parts.inner.fetch(key)
    return stored === undefined ? undefined : this.#decode(key, stored)
  }

  async upsert(key: Key, json: string, ttlMs?: number | null): Promise<Written | undefined> {
    return this.#parts.inner.upsert(key, await this.#encode(key, json), ttlMs)
  }

  async insert(row: InsertRow): Promise<Written | undefined> {
    return this.#parts.inner.insert({ ...row, json: await this.#encode(row, row.json) })
  }

  async replace(row: ReplaceRow): Promise<Written | undefined> {
    return this.#parts.inner.replace({ ...row, json: await this.#encode(row, row.json) })
  }

  remove(row: DeleteRow): Promise<number | undefined> {
    return this.#parts.inner.remove(row)
  }

  modify(key: Key, change: Change, lifetime?: Lifetime): Promise<Modified> {
    return this.#parts.turns.take(`${key.tenant}\0${key.id}`, async () => {
      for (let race = 1; race <= maxRaces; race += 1) {
        const modified = await this.#modifyOnce(key, change, lifetime)
        if (modified !== undefined) return modified
        await wait(Math.random() * Math.min(100, 2 ** race))
      }
      throw new HoldfastError('ABORTED', `Document ${key.id} is written by too many at once: retry later`, {
        reason: 'CONTENTION',
      })
    })
  }

  /** `undefined`: another writer came between. */
  async #modifyOnce(key: Key, change: Change, lifetime: Lifetime | undefined): Promise<Modified | undefined> {
    const { collection, inner, operations, schema } = this.#parts
    const current = await this.fetch(key)
    const changed = change(current)
    if (changed === undefined) return { document: current, changed: false }
    const json = schema === undefined ? changed : encodeJson(await schema.acceptJson(decodeJson(changed), 'data'))
    const text = await this.#encode(key, json)
    const written = await (current === undefined
      ? inner.insert({ ...key, json: text, ttlMs: lifetime?.ttlMs })
      : inner.replace({ ...key, json: text, lifetime, ifVersion: current.version, bump: 1 }))
    if (written !== undefined) return { document: { ...written, json }, changed: true }
    if (current === undefined && (await operations.removed(collection, [key]))[0] === true) {
      throw removedDocument(collection, key.id)
    }
    return undefined
  }

  async #encode(key: Key, json: string): Promise<string> {
    const { codec } = this.#parts
    return codec === undefined ? json : codec.encode(key, json)
  }

  async #decode(key: Key, stored: StoredDocument): Promise<StoredDocument> {
    const { codec } = this.#parts
    return codec === undefined ? stored : codec.decode(key, stored)
  }
}

/** One at a time for each name, in the order of their coming. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>()

  async take<R>(name: string, work: () => Promise<R>): Promise<R> {
    const before = this.#last.get(name)
    const mine = (async () => {
      await before?.catch(() => {})
      return work()
    })()
    this.#last.set(name, mine)
    try {
      return await mine
    } finally {
      if (this.#last.get(name) === mine) this.#last.delete(name)
    }
  }
}
