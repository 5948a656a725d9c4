/** The table of the store that came before, as it was made there, and beside it what it lacks. `seen_at` is the `updated_at` of the row that the version
 *  belongs to (NULL: there is none): another one there was written by somebody who knows nothing of versions. See
 *  docs/decisions/0021-versions-beside-the-legacy-table.md. */
export const legacyTables = `
create table if not exists sessions (
  key varchar(255) primary key,
  value jsonb not null,
  created_at timestamptz default now(),
  updated_at timestamptz default now());
create table if not exists holdfast_session_versions (
  key varchar(255) collate "C" primary key,
  version bigint not null,
  seen_at timestamptz,
  expires_at timestamptz,
  exact text,
  behind boolean not null default false,
  changed_at timestamptz not null);
create index if not exists holdfast_session_versions_changed on holdfast_session_versions (changed_at);
create index if not exists holdfast_session_versions_expires on holdfast_session_versions (expires_at) where expires_at is not null;
create index if not exists holdfast_session_versions_behind on holdfast_session_versions (key) where behind;
create table if not exists holdfast_session_phase (
  id bigint primary key,
  epoch bigint not null,
  phase text not null,
  changed_at timestamptz not null,
  hold_until timestamptz,
  held_for text);
create table if not exists holdfast_session_steps (
  step text primary key,
  data jsonb not null,
  changed_at timestamptz not null)`

/** Keys are listed by code points, as the document store lists them; where the database sorts otherwise, the primary key does not serve. */
export const legacyKeyIndex: string = `create index concurrently if not exists holdfast_sessions_key on sessions (key collate "C")`
export const legacyUpdatedIndex = `create index concurrently if not exists holdfast_sessions_updated on sessions (updated_at)`
/** Whether an index other than ours leads with `updated_at` already. */
export const hasUpdatedIndex = `select count(*) from pg_indexes where schemaname = current_schema() and tablename = 'sessions'
  and indexdef like '%(updated_at%'`

const at = (row: string): string => `coalesce(${row}.updated_at, 'epoch'::timestamptz)`

/** What is there is what the version says. */
const known = `case when s.key is null then v.seen_at is null else coalesce(v.seen_at = ${at('s')}, false) end`

const columns = `s.value::text, s.created_at, s.updated_at, coalesce(v.version, 0), v.expires_at, v.exact, ${known},
  coalesce(v.expires_at <= now(), false)`

/** keys → place from 1, value, created, updated, version, expires, exact, known, expired */
export const readRows: string = `select u.place, ${columns}
  from unnest($1::text[]) with ordinality as u(key, place)
  left join sessions s on s.key = u.key left join holdfast_session_versions v on v.key = u.key`

/** after or '', limit → key and the same columns, in the order of the table's own index; expired and unseen ones included */
export const scanRows: string = `select s.key, ${columns}
  from (select * from sessions where key > $1 order by key limit $2::bigint) s
  left join holdfast_session_versions v on v.key = s.key order by s.key`

/** milliseconds since 1970 by this database's clock, after, limit → keys that were written or deleted since, by anybody */
export const changedKeys: string = `select key from (
    select key::text collate "C" as key from holdfast_session_versions where changed_at >= to_timestamp($1::float8 / 1000)
    union select key::text collate "C" from sessions where updated_at >= to_timestamp($1::float8 / 1000)) changed
  where key > $2 order by key limit $3::bigint`

/** after or '', limit → keys with values by code points */
export const listKeys: string = `select s.key from sessions s left join holdfast_session_versions v on v.key = s.key
  where s.key collate "C" > $1 and not coalesce(v.expires_at <= now() and v.seen_at = ${at('s')}, false)
  order by s.key collate "C" limit $2::bigint`

