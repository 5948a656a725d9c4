import { HoldfastError } from '@holdfast/errors'
import type {
  ClaimQuery,
  DeleteRow,
  DocumentOperations,
  DocumentQuery,
  CollectionSpec,
  InsertRow,
  Key,
  LeasedDocument,
  NearDocument,
  NearestQuery,
  QueryPlan,
  ReplaceRow,
  SettledLease,
  SettleRow,
  StoredDocument,
  UpsertRow,
  Written,
} from '../backend.js'
import { decodeJson } from '../json.js'
import type { JsonValue, Predicate } from '../query/predicate.js'
import { SqlClaims } from './claim.js'
import { ensureCollection } from './collection-ddl.js'
import { copyDocuments } from './copy-documents.js'
import { countStatement, type Declared, distinctStatement, queryStatement } from './document-query.js'
import { documentStatements, type DocumentStatements, type PreparedText } from './document-statements.js'
import type { SqlConnection, SqlRow, Statement } from './driver.js'
import { withoutValues } from './explain.js'
import { escapeForJsonb, unescapeFromJsonb } from './json-text.js'
import { int8Array, textArray } from './parameters.js'
import { findStatement } from './query-templates.js'
import { nearestStatement } from './nearest.js'
import type { Schema } from './schema.js'
import { ensureUpkeep, freeExpired } from './upkeep.js'

const nothingDeclared: Declared = { indexes: [] }

/** The document operations as SQL, each batch one statement. Rows are put in key order first, so that two batches that meet
 *  lock in the same order. */
export class SqlDocuments implements DocumentOperations {
  readonly #connection: SqlConnection
  readonly #schema: Schema
  readonly #statements = new Map<string, DocumentStatements>()
  /** By collection. Queries write the paths of its indexes as constants. */
  readonly #specs: Map<string, CollectionSpec>
  readonly #inTransaction: boolean
  #claims: SqlClaims | undefined

  constructor(
    connection: SqlConnection,
    schema: Schema,
    specs: Map<string, CollectionSpec> = new Map(),
    inTransaction = false,
  ) {
    this.#connection = connection
    this.#schema = schema
    this.#specs = specs
    this.#inTransaction = inTransaction
  }

