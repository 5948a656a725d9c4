import { HoldfastError } from '@holdfast/errors'
import type { StreamKey, TrimTo } from '../backend.js'
import type { SqlConnection } from './driver.js'
import { logTables } from './names.js'

/** Trimming and removing take two steps. The first marks the stream's row, which decides what readers see; the second, the
 *  sweep, deletes the entries that no stream shows any more: those of a branch's past stay as long as a branch shows them. It has
 *  to be a statement of its own, because only then does its snapshot hold every entry that came before the mark, and every
 *  branch. A sweep that a crash prevented is made up for when the log is next opened (`unswept`). */

/** @returns how many entries the stream no longer shows */
export async function trimStream(connection: SqlConnection, log: string, key: StreamKey, to: TrimTo): Promise<number> {
  const { streams } = logTables(log)
  const firstKept = 'keepLast' in to ? 'o.head + 1 - $3::bigint' : '$3::bigint'
  const value =
    'keepLast' in to
      ? to.keepLast
      : 'beforeSeq' in to
        ? to.beforeSeq
        : await firstSince(connection, log, key, to.olderThanMs)
  if (value === undefined) return 0
  const [row] = await connection.query({
    text: `with o as (
        select first, head from ${streams} where tenant = $1 and stream = $2 and removed_at is null for update)
      update ${streams} s set first = greatest(o.first, 1, least(${firstKept}, o.head + 1)), unswept = true
      from o where s.tenant = $1 and s.stream = $2 returning s.first - greatest(o.first, 1)`,
    values: [key.tenant, key.stream, value],
  })
  if (row === undefined) return 0
  await sweepAfter(connection, log, key, 'trimmed')
  return Number(row[0])
}

/** @returns whether there was a stream to remove */
export async function removeStream(connection: SqlConnection, log: string, key: StreamKey): Promise<boolean> {
  const { streams } = logTables(log)
  const values = [key.tenant, key.stream]
  const rows = await connection.query({
    text: `update ${streams} set removed_at = clock_timestamp(), unswept = true
      where tenant = $1 and stream = $2 and removed_at is null returning true`,
    values,
  })
  const removed = rows.length > 0
  if (removed || (await isUnswept(connection, log, key))) await sweepAfter(connection, log, key, 'removed')
  return removed
}

/** Makes up for sweeps that did not come to their end, a crash in between. */
export async function sweepLeftovers(connection: SqlConnection, log: string): Promise<void> {
  const { streams } = logTables(log)
  for (;;) {
    const rows = await connection.query({
      text: `select tenant, stream from ${streams} where unswept limit 100`,
      values: [],
      readOnly: true,
    })
    for (const [tenant, stream] of rows)
      await sweep(connection, log, { tenant: String(tenant), stream: String(stream) })
    if (rows.length < 100) return
  }
}

async function sweepAfter(connection: SqlConnection, log: string, key: StreamKey, done: string): Promise<void> {
  try {
    await sweep(connection, log, key)
  } catch (error) {
    if (error instanceof HoldfastError && error.reason === 'TRANSACTION_CONFLICT') throw error
    throw new HoldfastError(
      'UNKNOWN',
      `Stream ${key.stream} of ${log} is ${done}, but its entries may still be stored: repeat the call to delete them`,
      { cause: error, reason: 'SWEEP_INTERRUPTED' },
    )
  }
}

/** The streams of a branch's past may hold entries that were kept for it alone; they go first, so that a stream stays marked
 *  until all is done. */
async function sweep(connection: SqlConnection, log: string, key: StreamKey): Promise<void> {
  const { streams } = logTables(log)
  const rows = await connection.query({
    text: `with recursive past(stream, parent) as (
        select stream, parent from ${streams} where tenant = $1 and stream = $2
        union all
        select p.stream, p.parent from past join ${streams} p on p.tenant = $1 and p.stream = past.parent)
      select stream from past`,
    values: [key.tenant, key.stream],
    readOnly: true,
  })
  for (const [stream] of rows.toReversed()) await sweepOne(connection, log, { ...key, stream: String(stream) })
}

/** The mark is taken away only if the stream was not marked anew since the statement's snapshot. */
async function sweepOne(connection: SqlConnection, log: string, { tenant, stream }: StreamKey): Promise<void> {
  const { streams, entries } = logTables(log)
  await connection.query({
    text: `with recursive swept as (
        select first, removed_at from ${streams} where tenant = $1 and stream = $2),
      heirs(stream, first, upto, removed) as (
        select c.stream, c.first, c.base, c.removed_at is not null
        from ${streams} c where c.tenant = $1 and c.parent = $2
        union all
        select c.stream, c.first, least(h.upto, c.base), c.removed_at is not null
        from heirs h join ${streams} c on c.tenant = $1 and c.parent = h.stream),
      gone as (
        delete from ${entries} e using swept
        where e.tenant = $1 and e.stream = $2 and (swept.removed_at is not null or e.seq < swept.first)
          and not exists (select from heirs h where not h.removed and e.seq between h.first and h.upto))
      update ${streams} s set unswept = false from swept
      where s.tenant = $1 and s.stream = $2 and s.unswept
        and s.first = swept.first and s.removed_at is not distinct from swept.removed_at`,
    values: [tenant, stream],
  })
}

async function isUnswept(connection: SqlConnection, log: string, { tenant, stream }: StreamKey): Promise<boolean> {
  const { streams } = logTables(log)
  const rows = await connection.query({
    text: `select true from ${streams} where tenant = $1 and stream = $2 and unswept`,
    values: [tenant, stream],
    readOnly: true,
  })
  return rows.length > 0
}

/** The first sequence number in sight that is not older, or the next one if all are; `undefined`: there is no such stream.
 *  Costs as much as there is to trim. */
async function firstSince(
  connection: SqlConnection,
  log: string,
  { tenant, stream }: StreamKey,
  olderThanMs: number,
): Promise<number | undefined> {
  const { streams, entries } = logTables(log)
  const [row] = await connection.query({
    text: `with recursive chain(stream, parent, base, low, high) as (
        select stream, parent, coalesce(base, 0), first, head from ${streams} where tenant = $1 and stream = $2
        union all
        select p.stream, p.parent, coalesce(p.base, 0), c.low, least(c.high, c.base)
        from chain c join ${streams} p on p.tenant = $1 and p.stream = c.parent)
      select coalesce(min(e.seq), max(c.high) + 1)
      from chain c left join lateral (
        select x.seq from ${entries} x
        where x.tenant = $1 and x.stream = c.stream and x.seq >= greatest(c.low, c.base + 1) and x.seq <= c.high
          and x.at >= now() - $3::bigint * interval '1 millisecond'
        order by x.seq limit 1) e on true`,
    values: [tenant, stream, olderThanMs],
    readOnly: true,
  })
  const first = row?.[0]
  return typeof first === 'number' ? first : undefined
}
