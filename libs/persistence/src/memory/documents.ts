import { HoldfastError } from '@holdfast/errors'
import type {
  CollectionSpec,
  DeleteRow,
  DocumentOperations,
  DocumentQuery,
  IndexDefinition,
  InsertRow,
  Key,
  ReplaceRow,
  StoredDocument,
  UpsertRow,
  Written,
} from '../backend.js'
import { valueAt } from '../query/field-path.js'
import { matches } from '../query/match.js'
import type { Predicate, QueriedDocument } from '../query/predicate.js'
import { compareDocumentPositions, documentPosition, positionOf } from '../query/sort-position.js'
import type { Journal, Run } from './journal.js'

interface Row extends StoredDocument {
  readonly tenant: string
  /** The parsed text; made when a query first needs it. */
  data?: unknown
}

interface UniqueIndex {
  readonly name: string
  readonly on: IndexDefinition['on']
  /** Which document has a combination of values. */
  readonly owners: Map<string, Row>
}

interface Table {
  readonly tenants: Map<string, Map<string, Row>>
  readonly uniqueIndexes: Map<string, UniqueIndex>
}

export class MemoryDocuments implements DocumentOperations {
  readonly #run: Run
  readonly #journal: Journal
  readonly #clock: () => number
  readonly #tables: Map<string, Table>

  constructor(run: Run, journal: Journal, clock: () => number, tables: Map<string, Table> = new Map()) {
    this.#run = run
    this.#journal = journal
    this.#clock = clock
    this.#tables = tables
  }