/** keys, versions as they were read → nothing. Gives a new version to what was written or deleted by others; not if there is a newer one meanwhile. */
export const adoptRows: string = `with given as (select * from unnest($1::text[], $2::bigint[]) as u(key, version)),
  made as (insert into holdfast_session_versions (key, version, seen_at, changed_at)
    select g.key, 1, ${at('s')}, now() from given g join sessions s on s.key = g.key where g.version = 0 order by g.key
    on conflict (key) do nothing returning key),
  raised as (update holdfast_session_versions v
    set version = v.version + 1, seen_at = case when s.key is null then null else ${at('s')} end, expires_at = null, exact = null, changed_at = now()
    from given g left join sessions s on s.key = g.key
    where g.version > 0 and v.key = g.key and v.version = g.version
      and v.seen_at is distinct from case when s.key is null then null else ${at('s')} end
    returning v.key)
  select (select count(*) from made) + (select count(*) from raised)`

/** The row of the phase is locked against a change until the write is committed: whoever changes it waits for all that is under way, and whoever
 *  comes later finds no row. */
const fence = (epoch: string): string =>
  `fence as materialized (select 1 as there from holdfast_session_phase where id = 1 and epoch = ${epoch}::bigint for share)`

function fenced(epoch: string | undefined): { readonly with: string; readonly holds: string; readonly answer: string } {
  if (epoch === undefined) return { with: '', holds: 'true', answer: 'true' }
  return { with: `${fence(epoch)},`, holds: 'exists (select 1 from fence)', answer: 'exists (select 1 from fence)' }
}

const expiry = `now() + g.ttl * interval '1 millisecond'`
const raise = `on conflict (key) do update set version = v.version + 1, seen_at = excluded.seen_at, expires_at = excluded.expires_at,
      exact = excluded.exact, behind = excluded.behind, changed_at = excluded.changed_at`

/** Rows are locked in the order table, version, and in the order of the keys.
 *  keys, values, lifetimes or NULL, exact texts or NULL, expected versions, behind, epoch → whether the fence held, then of each write that took place key,
 *  version, created, updated, expires */
export function writeRows(condition: 'any' | 'absent' | 'version', isFenced: boolean): string {
  const guard = fenced(isFenced ? '$7' : undefined)
  const overwrite = `on conflict (key) do update set value = excluded.value, updated_at = excluded.updated_at`
  const insert = `insert into sessions as s (key, value, updated_at)
      select g.key, g.json::jsonb, now() from given g where ${guard.holds} order by g.key ${overwrite}`
  const table = {
    any: insert,
    absent: `${insert}, created_at = excluded.updated_at where exists (select 1 from holdfast_session_versions v
        where v.key = s.key and v.expires_at <= now() and v.seen_at = ${at('s')})`,
    version: `update sessions s set value = g.json::jsonb, updated_at = now()
      from given g join holdfast_session_versions v on v.key = g.key
      where s.key = g.key and v.version = g.expected and v.seen_at = ${at('s')} and coalesce(v.expires_at > now(), true) and ${guard.holds}`,
  }[condition]
  return `with ${guard.with}
  given as (select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bigint[])
    as g(key, json, ttl, exact, expected)),
  s as (${table} returning s.key, s.created_at, s.updated_at),
  v as (insert into holdfast_session_versions as v (key, version, seen_at, expires_at, exact, behind, changed_at)
    select g.key, 1, now(), ${expiry}, g.exact, $6::boolean, now() from given g join s on s.key = g.key order by g.key
    ${raise} returning v.key, v.version, v.expires_at)
  select f.holds, w.* from (select ${guard.answer} as holds) f left join
    (select s.key, v.version, s.created_at, s.updated_at, v.expires_at from s join v on v.key = s.key) w on true`
}

/** keys, behind, epoch → whether the fence held, then of each that was there key, version, whether it had expired before */
export function removeRows(isFenced: boolean): string {
  const guard = fenced(isFenced ? '$3' : undefined)
  return `with ${guard.with}
  given as (select * from unnest($1::text[]) as g(key)),
  s as (delete from sessions s using given g where s.key = g.key and ${guard.holds} returning s.key, ${at('s')} as was_at),
  v as (insert into holdfast_session_versions as v (key, version, seen_at, behind, changed_at)
    select s.key, 1, null, $2::boolean, now() from s order by s.key ${raise} returning v.key, v.version)
  select f.holds, w.* from (select ${guard.answer} as holds) f left join
    (select v.key, v.version, coalesce(old.expires_at <= now() and old.seen_at = s.was_at, false)
       from s join v on v.key = s.key left join holdfast_session_versions old on old.key = s.key) w on true`
}

