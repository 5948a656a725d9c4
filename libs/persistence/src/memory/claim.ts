import { randomUUID } from 'node:crypto'
import type { ClaimQuery, LeasedDocument, SettledLease, SettleRow, StoredDocument } from '../backend.js'

interface Leasable extends StoredDocument {
  readonly leaseUntil?: number
  readonly leaseToken?: string
}

/** Puts a row in the place of another of the same id. */
type Exchange<Row> = (before: Row, after: Row) => void

/** @param rows that match, in the order of the sort */
export function leaseRows<Row extends Leasable>(
  rows: readonly Row[],
  { limit, leaseMs, bump }: ClaimQuery,
  now: number,
  exchange: Exchange<Row>,
): LeasedDocument[] {
  return rows.slice(0, limit).map((before) => {
    const lease = { leaseUntil: now + leaseMs, leaseToken: randomUUID() }
    const version = before.version + bump
    const updatedAt = bump > 0 ? now : before.updatedAt
    exchange(before, { ...before, version, updatedAt, ...lease })
    const { id, createdAt, expiresAt, json } = before
    return {
      id,
      version,
      createdAt,
      updatedAt,
      json,
      ...(expiresAt === undefined ? {} : { expiresAt }),
      token: lease.leaseToken,
      leaseUntil: lease.leaseUntil,
    }
  })
}

export function isUnleased({ leaseUntil }: Leasable, now: number): boolean {
  return leaseUntil === undefined || leaseUntil <= now
}

/** @param row if it is there and visible */
export function settleRow<Row extends Leasable>(
  row: Row | undefined,
  { token, leaseMs }: SettleRow,
  now: number,
  exchange: Exchange<Row>,
): SettledLease | undefined {
  if (row?.leaseUntil === undefined || row.leaseToken !== token) return undefined
  const { version } = row
  if (leaseMs === undefined) return { version, leaseUntil: row.leaseUntil }
  if (leaseMs > 0) {
    exchange(row, { ...row, leaseUntil: now + leaseMs })
    return { version, leaseUntil: now + leaseMs }
  }
  const freed: Row = { ...row }
  delete (freed as { leaseUntil?: number }).leaseUntil
  delete (freed as { leaseToken?: string }).leaseToken
  exchange(row, freed)
  return { version, leaseUntil: 0 }
}
