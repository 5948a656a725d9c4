import type {
  ClaimQuery,
  CollectionSpec,
  DeleteRow,
  DocumentOperations,
  DocumentQuery,
  IndexDefinition,
  InsertRow,
  Key,
  LeasedDocument,
  QueryPlan,
  ReplaceRow,
  SettledLease,
  SettleRow,
  StoredDocument,
  UpsertRow,
  Written,
} from '../backend.js'
import { matches } from '../query/match.js'
import { distinctValues } from '../query/distinct.js'
import type { JsonValue, Predicate, QueriedDocument } from '../query/predicate.js'
import { scorer } from '../query/text-search.js'
import { compareDocumentPositions, documentPosition } from '../query/sort-position.js'
import { isUnleased, leaseRows, settleRow } from './claim.js'
import type { MemoryFeeds } from './feed.js'
import type { Journal, Run } from './journal.js'
import { expiryOf, leaseOf, queried, type Row, storedOf, tombstoneOf } from './row.js'
import { exchange, ownedBy, type Table, type UniqueIndex, uniqueViolation } from './table.js'

export class MemoryDocuments implements DocumentOperations {
  readonly #run: Run
  readonly #journal: Journal
  readonly #clock: () => number
  readonly #feeds: MemoryFeeds
  readonly #tables: Map<string, Table>

  constructor(
    run: Run,
    journal: Journal,
    clock: () => number,
    feeds: MemoryFeeds,
    tables: Map<string, Table> = new Map(),
  ) {
    this.#run = run
    this.#journal = journal
    this.#clock = clock
    this.#feeds = feeds
    this.#tables = tables
  }

  /** The same documents by another way to run: a transaction's. */
  on(run: Run): MemoryDocuments {
    return new MemoryDocuments(run, this.#journal, this.#clock, this.#feeds, this.#tables)
  }

  /** What is declared of each collection. */
  get indexes(): ReadonlyMap<string, readonly IndexDefinition[]> {
    return new Map([...this.#tables].map(([name, { spec }]) => [name, spec.indexes]))
  }

  get specs(): ReadonlyMap<string, CollectionSpec> {
    return new Map([...this.#tables].map(([name, { spec }]) => [name, spec]))
  }

  /** All rows of a tenant, documents or not. */
  held(collection: string, tenant: string): Promise<Row[]> {
    return this.#run(() => [...(this.#table(collection).tenants.get(tenant)?.values() ?? [])])
  }

  /** Deletes all rows of a tenant, of which its feed is told nothing: it goes as well. @returns how many */
  erase(collection: string, tenant: string): Promise<number> {
    return this.#run(() => {
      const table = this.#table(collection)
      const rows = [...(table.tenants.get(tenant)?.values() ?? [])]
      for (const row of rows) {
        exchange(table, row, undefined)
        this.#journal.record(() => exchange(table, undefined, row))
      }
      return rows.length
    })
  }

  /** Does to at most `limit` rows of all tenants what `judge` says. @returns how many it did not keep as they were */
  sweep(
    collection: string,
    limit: number,
    judge: (row: Row, now: number) => 'keep' | 'delete' | 'purge',
  ): Promise<number> {
    return this.#run(() => {
      const table = this.#table(collection)
      const now = this.#clock()
      const rows = [...table.tenants.values()].flatMap((tenant) => [...tenant.values()])
      const due = rows.map((row) => ({ row, verdict: judge(row, now) })).filter(({ verdict }) => verdict !== 'keep')
      for (const { row, verdict } of due.slice(0, limit)) {
        this.#change(table, row, verdict === 'purge' ? tombstoneOf(row, row.removedAt ?? now, 0) : undefined)
      }
      return Math.min(due.length, limit)
    })
  }

  /** For exports: every document and tombstone, as it stands. */
  rowsOf(collection: string): Row[] {
    const rows = [...this.#table(collection).tenants.values()].flatMap((ofTenant) => [...ofTenant.values()])
    return rows.filter((row) => row.removedAt !== undefined || !this.#isExpired(row))
  }

  /** For imports, within a run: puts the row in as it is. What is there stays, unless it is expired or to be replaced. */
  place(
    collection: string,
    row: Row,
    compare: (there: Row) => 'same' | 'other',
    replace: boolean,
  ): 'written' | 'same' | 'other' {
    const there = this.#find(collection, row)
    const isFree = there === undefined || (there.removedAt === undefined && this.#isExpired(there))
    const outcome = isFree ? 'other' : compare(there)
    if (!isFree && (outcome === 'same' || !replace)) return outcome
    if (row.removedAt === undefined) this.#put(collection, row)
    else this.#change(this.#table(collection), there, row)
    return 'written'
  }

  ensure(collection: string, spec: CollectionSpec): Promise<void> {
    return this.#run(() => {
      const table = this.#table(collection)
      table.spec = spec
      for (const index of spec.indexes) if (index.unique) this.#ensureUnique(table, index)
    })
  }

  upsert(collection: string, rows: readonly UpsertRow[]): Promise<(Written | undefined)[]> {
    return this.#run(() => {
      const now = this.#clock()
      return rows.map((row) => {
        const there = this.#find(collection, row)
        return there?.removedAt === undefined ? this.#write(collection, row, there, now) : undefined
      })
    })
  }

