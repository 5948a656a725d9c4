import { collectionTable, logTables } from './names.js'
import { expired } from './visibility.js'

/** Rows of a page at most, and bytes as they are stored; the values of rows beyond are not read. */
const pageRows = 1_000
const pageBytes = 2_000_000

/** The next page of a table in the order of its key. `$1` is the tenant or, of all tenants, where the last page ended; then come the other parts of the
 *  key. */
function pageText(
  table: string,
  columns: string,
  key: readonly string[],
  ofTenant: boolean,
  condition = 'true',
): string {
  const cast = (part: string, index: number) => `$${index + 1}::${part === 'seq' ? 'bigint' : 'text'}`
  const rest = key.slice(1)
  const after = ofTenant
    ? `t.tenant = $1::text and (${rest.map((part) => `t.${part}`).join(', ')}) > (${rest.map((part, index) => cast(part, index + 1)).join(', ')})`
    : `(${key.map((part) => `t.${part}`).join(', ')}) > (${key.map(cast).join(', ')})`
  const order = key.join(', ')
  const size = columns.includes('data') ? 'coalesce(pg_column_size(t.data), 0)' : '0'
  // The rows are found before their sizes are added up: a window over the table is computed for all that is left of it unless the plan follows the key.
  return `select ${columns} from (
      select t.*, sum(${size}) over (order by ${order}) - ${size} as before
      from (select * from ${table} t where ${after} and ${condition} order by ${order} limit ${pageRows}) t) x
    where before <= ${pageBytes} order by ${order}`
}

/** → tenant, id, version, created, updated, expires, removed, data */
export function documentsText(collection: string, ofTenant: boolean): string {
  const columns = 'tenant, id, version, created_at, updated_at, expires_at, removed_at, data'
  const condition = `(t.removed_at is not null or (${expired('t')}) is not true)`
  return pageText(collectionTable(collection), columns, ['tenant', 'id'], ofTenant, condition)
}

/** → tenant, stream, head, first, at, parent, base, removed */
export function streamsText(log: string, ofTenant: boolean): string {
  const columns = 'tenant, stream, head, first, at, parent, base, removed_at'
  return pageText(logTables(log).streams, columns, ['tenant', 'stream'], ofTenant)
}

/** → tenant, stream, seq, key, at, digest, data */
export function entriesText(log: string, ofTenant: boolean): string {
  const columns = `tenant, stream, seq, key, at, encode(digest, 'hex'), data`
  return pageText(logTables(log).entries, columns, ['tenant', 'stream', 'seq'], ofTenant)
}

const documentRows = `unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
  with ordinality as u(tenant, id, version, created_at, updated_at, expires_at, removed_at, data, place)`

const times = ['created_at', 'updated_at', 'expires_at', 'removed_at']
const given = (columns: readonly string[]): string =>
  columns
    .map((column) => `u.${column}${times.includes(column) ? '::timestamptz' : column === 'data' ? '::jsonb' : ''}`)
    .join(', ')

/** tenants, ids, versions, created, updated, expires, removed, datas → tenant, id, version of those that were written */
export function putDocumentsText(collection: string, replace: boolean): string {
  const columns = ['tenant', 'id', 'version', 'created_at', 'updated_at', 'expires_at', 'removed_at', 'data']
  const content = columns.slice(2)
  const of = (row: string) => `(${content.map((column) => `${row}.${column}`).join(', ')})`
  return `insert into ${collectionTable(collection)} as t (${columns.join(', ')})
    select ${given(columns)} from ${documentRows} order by u.tenant, u.id
    on conflict (tenant, id) do update set ${content.map((column) => `${column} = excluded.${column}`).join(', ')}
    where ${replace ? `${of('t')} is distinct from ${of('excluded')}` : `t.removed_at is null and ${expired('t')}`}
    returning t.tenant, t.id, t.version`
}

/** The same parameters → places, from 1, of those that are there just so */
export function sameDocumentsText(collection: string): string {
  const content = ['version', 'created_at', 'updated_at', 'expires_at', 'removed_at', 'data']
  return `select u.place from ${documentRows}
    join ${collectionTable(collection)} t on t.tenant = u.tenant and t.id = u.id
    where (${content.map((column) => `t.${column}`).join(', ')}) is not distinct from (${given(content)})`
}

