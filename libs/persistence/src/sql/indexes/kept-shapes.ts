import type { QueryShape } from '../../index-report.js'
import type { Sort } from '../../contract/document.js'
import type { SqlConnection } from '../driver.js'
import { textArray } from '../parameters.js'

/** What is kept of a process's shapes: only what cost it this much, in milliseconds. */
const worthKeepingMs = 100

const maxKept = 1_000

/** Adds to what earlier processes have left, and forgets what was not seen for 30 days. */
export async function keepShapes(connection: SqlConnection, shapes: readonly QueryShape[]): Promise<void> {
  const kept = shapes.filter(({ totalMs }) => totalMs >= worthKeepingMs)
  if (kept.length === 0) return
  await connection.query({
    text: `insert into holdfast.query_shapes as s (collection, shape, count, total_ms, seen_at)
      select collection, shape, count::bigint, total_ms::float8, now()
      from unnest($1::text[], $2::text[], $3::text[], $4::text[]) k(collection, shape, count, total_ms)
      on conflict (collection, shape) do update
      set count = s.count + excluded.count, total_ms = s.total_ms + excluded.total_ms, seen_at = excluded.seen_at`,
    values: [
      textArray(kept.map(({ collection }) => collection)),
      textArray(kept.map(({ equality, range, sort }) => JSON.stringify({ equality, range, sort }))),
      textArray(kept.map(({ count }) => String(count))),
      textArray(kept.map(({ totalMs }) => String(totalMs))),
    ],
  })
  await connection.query({
    text: `delete from holdfast.query_shapes where seen_at < now() - interval '30 days'`,
    values: [],
  })
}

export async function keptShapes(connection: SqlConnection, collection?: string): Promise<QueryShape[]> {
  const rows = await connection.query({
    text: `select collection, shape, count::float8, total_ms from holdfast.query_shapes
      where $1::text is null or collection = $1::text order by total_ms desc limit ${maxKept}`,
    values: [collection ?? null],
    readOnly: true,
  })
  return rows.map(([name, shape, count, totalMs]) => {
    const paths = JSON.parse(String(shape)) as { equality: string[]; range: string[]; sort: Sort }
    return { collection: String(name), ...paths, count: Number(count), totalMs: Number(totalMs) }
  })
}

export function mergeShapes(shapes: readonly QueryShape[]): QueryShape[] {
  const merged = new Map<string, QueryShape>()
  for (const { collection, equality, range, sort, count, totalMs } of shapes) {
    const key = JSON.stringify([collection, equality, range, sort])
    const before = merged.get(key) ?? { count: 0, totalMs: 0 }
    const total = { count: before.count + count, totalMs: before.totalMs + totalMs }
    merged.set(key, { collection, equality, range, sort, ...total })
  }
  return [...merged.values()]
}