/** limit, epoch → keys. Expired values go; there was no value before already, and the version is the same. */
export function sweepRows(isFenced: boolean): string {
  const guard = fenced(isFenced ? '$2' : undefined)
  return `with ${guard.with}
  expired as (select key, seen_at from holdfast_session_versions where expires_at <= now() and seen_at is not null
    and ${guard.holds} order by key limit $1::bigint),
  s as (delete from sessions s using expired e where s.key = e.key and ${at('s')} = e.seen_at returning s.key)
  update holdfast_session_versions v set seen_at = null, expires_at = null, exact = null, changed_at = now()
    from s where v.key = s.key returning v.key`
}

/** keys, values or NULL for a tombstone, created, ends or NULL (milliseconds since 1970), exact texts or NULL, versions, behind, epoch → whether the fence
 *  held, then the keys that were written. What has this version or a newer one stays, unless it has expired:
 *  documents may forget a version then and begin anew. With tombstones only in a serializable transaction: a row
 *  that came after the statement began would not be seen by its delete. */
export function copyRows(isFenced: boolean, withTombstones: boolean): string {
  const guard = fenced(isFenced ? '$8' : undefined)
  // By the primary key: joined to both, the whole table was read.
  const deletes = `,
  d as (delete from sessions where key = any(array(
    select g.key::varchar from given g join v on v.key = g.key where g.json is null)) returning key)`
  const time = (milliseconds: string): string => `to_timestamp(${milliseconds}::float8 / 1000)`
  return `with ${guard.with}
  given as (select * from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[])
    as g(key, json, created, ends, exact, version)),
  v as (insert into holdfast_session_versions as v (key, version, seen_at, expires_at, exact, behind, changed_at)
    select g.key, g.version, case when g.json is not null then now() end, ${time('g.ends')}, g.exact, $7::boolean, now()
    from given g where ${guard.holds} order by g.key
    on conflict (key) do update set version = excluded.version, seen_at = excluded.seen_at, expires_at = excluded.expires_at,
      exact = excluded.exact, behind = excluded.behind, changed_at = excluded.changed_at
    where v.version < excluded.version or v.version = excluded.version and excluded.seen_at is not null
      and (v.seen_at is null or v.expires_at <= now()) returning v.key),
  s as (insert into sessions as s (key, value, created_at, updated_at)
    select g.key, g.json::jsonb, ${time('g.created')}, now() from given g join v on v.key = g.key where g.json is not null order by g.key
    on conflict (key) do update set value = excluded.value, updated_at = excluded.updated_at returning s.key)${withTombstones ? deletes : ''}
  select f.holds, v.key, (select count(*) from s)${withTombstones ? ' + (select count(*) from d)' : ''}
    from (select ${guard.answer} as holds) f left join v on true`
}

/** key, version as it was read, version to get → the key. The value stays; a key that nothing is known of gets a tombstone. */
export const raiseRow = `insert into holdfast_session_versions as v (key, version, seen_at, changed_at)
  select $1, $3::bigint, null, now()
  on conflict (key) do update set version = excluded.version, changed_at = excluded.changed_at where v.version = $2::bigint
  returning v.key`

/** limit → keys that the legacy Redis holds older values of, and their versions */
export const behindRows: string = `select key, version from holdfast_session_versions where behind order by key limit $1::bigint`
export const caughtUpRows = `update holdfast_session_versions v set behind = false from unnest($1::text[], $2::bigint[]) as g(key, version)
  where v.key = g.key and v.version = g.version`

/** how long they are kept, in milliseconds */
export const forgetTombstones = `delete from holdfast_session_versions where seen_at is null and not behind
  and changed_at < now() - $1::bigint * interval '1 millisecond'
  and not exists (select 1 from holdfast_session_phase where phase <> 'direct')`

/** keys → key, version, whether there is a value, whether the version is that of the value */
export const legacyVersions: string = `select u.key, coalesce(v.version, 0), s.key is not null and not coalesce(v.expires_at <= now(), false), ${known}
  from unnest($1::text[]) as u(key)
  left join sessions s on s.key = u.key left join holdfast_session_versions v on v.key = u.key`