  insert(collection: string, rows: readonly InsertRow[]): Promise<(Written | undefined)[]> {
    return this.#run(() => {
      const now = this.#clock()
      return rows.map((row) => {
        const there = this.#find(collection, row)
        const isTaken = there !== undefined && (there.removedAt !== undefined || !this.#isExpired(there))
        return isTaken ? undefined : this.#write(collection, row, there, now)
      })
    })
  }

  /** The document anew, in the place of what is there: an expired one leaves nothing but its version.
   *  @param now one time for all of a batch, as a statement has it */
  #write(
    collection: string,
    { tenant, id, json, bump = 1, ttlMs }: InsertRow,
    there: Row | undefined,
    now: number,
  ): Written {
    const before = there !== undefined && !this.#isExpired(there) ? there : undefined
    return this.#put(collection, {
      tenant,
      id,
      json,
      version: (there?.version ?? 0) + bump,
      createdAt: before?.createdAt ?? now,
      updatedAt: now,
      ...expiryOf(ttlMs == null ? undefined : now + ttlMs),
      ...leaseOf(before),
    })
  }

  replace(collection: string, rows: readonly ReplaceRow[]): Promise<(Written | undefined)[]> {
    return this.#run(() => {
      const now = this.#clock()
      return rows.map(({ tenant, id, json, ifVersion, bump, lifetime }) => {
        const before = this.#visible(collection, { tenant, id })
        if (before?.version !== ifVersion) return undefined
        const { expiresAt } = before
        const isRenewed = lifetime?.kind === 'set' || (lifetime?.kind === 'renew' && expiresAt !== undefined)
        const end = isRenewed ? (lifetime.ttlMs === null ? undefined : now + lifetime.ttlMs) : expiresAt
        const { createdAt, version } = before
        const changed = { tenant, id, json, version: version + bump, createdAt, updatedAt: now }
        return this.#put(collection, { ...changed, ...expiryOf(end), ...leaseOf(before) })
      })
    })
  }

  remove(collection: string, rows: readonly DeleteRow[]): Promise<(number | undefined)[]> {
    return this.#run(() =>
      rows.map(({ tenant, id, ifVersion }) => {
        const table = this.#table(collection)
        const before = this.#visible(collection, { tenant, id })
        if (before === undefined || (ifVersion !== undefined && before.version !== ifVersion)) return undefined
        const { softDelete } = table.spec
        this.#change(table, before, softDelete && tombstoneOf(before, this.#clock(), softDelete.retainMs))
        return before.version
      }),
    )
  }

  restore(collection: string, keys: readonly Key[]): Promise<(StoredDocument | undefined)[]> {
    return this.#run(() => {
      const now = this.#clock()
      const retainMs = this.#table(collection).spec.softDelete?.retainMs ?? 0
      return keys.map((key) => {
        const before = this.#find(collection, key)
        if (before?.removedAt === undefined || before.purged === true || this.#isExpired(before)) return undefined
        if (before.removedAt + retainMs <= now) return undefined
        const { tenant, id, version, createdAt, json, expiresAt } = before
        const row = { tenant, id, version: version + 1, createdAt, updatedAt: now, json, ...expiryOf(expiresAt) }
        this.#put(collection, row)
        return storedOf(row)
      })
    })
  }

  fetch(collection: string, keys: readonly Key[]): Promise<(StoredDocument | undefined)[]> {
    return this.#run(() =>
      keys.map((key) => {
        const row = this.#visible(collection, key)
        return row === undefined ? undefined : storedOf(row)
      }),
    )
  }

  removed(collection: string, keys: readonly Key[]): Promise<boolean[]> {
    return this.#run(() => keys.map((key) => this.#find(collection, key)?.removedAt !== undefined))
  }

  query(collection: string, { tenant, where, sort, after, limit }: DocumentQuery): Promise<StoredDocument[]> {
    return this.#run(() =>
      this.#scored(collection, tenant, where)
        .map(({ row, document }) => ({ row, document, position: documentPosition(document, sort) }))
        .filter(({ position }) => after === undefined || compareDocumentPositions(position, after, sort) > 0)
        .sort((a, b) => compareDocumentPositions(a.position, b.position, sort))
        .slice(0, limit)
        .map(({ row, document: { textScore } }) =>
          textScore === undefined ? storedOf(row) : { ...storedOf(row), textScore },
        ),
    )
  }

  distinct(collection: string, tenant: string, segments: readonly string[], where: Predicate): Promise<JsonValue[]> {
    return this.#run(() =>
      this.#scored(collection, tenant, where).flatMap(({ document }) => distinctValues(document.data, segments)),
    )
  }

  explain(collection: string, _query: DocumentQuery): Promise<QueryPlan> {
    return this.#run(() => ({ statement: `every document of ${collection}, in memory`, plan: [] }))
  }

  count(collection: string, tenant: string, where: Predicate): Promise<number> {
    return this.#run(() => this.#matching(collection, tenant, where).length)
  }

  claim(collection: string, query: ClaimQuery): Promise<LeasedDocument[]> {
    return this.#run(() => {
      const now = this.#clock()
      const table = this.#table(collection)
      const free = this.#matching(collection, query.tenant, query.where)
        .filter((row) => isUnleased(row, now))
        .map((row) => ({ row, position: documentPosition(queried(row), query.sort) }))
        .sort((a, b) => compareDocumentPositions(a.position, b.position, query.sort))
        .map(({ row }) => row)
      return leaseRows(free, query, now, (before, after) => this.#change(table, before, after))
    })
  }

  settle(collection: string, rows: readonly SettleRow[]): Promise<(SettledLease | undefined)[]> {
    return this.#run(() => {
      const table = this.#table(collection)
      return rows.map((row) =>
        settleRow(this.#visible(collection, row), row, this.#clock(), (before, after) =>
          this.#change(table, before, after),
        ),
      )
    })
  }

  #matching(collection: string, tenant: string, where: Predicate): Row[] {
    return this.#scored(collection, tenant, where).map(({ row }) => row)
  }

  /** What matches, and as filters and sorts see it. */
  #scored(
    collection: string,
    tenant: string,
    where: Predicate,
  ): { readonly row: Row; readonly document: QueriedDocument }[] {
    const { tenants, spec } = this.#table(collection)
    const score = scorer(where, spec.indexes)
    return [...(tenants.get(tenant)?.values() ?? [])]
      .filter((row) => this.#isVisible(row))
      .map((row) => ({ row, document: score(queried(row)) }))
      .filter(({ document }) => matches(where, document))
  }

  #table(collection: string): Table {
    const known = this.#tables.get(collection)
    if (known !== undefined) return known
    const table: Table = { name: collection, tenants: new Map(), uniqueIndexes: new Map(), spec: { indexes: [] } }
    this.#tables.set(collection, table)
    return table
  }

  #find(collection: string, { tenant, id }: Key): Row | undefined {
    return this.#table(collection).tenants.get(tenant)?.get(id)
  }

  #visible(collection: string, key: Key): Row | undefined {
    const row = this.#find(collection, key)
    return row !== undefined && this.#isVisible(row) ? row : undefined
  }

  #isVisible(row: Row): boolean {
    return row.removedAt === undefined && !this.#isExpired(row)
  }

  #isExpired({ expiresAt }: Row): boolean {
    return expiresAt !== undefined && expiresAt <= this.#clock()
  }

  #put(collection: string, row: Row): Written {
    const table = this.#table(collection)
    const before = table.tenants.get(row.tenant)?.get(row.id)
    for (const index of table.uniqueIndexes.values()) {
      const owner = index.owners.get(ownedBy(index, row))
      if (owner === undefined || owner === before) continue
      if (!this.#isExpired(owner)) throw uniqueViolation(index, row)
      this.#change(table, owner, undefined)
    }
    this.#change(table, before, row)
    const { id, version, createdAt, updatedAt, expiresAt } = row
    return { id, version, createdAt, updatedAt, ...expiryOf(expiresAt) }
  }

  #change(table: Table, before: Row | undefined, after: Row | undefined): void {
    exchange(table, before, after)
    this.#journal.record(() => exchange(table, after, before))
    this.#record(table, before, after)
  }

  /** A tombstone that goes, or a lease, is no change of a document. */
  #record({ name }: Table, before: Row | undefined, after: Row | undefined): void {
    if (after !== undefined && after.removedAt === undefined) {
      if (before?.removedAt !== undefined || before?.version !== after.version) this.#feeds.record(name, 'write', after)
    } else if (before !== undefined && before.removedAt === undefined) {
      this.#feeds.record(name, 'delete', before)
    }
  }

  #ensureUnique(table: Table, { on, where }: IndexDefinition): void {
    const name = on.map((path) => path.join('.')).join(',')
    const key = JSON.stringify([on, where])
    if (table.uniqueIndexes.has(key)) return
    const index: UniqueIndex = { name, on, where, owners: new Map() }
    for (const rows of table.tenants.values()) {
      for (const row of rows.values()) {
        if (!this.#isVisible(row)) continue
        const owned = ownedBy(index, row)
        if (index.owners.has(owned)) throw uniqueViolation(index, row)
        index.owners.set(owned, row)
      }
    }
    table.uniqueIndexes.set(key, index)
    this.#journal.record(() => table.uniqueIndexes.delete(key))
  }
}