const streamRows = `unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::bigint[], $8::text[])
  with ordinality as u(tenant, stream, head, first, at, parent, base, removed_at, place)`

/** tenants, streams, heads, firsts, ats, parents, bases, removed → place from 1, whether it is the same; none: it is not there */
export function compareStreamsText(log: string): string {
  return `select u.place, (s.head, greatest(s.first, 1), s.at, s.parent, s.base, s.removed_at) is not distinct from
      (u.head, greatest(u.first, 1), u.at::timestamptz, u.parent, u.base, u.removed_at::timestamptz)
    from ${streamRows} join ${logTables(log).streams} s on s.tenant = u.tenant and s.stream = u.stream`
}

export function putStreamsText(log: string): string {
  const { entries, streams } = logTables(log)
  return `with u as materialized (select * from ${streamRows}),
      beyond as (
        delete from ${entries} e using u
        where e.tenant = u.tenant and e.stream = u.stream and e.seq > u.head
          and not exists (select from ${streams} s where s.tenant = u.tenant and s.stream = u.stream))
    insert into ${streams} as s (tenant, stream, head, first, at, parent, base, removed_at)
    select u.tenant, u.stream, u.head, u.first, u.at::timestamptz, u.parent, u.base, u.removed_at::timestamptz from u
    order by u.tenant, u.stream
    on conflict (tenant, stream) do update set head = greatest(s.head, excluded.head), first = excluded.first,
      at = case when excluded.head >= s.head then excluded.at else s.at end,
      parent = excluded.parent, base = excluded.base, removed_at = excluded.removed_at`
}

/** tenants, streams, seqs, keys, ats, digests in hex, datas */
export function putEntriesText(log: string): string {
  return `insert into ${logTables(log).entries} as e (tenant, stream, seq, key, at, digest, data)
    select u.tenant, u.stream, u.seq, u.key, u.at::timestamptz, decode(u.digest, 'hex'), u.data::jsonb
    from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[])
      as u(tenant, stream, seq, key, at, digest, data)
    order by u.tenant, u.stream, u.seq
    on conflict (tenant, stream, seq) do update
    set key = excluded.key, at = excluded.at, digest = excluded.digest, data = excluded.data
    where (e.key, e.at, e.digest, e.data) is distinct from (excluded.key, excluded.at, excluded.digest, excluded.data)`
}

/** tenants, ids */
export function removeDocumentsText(collection: string): string {
  return `delete from ${collectionTable(collection)} t using unnest($1::text[], $2::text[]) as u(tenant, id)
    where t.tenant = u.tenant and t.id = u.id`
}

/** tenants, streams, seqs */
export function removeEntriesText(log: string): string {
  return `delete from ${logTables(log).entries} e using unnest($1::text[], $2::text[], $3::bigint[]) as u(tenant, stream, seq)
    where e.tenant = u.tenant and e.stream = u.stream and e.seq = u.seq`
}

/** tenants, streams */
export function removeStreamsText(log: string): string {
  return `delete from ${logTables(log).streams} s using unnest($1::text[], $2::text[]) as u(tenant, stream)
    where s.tenant = u.tenant and s.stream = u.stream`
}

/** All that holds data; what is left tells of programs and not of their data. */
const fencedTables = `select tablename from pg_tables where schemaname = 'holdfast'
      and tablename not in ('migrations', 'locks', 'listeners', 'query_shapes') order by tablename`

/** Creating a trigger waits for those who write to the table, and keeps others waiting until the commit, after which they find it there. A writer that holds
 *  one table and wants another makes a circle, which the server cuts; then nothing of this was done. */
export const fenceScript: string = `set local lock_timeout = '10s';
  create or replace function holdfast.refuse_writes() returns trigger language plpgsql as $fence$
    begin
      raise exception 'the store has moved to another database, and this one refuses writes' using errcode = '25006';
    end $fence$;
  do $fence$ declare t record; begin
    for t in ${fencedTables} loop
      execute format('create or replace trigger holdfast_moved before insert or update or delete or truncate on holdfast.%I
        for each statement execute function holdfast.refuse_writes()', t.tablename);
    end loop;
  end $fence$`

export const unfenceScript: string = `set local lock_timeout = '10s';
  do $fence$ declare t record; begin
    for t in ${fencedTables} loop
      execute format('drop trigger if exists holdfast_moved on holdfast.%I', t.tablename);
    end loop;
  end $fence$`