  /** The same operations on another connection: a transaction's. */
  on(connection: SqlConnection): SqlDocuments {
    return new SqlDocuments(connection, this.#schema, this.#specs, true)
  }

  async ensure(collection: string, spec: CollectionSpec): Promise<void> {
    const made = await ensureCollection(this.#schema, collection, spec)
    await ensureUpkeep(this.#schema, collection, spec)
    this.#specs.set(collection, { ...spec, ...made })
  }

  /** An expired document holds its unique values in the index until it is swept: that is made up for when somebody asks for one
   *  of them. Not inside a transaction, which the violation has ended. */
  #write(collection: string, statement: Statement): Promise<SqlRow[]> {
    const sent = this.#connection.query(statement)
    const mayCollide =
      !this.#inTransaction && this.#specs.get(collection)?.indexes.some(({ unique }) => unique) === true
    if (!mayCollide) return sent
    return sent.catch(async (error: unknown) => {
      const collides = error instanceof HoldfastError && error.reason === 'UNIQUE_VIOLATION'
      if (!collides || !(await freeExpired(this.#connection, collection))) throw error
      return this.#connection.query(statement)
    })
  }

  async upsert(collection: string, rows: readonly UpsertRow[]): Promise<(Written | undefined)[]> {
    const statements = this.#of(collection)
    const [only] = rows
    if (rows.length === 1 && only !== undefined) {
      const values = [only.tenant, only.id, only.bump, escapeForJsonb(only.json)]
      const { ttlMs } = only
      const [row] = await this.#write(
        collection,
        ttlMs == null
          ? { ...statements.upsertOne, values }
          : { ...statements.upsertOneLiving, values: [...values, ttlMs] },
      )
      return [row === undefined ? undefined : written(only.id, row)]
    }
    const { upsertMany, upsertManyLiving } = statements
    return this.#insertRows(collection, rows, upsertMany, upsertManyLiving)
  }

  insert(collection: string, rows: readonly InsertRow[]): Promise<(Written | undefined)[]> {
    const { insertMany, insertManyLiving } = this.#of(collection)
    return this.#insertRows(collection, rows, insertMany, insertManyLiving)
  }

  copy(collection: string, rows: readonly InsertRow[]): Promise<boolean> {
    // A feed may be on that another program declared.
    if (this.#schema.definition('feed', collection) !== undefined) return Promise.resolve(false)
    return copyDocuments(this.#connection, collection, rows)
  }

  async #insertRows(
    collection: string,
    rows: readonly InsertRow[],
    statement: PreparedText,
    livingStatement: PreparedText,
  ): Promise<(Written | undefined)[]> {
    const sorted = inKeyOrder(rows)
    const values = [
      textArray(sorted.map(({ row }) => row.tenant)),
      textArray(sorted.map(({ row }) => row.id)),
      int8Array(sorted.map(({ row }) => row.bump ?? 1)),
      textArray(sorted.map(({ row }) => escapeForJsonb(row.json))),
    ]
    const isLiving = rows.some(({ ttlMs }) => ttlMs != null)
    const ttls = () => int8Array(sorted.map(({ row }) => row.ttlMs ?? null))
    const answered = await this.#write(
      collection,
      isLiving ? { ...livingStatement, values: [...values, ttls()] } : { ...statement, values },
    )
    return matchUp(sorted, answered, written)
  }

  async replace(collection: string, rows: readonly ReplaceRow[]): Promise<(Written | undefined)[]> {
    const { replaceMany, replaceManyLiving } = this.#of(collection)
    const sorted = inKeyOrder(rows)
    const values = [
      textArray(sorted.map(({ row }) => row.tenant)),
      textArray(sorted.map(({ row }) => row.id)),
      int8Array(sorted.map(({ row }) => row.ifVersion)),
      int8Array(sorted.map(({ row }) => row.bump)),
      textArray(sorted.map(({ row }) => escapeForJsonb(row.json))),
    ]
    const isLiving = rows.some(({ lifetime }) => lifetime !== undefined)
    const lifetimes = () => [
      int8Array(sorted.map(({ row }) => row.lifetime?.ttlMs ?? null)),
      textArray(sorted.map(({ row }) => row.lifetime?.kind ?? null)),
    ]
    const answered = await this.#write(
      collection,
      isLiving ? { ...replaceManyLiving, values: [...values, ...lifetimes()] } : { ...replaceMany, values },
    )
    return matchUp(sorted, answered, written)
  }

  async remove(collection: string, rows: readonly DeleteRow[]): Promise<(number | undefined)[]> {
    const { removeMany, entombMany } = this.#of(collection)
    const softDelete = this.#specs.get(collection)?.softDelete
    const sorted = inKeyOrder(rows)
    const values = [
      textArray(sorted.map(({ row }) => row.tenant)),
      textArray(sorted.map(({ row }) => row.id)),
      int8Array(sorted.map(({ row }) => row.ifVersion ?? null)),
    ]
    const answered = await this.#connection.query(
      softDelete === undefined
        ? { ...removeMany, values }
        : { ...entombMany, values: [...values, softDelete.retainMs > 0] },
    )
    return matchUp(sorted, answered, (_, [version]) => Number(version))
  }

  async restore(collection: string, keys: readonly Key[]): Promise<(StoredDocument | undefined)[]> {
    const sorted = inKeyOrder(keys)
    const answered = await this.#connection.query({
      ...this.#of(collection).restoreMany,
      values: [
        textArray(sorted.map(({ row }) => row.tenant)),
        textArray(sorted.map(({ row }) => row.id)),
        this.#specs.get(collection)?.softDelete?.retainMs ?? 0,
      ],
    })
    return matchUp(sorted, answered, (id, [version, createdAt, updatedAt, expiresAt, data]) =>
      storedDocument(id, [version ?? null, createdAt ?? null, updatedAt ?? null, data ?? null, expiresAt ?? null]),
    )
  }

