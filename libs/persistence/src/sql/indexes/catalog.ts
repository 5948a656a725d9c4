import type { SqlConnection, SqlRow } from '../driver.js'

/** An index on a collection's table, as the server knows it. */
export interface FoundIndex {
  readonly collection: string
  readonly name: string
  readonly valid: boolean
  /** A process makes it at this moment. */
  readonly underWay: boolean
  readonly unique: boolean
  readonly partial: boolean
  readonly gin: boolean
  readonly sizeBytes: number
  /** Of the statistics since they began; NULL where there are none. */
  readonly scans: number | undefined
  /** The comment, which is the declaration as JSON (index-sql.ts). */
  readonly comment: string | undefined
}

/** The indexes that collections declared at some time: their names start with `x_`. Other indexes on the tables are none of ours.
 *  @param collection default: all */
export async function findIndexes(connection: SqlConnection, collection?: string): Promise<FoundIndex[]> {
  const rows = await connection.query({
    text: `select substr(c.relname::text, 3), i.relname::text, x.indisvalid and x.indisready,
        exists (select from pg_stat_progress_create_index p where p.index_relid = x.indexrelid),
        x.indisunique, x.indpred is not null, a.amname = 'gin', pg_relation_size(x.indexrelid), s.idx_scan, obj_description(x.indexrelid, 'pg_class')
      from pg_index x
      join pg_class i on i.oid = x.indexrelid
      join pg_am a on a.oid = i.relam
      join pg_class c on c.oid = x.indrelid
      join pg_namespace n on n.oid = c.relnamespace
      left join pg_stat_all_indexes s on s.indexrelid = x.indexrelid
      where n.nspname = 'holdfast' and i.relname like 'x\\_%' and c.relname like 'c\\_%'
        and ($1::text is null or c.relname = 'c_' || $1::text)
      order by c.relname collate "C", i.relname collate "C"`,
    values: [collection ?? null],
    readOnly: true,
  })
  return rows.map(foundIndex)
}

/** The names of the indexes that serve. */
export async function validIndexNames(connection: SqlConnection): Promise<Set<string>> {
  const rows = await connection.query({
    text: `select i.relname::text from pg_index x join pg_class i on i.oid = x.indexrelid join pg_namespace n on n.oid = i.relnamespace
      where n.nspname = 'holdfast' and i.relname like 'x\\_%' and x.indisvalid and x.indisready`,
    values: [],
    readOnly: true,
  })
  return new Set(rows.map(([name]) => String(name)))
}

export async function isSmall(connection: SqlConnection, table: string, rows: number): Promise<boolean> {
  const [row] = await connection.query({
    text: `select count(*) from (select from ${table} limit ${rows}) t`,
    values: [],
    readOnly: true,
  })
  return Number(row?.[0]) < rows
}

function foundIndex([
  collection,
  name,
  valid,
  underWay,
  unique,
  partial,
  gin,
  size,
  scans,
  comment,
]: SqlRow): FoundIndex {
  return {
    collection: String(collection),
    name: String(name),
    valid: valid === true,
    underWay: underWay === true,
    unique: unique === true,
    partial: partial === true,
    gin: gin === true,
    sizeBytes: Number(size),
    scans: scans === null || scans === undefined ? undefined : Number(scans),
    comment: typeof comment === 'string' ? comment : undefined,
  }
}