  /** The same documents by another way to run: a transaction's. */
  on(run: Run): MemoryDocuments {
    return new MemoryDocuments(run, this.#journal, this.#clock, this.#tables)
  }

  ensure(collection: string, { indexes }: CollectionSpec): Promise<void> {
    return this.#run(() => {
      const table = this.#table(collection)
      for (const { on, unique } of indexes) if (unique) this.#ensureUnique(table, on)
    })
  }

  upsert(collection: string, rows: readonly UpsertRow[]): Promise<Written[]> {
    return this.#run(() => {
      const now = this.#clock()
      return rows.map(({ tenant, id, json, bump }) => {
        const before = this.#find(collection, { tenant, id })
        const createdAt = before?.createdAt ?? now
        return this.#put(collection, {
          tenant,
          id,
          json,
          version: (before?.version ?? 0) + bump,
          createdAt,
          updatedAt: now,
        })
      })
    })
  }

  insert(collection: string, rows: readonly InsertRow[]): Promise<(Written | undefined)[]> {
    return this.#run(() => {
      const now = this.#clock()
      return rows.map(({ tenant, id, json, bump = 1 }) => {
        if (this.#find(collection, { tenant, id }) !== undefined) return undefined
        return this.#put(collection, { tenant, id, json, version: bump, createdAt: now, updatedAt: now })
      })
    })
  }

  replace(collection: string, rows: readonly ReplaceRow[]): Promise<(Written | undefined)[]> {
    return this.#run(() => {
      const now = this.#clock()
      return rows.map(({ tenant, id, json, ifVersion, bump }) => {
        const before = this.#find(collection, { tenant, id })
        if (before?.version !== ifVersion) return undefined
        const { createdAt, version } = before
        return this.#put(collection, { tenant, id, json, version: version + bump, createdAt, updatedAt: now })
      })
    })
  }

  remove(collection: string, rows: readonly DeleteRow[]): Promise<(number | undefined)[]> {
    return this.#run(() =>
      rows.map(({ tenant, id, ifVersion }) => {
        const before = this.#find(collection, { tenant, id })
        if (before === undefined || (ifVersion !== undefined && before.version !== ifVersion)) return undefined
        this.#change(this.#table(collection), before, undefined)
        return before.version
      }),
    )
  }

  fetch(collection: string, keys: readonly Key[]): Promise<(StoredDocument | undefined)[]> {
    return this.#run(() =>
      keys.map((key) => {
        const row = this.#find(collection, key)
        return row === undefined ? undefined : storedOf(row)
      }),
    )
  }

  query(collection: string, { tenant, where, sort, after, limit }: DocumentQuery): Promise<StoredDocument[]> {
    return this.#run(() =>
      this.#matching(collection, tenant, where)
        .map((row) => ({ row, position: documentPosition(queried(row), sort) }))
        .filter(({ position }) => after === undefined || compareDocumentPositions(position, after, sort) > 0)
        .sort((a, b) => compareDocumentPositions(a.position, b.position, sort))
        .slice(0, limit)
        .map(({ row }) => storedOf(row)),
    )
  }

  count(collection: string, tenant: string, where: Predicate): Promise<number> {
    return this.#run(() => this.#matching(collection, tenant, where).length)
  }

  #matching(collection: string, tenant: string, where: Predicate): Row[] {
    const rows = this.#table(collection).tenants.get(tenant)?.values() ?? []
    return [...rows].filter((row) => matches(where, queried(row)))
  }

  #table(collection: string): Table {
    const known = this.#tables.get(collection)
    if (known !== undefined) return known
    const table: Table = { tenants: new Map(), uniqueIndexes: new Map() }
    this.#tables.set(collection, table)
    return table
  }

  #find(collection: string, { tenant, id }: Key): Row | undefined {
    return this.#table(collection).tenants.get(tenant)?.get(id)
  }

  #put(collection: string, row: Row): Written {
    const table = this.#table(collection)
    const before = table.tenants.get(row.tenant)?.get(row.id)
    for (const index of table.uniqueIndexes.values()) {
      const owner = index.owners.get(ownedBy(index, row))
      if (owner !== undefined && owner !== before) throw uniqueViolation(index, row)
    }
    this.#change(table, before, row)
    const { id, version, createdAt, updatedAt } = row
    return { id, version, createdAt, updatedAt }
  }

  #change(table: Table, before: Row | undefined, after: Row | undefined): void {
    exchange(table, before, after)
    this.#journal.record(() => exchange(table, after, before))
  }

  #ensureUnique(table: Table, on: IndexDefinition['on']): void {
    const name = on.map((path) => path.join('.')).join(',')
    if (table.uniqueIndexes.has(name)) return
    const index: UniqueIndex = { name, on, owners: new Map() }
    for (const rows of table.tenants.values()) {
      for (const row of rows.values()) {
        const owned = ownedBy(index, row)
        if (index.owners.has(owned)) throw uniqueViolation(index, row)
        index.owners.set(owned, row)
      }
    }
    table.uniqueIndexes.set(name, index)
    this.#journal.record(() => table.uniqueIndexes.delete(name))
  }
}

function exchange(table: Table, before: Row | undefined, after: Row | undefined): void {
  if (before !== undefined) {
    table.tenants.get(before.tenant)?.delete(before.id)
    for (const index of table.uniqueIndexes.values()) index.owners.delete(ownedBy(index, before))
  }
  if (after !== undefined) {
    const rows = table.tenants.get(after.tenant) ?? new Map<string, Row>()
    rows.set(after.id, after)
    table.tenants.set(after.tenant, rows)
    for (const index of table.uniqueIndexes.values()) index.owners.set(ownedBy(index, after), after)
  }
}

/** By sort position, as the SQL indexes: missing equals null, and all objects are alike, as are all arrays. */
function ownedBy(index: UniqueIndex, row: Row): string {
  const { data } = queried(row)
  return JSON.stringify([row.tenant, index.on.map((path) => positionOf(valueAt(data, path)))])
}

function uniqueViolation(index: UniqueIndex, { id }: Row): HoldfastError {
  return new HoldfastError(
    'ALREADY_EXISTS',
    `Document ${id} has the same ${index.name} as another, which a unique index forbids: use another value`,
    { reason: 'UNIQUE_VIOLATION', metadata: { index: index.name } },
  )
}

function queried(row: Row): QueriedDocument {
  row.data ??= JSON.parse(row.json)
  return { ...row, data: row.data }
}

function storedOf({ id, version, createdAt, updatedAt, json }: Row): StoredDocument {
  return { id, version, createdAt, updatedAt, json }
}