  async removed(collection: string, keys: readonly Key[]): Promise<boolean[]> {
    const rows = await this.#connection.query({
      ...this.#of(collection).removedMany,
      values: [textArray(keys.map(({ tenant }) => tenant)), textArray(keys.map(({ id }) => id))],
    })
    const places = new Set(rows.map(([place]) => Number(place) - 1))
    return keys.map((_, index) => places.has(index))
  }

  async fetch(collection: string, keys: readonly Key[]): Promise<(StoredDocument | undefined)[]> {
    const statements = this.#of(collection)
    const [only] = keys
    if (keys.length === 1 && only !== undefined) {
      const [row] = await this.#connection.query({ ...statements.fetchOne, values: [only.tenant, only.id] })
      return [row === undefined ? undefined : storedDocument(only.id, row)]
    }
    const rows = await this.#connection.query({
      ...statements.fetchMany,
      values: [textArray(keys.map(({ tenant }) => tenant)), textArray(keys.map(({ id }) => id))],
    })
    const found = keys.map((): StoredDocument | undefined => undefined)
    for (const row of rows) {
      const index = Number(row[5]) - 1
      const id = keys[index]?.id
      if (id !== undefined) found[index] = storedDocument(id, row)
    }
    return found
  }

  async query(collection: string, query: DocumentQuery): Promise<StoredDocument[]> {
    const { signal, ...asked } = query
    const statement = findStatement(collection, this.#declared(collection), asked)
    const startedAt = performance.now()
    const rows = await this.#connection.query(signal === undefined ? statement : { ...statement, signal })
    this.#schema.shapes.record(statement.text, performance.now() - startedAt, { collection, ...asked })
    const hasScore = query.sort.some(({ path }) => path.of === 'meta' && path.name === 'textScore')
    return rows.map(([id, ...rest]) => {
      const document = storedDocument(String(id), rest)
      return hasScore ? { ...document, textScore: Number(rest[5]) } : document
    })
  }

  async nearest(collection: string, query: NearestQuery): Promise<NearDocument[] | undefined> {
    const declared = this.#specs.get(collection)
    if (declared?.vectors?.includes(query.field) !== true) return undefined
    const rows = await this.#connection.query(nearestStatement(collection, declared, query))
    return rows.map(([id, ...rest]) => ({ document: storedDocument(String(id), rest), similarity: Number(rest[5]) }))
  }

  async count(collection: string, tenant: string, where: Predicate): Promise<number> {
    const statement = countStatement(collection, this.#declared(collection), tenant, where)
    const startedAt = performance.now()
    const [row] = await this.#connection.query(statement)
    this.#schema.shapes.record(statement.text, performance.now() - startedAt, { collection, where })
    return Number(row?.[0] ?? 0)
  }

  async distinct(
    collection: string,
    tenant: string,
    segments: readonly string[],
    where: Predicate,
  ): Promise<JsonValue[]> {
    const statement = distinctStatement(collection, this.#declared(collection), tenant, segments, where)
    const rows = await this.#connection.query(statement)
    return rows.map(([json]) => decodeJson(unescapeFromJsonb(String(json))) as JsonValue)
  }

  async explain(collection: string, query: DocumentQuery): Promise<QueryPlan> {
    const { text, values } = queryStatement(collection, this.#declared(collection), query)
    const [row] = await this.#connection.query({ text: `explain (format json) ${text}`, values, readOnly: true })
    return { statement: text, plan: withoutValues(decodeJson(String(row?.[0]))) }
  }

  claim(collection: string, query: ClaimQuery): Promise<LeasedDocument[]> {
    return this.#leases.claim(collection, query)
  }

  settle(collection: string, rows: readonly SettleRow[]): Promise<(SettledLease | undefined)[]> {
    return this.#leases.settle(collection, rows)
  }

  #declared(collection: string): Declared {
    return this.#specs.get(collection) ?? nothingDeclared
  }

  get #leases(): SqlClaims {
    this.#claims ??= new SqlClaims(this.#connection, this.#specs)
    return this.#claims
  }

  #of(collection: string): DocumentStatements {
    const known = this.#statements.get(collection)
    if (known !== undefined) return known
    const made = documentStatements(collection)
    this.#statements.set(collection, made)
    return made
  }
}

/** The rows in an order that all processes share, and where each stood. */
function inKeyOrder<Row extends Key>(rows: readonly Row[]): Sorted<Row>[] {
  const sorted = rows.map((row, index) => ({ row, index }))
  return sorted.length === 1 ? sorted : sorted.sort((a, b) => compareKeys(a.row, b.row))
}

interface Sorted<Row> {
  readonly row: Row
  readonly index: number
}

function compareKeys(a: Key, b: Key): number {
  if (a.tenant !== b.tenant) return a.tenant < b.tenant ? -1 : 1
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}

/** Answers come as tenant, id and the rest, for some of the rows. They have always been seen in the order that was sent, which
 *  costs nothing to check and is not relied on. */
function matchUp<Row extends Key, R>(
  sorted: readonly Sorted<Row>[],
  answered: readonly SqlRow[],
  read: (id: string, rest: SqlRow) => R,
): (R | undefined)[] {
  const results: (R | undefined)[] = sorted.map(() => undefined)
  let next = 0
  for (const [tenant, id, ...rest] of answered) {
    const isOf = ({ row }: Sorted<Row>) => row.id === id && row.tenant === tenant
    let at = next
    while (at < sorted.length && !isOf(sorted[at] as Sorted<Row>)) at += 1
    if (at === sorted.length) at = sorted.findIndex(isOf)
    const found = sorted[at]
    if (found === undefined)
      throw new HoldfastError('INTERNAL', `The database answered for ${String(id)}, which nobody asked for`)
    results[found.index] = read(found.row.id, rest)
    next = at + 1
  }
  return results
}

function written(id: string, row: SqlRow): Written {
  const bare = { id, version: Number(row[0]), createdAt: Number(row[1]), updatedAt: Number(row[2]) }
  return row[3] == null ? bare : { ...bare, expiresAt: Number(row[3]) }
}

/** @param row version, created, updated, data, expires */
export function storedDocument(id: string, row: SqlRow): StoredDocument {
  const bare = {
    id,
    version: Number(row[0]),
    createdAt: Number(row[1]),
    updatedAt: Number(row[2]),
    json: unescapeFromJsonb(String(row[3])),
  }
  return row[4] == null ? bare : { ...bare, expiresAt: Number(row[4]) }
}
