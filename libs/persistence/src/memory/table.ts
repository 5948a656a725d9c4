import { HoldfastError } from '@holdfast/errors'
import type { CollectionSpec, IndexDefinition } from '../backend.js'
import { matches } from '../query/match.js'
import type { Predicate } from '../query/predicate.js'
import { positionAt } from '../query/sort-position.js'
import { type Row, queried } from './row.js'

export interface UniqueIndex {
  readonly name: string
  readonly on: IndexDefinition['on']
  readonly where: Predicate | undefined
  /** Which document has a combination of values. */
  readonly owners: Map<string, Row>
}

export interface Table {
  readonly name: string
  readonly tenants: Map<string, Map<string, Row>>
  readonly uniqueIndexes: Map<string, UniqueIndex>
  spec: CollectionSpec
}

export function exchange(table: Table, before: Row | undefined, after: Row | undefined): void {
  if (before !== undefined) {
    table.tenants.get(before.tenant)?.delete(before.id)
    for (const index of table.uniqueIndexes.values()) disown(index, before)
  }
  if (after !== undefined) {
    const rows = table.tenants.get(after.tenant) ?? new Map<string, Row>()
    rows.set(after.id, after)
    table.tenants.set(after.tenant, rows)
    // A tombstone's values are free for others.
    if (after.removedAt !== undefined) return
    for (const index of table.uniqueIndexes.values()) index.owners.set(ownedBy(index, after), after)
  }
}

function disown(index: UniqueIndex, row: Row): void {
  const owned = ownedBy(index, row)
  if (index.owners.get(owned) === row) index.owners.delete(owned)
}

/** By sort position, as the SQL indexes: missing equals null, and all objects are alike, as are all arrays. */
export function ownedBy(index: UniqueIndex, row: Row): string {
  // What is outside of a partial index is in nobody's way.
  if (index.where !== undefined && !matches(index.where, queried(row)))
    return JSON.stringify([row.tenant, row.id, null])
  const { data } = queried(row)
  return JSON.stringify([row.tenant, index.on.map((path) => positionAt(data, path))])
}

export function uniqueViolation(index: UniqueIndex, { id }: Row): HoldfastError {
  return new HoldfastError(
    'ALREADY_EXISTS',
    `Document ${id} has the same ${index.name} as another, which a unique index forbids: use another value`,
    { reason: 'UNIQUE_VIOLATION', metadata: { index: index.name } },
  )
}
