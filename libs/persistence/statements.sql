-- embedded/driver.ts
select current_setting('server_version');

-- embedded/upkeep.ts
analyze …;
select format('%I.%I', s.schemaname, s.relname) from pg_stat_user_tables s join pg_class c on c.oid = s.relid where c.relkind = 'r' and s.n_mod_since_analyze > 500 + greatest(c.reltuples, 0);
select format('%I.%I', s.schemaname, s.relname), s.n_dead_tup > 50 + 0.2 * greatest(c.reltuples, 0) or age(c.relfrozenxid) > 200000000 from pg_stat_all_tables s join pg_class c on c.oid = s.relid where c.relkind in ('r', 't') and s.schemaname <> 'pg_toast' and ( s.n_dead_tup > 50 + 0.2 * greatest(c.reltuples, 0) or s.n_mod_since_analyze > 50 + 0.1 * greatest(c.reltuples, 0) or age(c.relfrozenxid) > 200000000);
select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), redo_lsn)::float8 from pg_control_checkpoint();
vacuum (analyze);

-- encryption/sql-keys.ts
insert into holdfast.tenant_keys (tenant, number, wrapped_by, wrapped) select $1, $2, $3, $4 from ( select 1 from holdfast.tenant_keys where tenant = $1 and number = 0 and wrapped <> '' for share ) as alive on conflict (tenant, number) do nothing returning number;
insert into holdfast.tenant_keys (tenant, number, wrapped_by, wrapped) values ($1, $2, $3, $4) on conflict (tenant, number) do nothing returning number;
insert into holdfast.tenant_keys (tenant, number, wrapped_by, wrapped, destroyed_at) values ($1, 0, '', '', now()) on conflict (tenant, number) do update set wrapped_by = '', wrapped = '', destroyed_at = now();
select number, wrapped_by, wrapped from holdfast.tenant_keys where tenant = $1 order by number;
select number, wrapped_by, wrapped, tenant from holdfast.tenant_keys where wrapped <> '' and wrapped_by <> $1 order by tenant, number limit $2;
update holdfast.tenant_keys set wrapped_by = $4, wrapped = $5 where tenant = $1 and number = $2 and wrapped = $3 returning number;
update holdfast.tenant_keys set wrapped_by = '', wrapped = '', destroyed_at = now() where tenant = $1 and wrapped <> '';

-- postgres/connection.ts
select current_setting('server_encoding'), set_config('timezone', 'UTC', false), set_config('datestyle', 'ISO, MDY', false), set_config('bytea_output', 'hex', false), set_config('statement_timeout', $1::text, false), set_config('idle_in_transaction_session_timeout', $2::text, false);

-- postgres/driver.ts
begin;
commit;
rollback;
select pg_backend_pid();
select pg_cancel_backend($1::int);
select set_config('idle_in_transaction_session_timeout', '0', true);
select version();
set local holdfast.tenants = '*';
set local statement_timeout = …;

-- postgres/listener.ts
listen …;

-- postgres/statement-message.ts
select set_config('holdfast.tenants', $1::text, true);

-- postgres/transaction.ts
begin isolation level repeatable read, read only;
begin isolation level serializable;
commit;
rollback;

-- replicas/replica-set.ts
select (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::text;
select case when pg_is_in_recovery() then (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::text end;

-- row-security/row-security.ts
alter table … enable row level security;
alter table … force row level security;
select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'holdfast' and c.relkind in ('r', 'p') and not (c.relrowsecurity and c.relforcerowsecurity) and exists(select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant' and not a.attisdropped) order by c.relname;
select coalesce((select rolsuper or rolbypassrls from pg_roles where rolname = current_user), false), exists(select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'holdfast' and c.relname = 'blobs' and c.relrowsecurity and c.relforcerowsecurity);

-- sql/blob-statements.ts
insert into holdfast.blob_chunks (tenant, upload, place, bytes) values ($1, $2, $3, $4) on conflict (tenant, upload, place) do update set bytes = excluded.bytes;
insert into holdfast.blob_uploads as u (tenant, upload, content, token) values ($1, $2, $3, $4) on conflict (tenant, upload) do update set token = excluded.token, touched_at = now() where not u.dead;
select c.bytes from holdfast.blobs b left join holdfast.blob_chunks c on c.tenant = b.tenant and c.upload = b.upload and c.place = $3 where b.tenant = $1 and b.hash = $2;
select hash, owner from holdfast.blob_links where tenant = $1 and hash = $2 and owner > $3 order by owner limit $4;
select hash, owner from holdfast.blob_links where tenant = $1 and owner = $2 and hash > $3 order by hash limit $4;
select tenant from ( select distinct tenant from holdfast.blobs where not linked and tenant > $1 union select distinct tenant from holdfast.blob_uploads where tenant > $1) candidates order by tenant limit $2;
select upload, content, token from holdfast.blob_uploads where tenant = $1 and dead and upload > $2 order by upload limit $3;
select … from holdfast.blobs where tenant = $1 and hash = $2;
select …, tenant from holdfast.blobs where (tenant, hash) > ($1, $2) order by tenant, hash limit $3;
select …, tenant from holdfast.blobs where tenant = $1 and hash > $2 order by hash limit $3;
update holdfast.blob_uploads set touched_at = now() where tenant = $1 and upload = $2 and not dead;
update holdfast.blobs b set linked = true from (select c.hash, c.touched_at from holdfast.blobs c where c.tenant = $1 and not c.linked and c.touched_at < now() - interval '1 second' and exists (select from holdfast.blob_links l where l.tenant = $1 and l.hash = c.hash) order by c.touched_at limit 10000) seen where b.tenant = $1 and b.hash = seen.hash and b.touched_at = seen.touched_at and not b.linked;
update holdfast.blobs set touched_at = now() where tenant = $1 and hash = $2 returning …;
with blob as ( select linked from holdfast.blobs where tenant = $1 and hash = $2 for key share), made as ( insert into holdfast.blob_links (tenant, hash, owner) select $1, $2, $3 from blob on conflict do nothing returning 1), flagged as ( update holdfast.blobs b set linked = true where b.tenant = $1 and b.hash = $2 and not b.linked and exists (select from blob where not linked)) select (select count(*) from blob), (select count(*) from made);
with dead as ( update holdfast.blob_uploads set dead = true where tenant = $1 and not dead and touched_at <= now()::timestamptz(3) - $2::float8 * interval '1 millisecond' returning 1) select count(*) from dead;
with erased as (select hash from holdfast.blobs where tenant = $1 order by hash limit $2 for update), links as (delete from holdfast.blob_links where tenant = $1 and hash in (select hash from erased) returning 1), gone as ( delete from holdfast.blobs where tenant = $1 and hash in (select hash from erased) returning upload, content), dead as (insert into holdfast.blob_uploads (tenant, upload, content, dead) select $1, upload, content, true from gone) select (select count(*) from gone), (select count(*) from links);
with gone as ( delete from holdfast.blob_chunks where tenant = $1 and upload = $2 and place in ( select place from holdfast.blob_chunks where tenant = $1 and upload = $2 order by place limit $3) returning 1) select count(*) from gone;
with gone as ( delete from holdfast.blob_links where tenant = $1 and hash = $2 and owner = $3 returning 1), touched as ( update holdfast.blobs set linked = false, touched_at = now() where tenant = $1 and hash = $2 and exists (select from gone)) select count(*) from gone;
with gone as ( delete from holdfast.blob_links where tenant = $1 and owner = $2 returning hash), touched as ( update holdfast.blobs set linked = false, touched_at = now() where tenant = $1 and hash in (select hash from gone)) select count(*) from gone;
with gone as ( delete from holdfast.blobs b where b.tenant = $1 and b.hash = $2 and not exists (select from holdfast.blob_links l where l.tenant = $1 and l.hash = $2) returning …), chunks as (delete from holdfast.blob_chunks c using gone where c.tenant = $1 and c.upload = gone.upload and gone.content = 'database'), dead as (insert into holdfast.blob_uploads (tenant, upload, content, dead) select $1, upload, content, true from gone where content <> 'database') select …, true from gone union all select …, false from holdfast.blobs where tenant = $1 and hash = $2 and not exists (select from gone);
with known as ( update holdfast.blobs set touched_at = now() where tenant = $1 and hash = $2 returning …), spare as (select from known where upload <> $3 and $8 = 'database'), noted as (select 1 from holdfast.blob_uploads where tenant = $1 and upload = $3 and not dead for update), along as (select place, bytes, octet_length(bytes) as size from unnest($6::bigint[], $7::bytea[]) as a(place, bytes)), stored as ( select coalesce(sum(octet_length(c.bytes)), 0) as size from holdfast.blob_chunks c where c.tenant = $1 and c.upload = $3 and not exists (select from along a where a.place = c.place)), made as ( insert into holdfast.blobs (tenant, hash, upload, size_bytes, content_type, created_at, touched_at, content) select $1, $2, $3, $4::bigint, $5, coalesce($9::timestamptz, now()), now(), $8 from stored cross join (select coalesce(sum(size), 0) as size from along) new where not exists (select from known) and (exists (select from noted) or ($8 = 'database' and new.size = $10::bigint)) and ($8 <> 'database' or new.size + stored.size = $10::bigint) on conflict do nothing returning …), kept as ( insert into holdfast.blob_chunks (tenant, upload, place, bytes) select $1, $3, place, bytes from along where exists (select from made) on conflict (tenant, upload, place) do update set bytes = excluded.bytes), done as ( delete from holdfast.blob_uploads where tenant = $1 and upload = $3 and (exists (select from made) or exists (select from spare))), dropped as ( delete from holdfast.blob_chunks where tenant = $1 and upload = $3 and exists (select from spare)) select … from known union all select … from made;
with mine as ( delete from holdfast.blob_uploads u where u.tenant = $1 and u.upload = $2 and not exists (select from holdfast.blobs b where b.tenant = $1 and b.upload = $2)) delete from holdfast.blob_chunks c where c.tenant = $1 and c.upload = $2 and not exists (select from holdfast.blobs b where b.tenant = $1 and b.upload = $2);
with noted as ( insert into holdfast.blob_uploads (tenant, upload, content) values ($1, $2, 'database') on conflict do nothing) insert into holdfast.blob_chunks (tenant, upload, place, bytes) values ($1, $2, 0, $3) on conflict (tenant, upload, place) do update set bytes = excluded.bytes;
with old as ( select b.hash from holdfast.blobs b where b.tenant = $1 and not b.linked and b.touched_at <= now()::timestamptz(3) - $2::float8 * interval '1 millisecond' and not exists (select from holdfast.blob_links l where l.tenant = $1 and l.hash = b.hash) order by b.touched_at, b.hash limit $3 for update skip locked), gone as ( delete from holdfast.blobs where tenant = $1 and hash in (select hash from old) returning …), dead as (insert into holdfast.blob_uploads (tenant, upload, content, dead) select $1, upload, content, true from gone) select … from gone;

-- sql/claim.ts
select * from found…;
select t.id, t.version from … …;
update … as t set lease_until = case when u.ms is null then t.lease_until when u.ms > 0 then … end, lease_token = case when u.ms is null or u.ms > 0 then t.lease_token end from unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) as u(tenant, id, token, ms) where t.tenant = u.tenant and t.id = u.id and … and t.lease_token = u.token and t.lease_until is not null and … returning u.token, t.id, t.version, t.lease_until;
update … as t set … from unnest($2::text[], $3::bigint[]) as u(id, expected) where t.tenant = $1 and t.id = u.id and t.version = u.expected and … and … returning …;
with … update … as t set … from unnest(array(select t.id from … …)) with ordinality as u(id, place) where t.tenant = … and t.id = u.id and … returning …, u.place;

-- sql/collection-ddl.ts
alter table … add column if not exists expires_at timestamptz(3), add column if not exists removed_at timestamptz(3), add column if not exists lease_until timestamptz(3), add column if not exists lease_token text collate "C", alter column data drop not null;
alter table … add column …;
create table if not exists … ( tenant text collate "C" not null, id text collate "C" not null, version bigint not null, created_at timestamptz(3) not null, updated_at timestamptz(3) not null, data jsonb, expires_at timestamptz(3), removed_at timestamptz(3), lease_until timestamptz(3), lease_token text collate "C", primary key (tenant, id) ) with (fillfactor = 90);

-- sql/copy-documents.ts
copy … (…) from stdin with (format binary);
select clock_timestamp()::timestamptz(3);

-- sql/count-all.ts
select case when exists ( select from holdfast.relations r where r.kind in ('expiry', 'tombstones') and r.name = …) then (select count(*) from … t where … and …) else (select count(*) from … t where …) end;

-- sql/create-together.ts
insert into … (tenant, id, version, created_at, updated_at, data) select s.tenant, u.id, 1, now(), now(), u.data::jsonb from s join unnest($1::text[], $2::text[], …::text[], …::text[]) as u(tenant, stream, id, data) on u.tenant = s.tenant and u.stream = s.stream;
with s as ( insert into … (tenant, stream, head) select u.tenant, u.stream, 0 from unnest($1::text[], $2::text[]) as u(tenant, stream) on conflict do nothing returning tenant, stream), … select s.tenant, s.stream, now()::timestamptz(3) from s;

-- sql/document-query.ts
select * from ((…)) t order by … …;
select 0::bigint + …;
select distinct x.v from … t, … where …;
select … from … t where … order by …;

-- sql/document-statements.ts
delete from … as t using …;
insert into … as t (…) values ($1, $2, $3, now(), now(), $4::jsonb) … … returning …;
insert into … as t (…) … … … … returning …;
insert into … as t (…, expires_at) values ($1, $2, $3, now(), now(), $4::jsonb, …) … … returning …, t.expires_at;
insert into … as t (…, expires_at) …, … … … … returning …, t.expires_at;
select u.place from unnest($1::text[], $2::text[]) with ordinality as u(tenant, id, place) join … t on t.tenant = u.tenant and t.id = u.id where … and t.removed_at is not null;
select u.tenant, u.id, u.bump, now(), now(), u.data::jsonb;
select …, t.data, t.expires_at from … t where t.tenant = $1 and t.id = $2 and …;
select …, t.data, t.expires_at, u.place from unnest($1::text[], $2::text[]) with ordinality as u(tenant, id, place) join … t on t.tenant = u.tenant and t.id = u.id where … and …;
update … as t set removed_at = now(), lease_until = null, data = case when $4::boolean then t.data end from …;
update … as t set removed_at = null, version = t.version + 1, updated_at = now() from unnest($1::text[], $2::text[]) as u(tenant, id) where t.tenant = u.tenant and t.id = u.id and … and t.data is not null and t.removed_at > now() - $3::bigint * interval '1 millisecond' and (t.expires_at is null or t.expires_at > now()) returning …, t.expires_at, t.data;
update … as t set version = t.version + u.bump, updated_at = now(), data = u.data::jsonb… from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[]…) as u(tenant, id, expected, bump, data…) where t.tenant = u.tenant and t.id = u.id and … and t.version = u.expected and … returning …, t.expires_at;

-- sql/documents.ts
explain (format json) …;

-- sql/erasure.ts
delete from … t using unnest($1::text[], $2::text[]) as u(tenant, id) where t.tenant = u.tenant and t.id = u.id and t.removed_at;
delete from … t using …;
select c.name from (values …) c(name, has) where c.has;
select c.relname, a.attname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace and n.nspname = 'holdfast' join pg_catalog.pg_attribute t on t.attrelid = c.oid and t.attname = 'tenant' and not t.attisdropped left join pg_catalog.pg_constraint p on p.conrelid = c.oid and p.contype = 'p' left join lateral unnest(p.conkey) with ordinality k (number, place) on true left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = k.number where c.relkind in ('r', 'p') order by c.relname, k.place;
select count(*) from holdfast.… where tenant = $1;
select count(*) from … where tenant = $1 and stream = $2;
select name from holdfast.relations where kind = 'collection' order by name collate "C";
select name, definition from holdfast.relations where kind = 'subject' order by name;
select t.id, t.version, t.created_at, t.updated_at, t.data from … t where t.tenant = $1 and t.id > $2 and t.data is not null and not … order by t.id limit $3::bigint;
select t.id, … from … t where t.tenant = $1 and t.id > $2 order by t.id limit $3::bigint;
update … t set data = null, removed_at = coalesce(t.removed_at, now()), expires_at = null, lease_until = null from …;
with gone as (delete from … where tenant = $1 and $2::bigint > 0 returning 1) select count(*) from gone;
with picked as materialized ( select … from … where tenant = $1 order by … limit $2::bigint), gone as ( delete from … t using picked p where … returning 1) select count(*) from gone;

-- sql/feed-statements.ts
create sequence if not exists …;
create table if not exists … ( tenant text collate "C" not null, position bigint not null, ids text[] not null, versions bigint[] not null, at timestamptz(3) not null, primary key (tenant, position) );
select f.trimmed, e.position, e.place, e.id, e.version, e.at, e.number from (select coalesce( (select trimmed from holdfast.feeds where tenant = $1 and collection = …), 0) as trimmed) f left join lateral ( select x.position, u.place, u.id, u.version, x.at, x.number from ( select p.*, row_number() over (order by p.position) as number from ( select * from … where tenant = $1 and position >= $2 and (position > $2 or cardinality(ids) > $3) order by position limit $5) p) x cross join lateral unnest(x.ids, x.versions) with ordinality as u(id, version, place) where x.position > $2 or u.place > $3 order by x.position, u.place limit $4) e on true order by e.position, e.place;
select tenant from holdfast.feeds where collection = … and tenant > $1 order by tenant limit $2;
select u.place, coalesce(e.position, 0), coalesce(e.count, 0), coalesce(f.trimmed, 0) from unnest($1::text[]) with ordinality as u(tenant, place) left join lateral ( select x.position, cardinality(x.ids) as count from … x where x.tenant = u.tenant order by x.position desc limit 1) e on true left join lateral ( select x.trimmed from holdfast.feeds x where x.tenant = u.tenant and x.collection = … offset 0) f on true;
update holdfast.feeds f set trimmed = o.position from (select max(p.last) as position from ( select position * … + cardinality(ids) as last, at from … where tenant = $1 order by position limit $3) p where p.at < now() - $2::bigint * interval '1 millisecond') o where f.tenant = $1 and f.collection = … and f.trimmed < o.position returning f.trimmed;
with d as ( delete from … where tenant = $1 and position in ( select x.position, cardinality(x.ids) as count from … x where x.tenant = $1 and x.position <= ( select trimmed from holdfast.feeds where tenant = $1 and collection = …) order by x.position limit $2) returning 1) select count(*) from d;
with w as (…), k as (select $1::text as tenant from w), …, e as ( insert into … (tenant, position, ids, versions, at) select b.tenant, …, array[$2::text], array[…], clock_timestamp() from w cross join b) select * from w;
with w as (…), k as (select tenant from w group by tenant order by tenant), …, e as ( insert into … (tenant, position, ids, versions, at) select b.tenant, …, r.ids, r.versions, clock_timestamp() from b join ( select n.tenant, array_agg(n.id) as ids, array_agg(n.version) as versions from ( select w.tenant, w.id, … as version, (row_number() over (partition by w.tenant) - 1) / … as part from w) n group by n.tenant, n.part) r on r.tenant = b.tenant) select * from w;
with w as materialized ( select * from unnest($1::text[], $2::text[], $3::bigint[]) with ordinality as w(tenant, id, version, place)), k as (select tenant from w group by tenant order by tenant), … insert into … (tenant, position, ids, versions, at) select r.tenant, …, r.ids, r.versions, clock_timestamp() from ( select w.tenant, array_agg(w.id order by w.place) as ids, array_agg(w.version order by w.place) as versions from b join w on w.tenant = b.tenant group by w.tenant, (w.place - 1) / … order by w.tenant, min(w.place) offset 0) r;

-- sql/feed.ts
delete from holdfast.feeds where tenant = $1 and collection = $2;
select 1 from holdfast.relations where kind = 'feed' and name = $1;
select name from holdfast.relations where kind = 'feed';
with e as (delete from … where tenant = $1 returning cardinality(ids) as changes) select coalesce(sum(changes), 0)::bigint from e;

-- sql/filter-sql.ts
select case when jsonb_typeof(…) = 'object' then … -> … end, false where (…) is not true;
select e -> …, false from jsonb_array_elements(case when … then … else '[]' end) e where jsonb_typeof(e) = 'object';
select … -> …, true where … and jsonb_array_length(…) > … and …;

-- sql/hint.ts
delete from holdfast.listeners where id = $1;
select pg_notify($1, $2)::text, set_config('synchronous_commit', 'off', true) from (select 1 from holdfast.listeners where until > now() and id <> $3 limit 1) l;
with gone as (delete from holdfast.listeners where until < now() - interval '1 hour' and id <> $1) insert into holdfast.listeners (id, until) values ($1, now() + $2::bigint * interval '1 millisecond') on conflict (id) do update set until = excluded.until;

-- sql/indexes/builder.ts
analyze …;
delete from holdfast.locks where name = $1;
insert into holdfast.locks (name, taken_at) values ($1, clock_timestamp()) on conflict (name) do update set taken_at = clock_timestamp() where locks.taken_at < clock_timestamp() - interval '… milliseconds' returning name;
select name from holdfast.locks where name like 'index:%' and taken_at > clock_timestamp() - interval '… milliseconds';
set local lock_timeout = '2s';
update holdfast.locks set taken_at = clock_timestamp() where name = $1;

-- sql/indexes/catalog.ts
select count(*) from (select from … limit …) t;
select i.relname::text from pg_index x join pg_class i on i.oid = x.indexrelid join pg_namespace n on n.oid = i.relnamespace where n.nspname = 'holdfast' and i.relname like 'x\_%' and x.indisvalid and x.indisready;
select substr(c.relname::text, 3), i.relname::text, x.indisvalid and x.indisready, exists (select from pg_stat_progress_create_index p where p.index_relid = x.indexrelid), x.indisunique, x.indpred is not null, a.amname = 'gin', pg_relation_size(x.indexrelid), s.idx_scan, obj_description(x.indexrelid, 'pg_class') from pg_index x join pg_class i on i.oid = x.indexrelid join pg_am a on a.oid = i.relam join pg_class c on c.oid = x.indrelid join pg_namespace n on n.oid = c.relnamespace left join pg_stat_all_indexes s on s.indexrelid = x.indexrelid where n.nspname = 'holdfast' and i.relname like 'x\_%' and c.relname like 'c\_%' and ($1::text is null or c.relname = 'c_' || $1::text) order by c.relname collate "C", i.relname collate "C";

-- sql/indexes/index-sql.ts
comment on index … is …;
create …index …if not exists … on …;
drop index …if exists …;
… using gin ((array[tenant]), (…))…;

-- sql/indexes/kept-shapes.ts
delete from holdfast.query_shapes where seen_at < now() - interval '30 days';
insert into holdfast.query_shapes as s (collection, shape, count, total_ms, seen_at) select collection, shape, count::bigint, total_ms::float8, now() from unnest($1::text[], $2::text[], $3::text[], $4::text[]) k(collection, shape, count, total_ms) on conflict (collection, shape) do update set count = s.count + excluded.count, total_ms = s.total_ms + excluded.total_ms, seen_at = excluded.seen_at;
select collection, shape, count::float8, total_ms from holdfast.query_shapes where $1::text is null or collection = $1::text order by total_ms desc limit …;

-- sql/indexes/sql-indexes.ts
select name, definition from holdfast.relations where kind = 'collection' and ($1::text is null or name = $1::text) order by name;

-- sql/log-branches.ts
with recursive source as materialized ( select stream, parent, base, head, first, at from … where tenant = $1 and stream = $2 and removed_at is null for share), owner(stream, parent, base) as ( select stream, parent, base from source where head >= $3 union all select p.stream, p.parent, p.base from owner o join … p on p.tenant = $1 and p.stream = o.parent where o.base >= $3), made as ( insert into … (tenant, stream, head, first, at, parent, base) select $1, $4, $3, least(source.first, $3 + 1), case when $3 > 0 then coalesce( (select e.at from … e where e.tenant = $1 and e.stream = owner.stream and e.seq = $3), source.at) end, owner.stream, $3 from source, owner where owner.base is null or owner.base < $3 or owner.parent is null on conflict do nothing returning true) select head, (select count(*) from made) from source;

-- sql/log-ddl.ts
alter table … add column if not exists held_until timestamptz(3);
create index if not exists … on … (tenant, parent) where parent is not null;
create index if not exists … on … (tenant, stream) where unswept;
create table if not exists … ( tenant text collate "C" not null, stream text collate "C" not null, head bigint not null, first bigint not null default 0, at timestamptz(3), parent text collate "C", base bigint, removed_at timestamptz(3), unswept boolean not null default false, held_until timestamptz(3), primary key (tenant, stream) ) with (fillfactor = 50);
create table if not exists … ( tenant text collate "C" not null, stream text collate "C" not null, seq bigint not null, key text collate "C", at timestamptz(3) not null, data jsonb not null, digest bytea, primary key (tenant, stream, seq) );
create unique index if not exists … on … (tenant, stream, key) where key is not null;

-- sql/log-statements.ts
insert into … (tenant, stream, head) values ($1, $2, 0) on conflict do nothing returning true;
insert into … (tenant, stream, seq, key, at, data) select $1, $2, h.head, $3, h.at, $4::text::jsonb from h returning seq, at, (select held from h);
select from g join unnest($6::bigint[], $8::text[]) as u(number, key) on u.number = g.number where g.tenant = s.tenant and g.stream = s.stream and u.key is not null and exists (…);
select s.base, e.seq, e.key, e.at, e.data from … s left join lateral ( select x.seq, x.key, x.at, x.data from … x where x.tenant = $1 and x.stream = $2 and x.seq > greatest($3::bigint, s.first - 1) and x.seq < $4 … order by x.seq … limit $5) e on true where s.tenant = $1 and s.stream = $2 and s.removed_at is null order by e.seq …;
select u.place, s.head, s.first, s.at, s.removed_at is not null, s.parent is not null from unnest(…, $2::text[]) with ordinality as u(tenant, stream, place) cross join lateral ( select * from … x where x.tenant = u.tenant and x.stream = u.stream offset 0) s;
select where $3::text is not null and exists (…);
update … e set data = $4::text::jsonb, digest = case when $5::boolean then ''::bytea else coalesce(e.digest, sha256(convert_to(e.data::text, 'UTF8'))) end from … s where e.tenant = $1 and e.stream = $2 and e.seq = $3 and s.tenant = $1 and s.stream = $2 and s.removed_at is null and s.first <= e.seq returning e.key, e.at;
with g as materialized ( select * from unnest(…, $2::text[], $3::bigint[], $4::bigint[], $5::boolean[]) with ordinality as g(tenant, stream, count, expected, must_exist, number)), h as ( insert into … as s (tenant, stream, head, first, at) select g.tenant, g.stream, g.count, g.expected, clock_timestamp() from g where not g.must_exist or (select true from … x where x.tenant = g.tenant and x.stream = g.stream) order by g.number on conflict (tenant, stream) do update set head = s.head + excluded.head, at = greatest(s.at, clock_timestamp()) where s.removed_at is null and excluded.first in (0, s.head + 1) and … returning tenant, stream, head, at, …), n as materialized ( select g.number, g.tenant, g.stream, h.head - g.count as before, h.at, h.held from g join h on h.tenant = g.tenant and h.stream = g.stream), e as ( insert into … (tenant, stream, seq, key, at, data) select n.tenant, n.stream, n.before + u.place, u.key, n.at, u.data::jsonb from unnest(…, $7::bigint[], $8::text[], $9::text[]) as u(number, place, key, data) join n on n.number = u.number) select number, before, at, held from n;
with h as ( insert into … as s (tenant, stream, head, at) select u.tenant, u.stream, 1, clock_timestamp() from unnest(…, $2::text[]) as u(tenant, stream) … on conflict (tenant, stream) do update set … where s.removed_at is null and s.parent is null returning tenant, stream, head, at, …), e as ( insert into … (tenant, stream, seq, key, at, data) select h.tenant, h.stream, h.head, u.key, h.at, u.data::jsonb from h join unnest(…, $2::text[], $3::text[], $4::text[]) as u(tenant, stream, key, data) on u.tenant = h.tenant and u.stream = h.stream) select tenant, stream, head - 1, at, held from h;
with h as ( insert into … as s (tenant, stream, head, at) values ($1, $2, 1, clock_timestamp()) on conflict (tenant, stream) do update set … where … returning head, at, …) …;
with h as ( update … as s set … where s.tenant = $1 and s.stream = $2 and … returning head, at, …) …;
with recursive chain(stream, parent, base, low, high) as ( select s.stream, s.parent, coalesce(s.base, 0), greatest($3::bigint, s.first - 1), $4::bigint - 1 from … s where s.tenant = $1 and s.stream = $2 and s.removed_at is null union all select p.stream, p.parent, coalesce(p.base, 0), c.low, least(c.high, c.base) from chain c join … p on p.tenant = $1 and p.stream = c.parent where c.base > c.low) select e.seq, e.key, e.at, e.data from chain c cross join lateral ( select x.seq, x.key, x.at, x.data from … x where x.tenant = $1 and x.stream = c.stream and x.seq > greatest(c.low, c.base) and x.seq <= c.high order by x.seq … limit $5) e order by e.seq … limit $5;
with recursive past(stream, high) as ( select s.parent, s.base union all select p.parent, least(past.high, p.base) from past join … p on p.tenant = s.tenant and p.stream = past.stream where p.parent is not null) select from past join … x on x.tenant = s.tenant and x.stream = past.stream and x.key = … where x.seq <= past.high and x.seq >= s.first;
with recursive u as materialized ( select * from unnest($1::text[], $2::text[], $3::text[], $4::text[]) with ordinality as u(tenant, stream, key, data, place)), chain(tenant, stream, place, low, high, parent, base) as ( select s.tenant, s.stream, u.place, s.first, s.head, s.parent, s.base from u cross join lateral ( select * from … x where x.tenant = u.tenant and x.stream = u.stream offset 0) s where s.removed_at is null union all select c.tenant, p.stream, c.place, c.low, least(c.high, c.base), p.parent, p.base from chain c cross join lateral ( select * from … x where x.tenant = c.tenant and x.stream = c.parent offset 0) p) select c.place, e.seq, e.at, e.data, case when e.digest is null then e.data = u.data::jsonb when e.digest = ''::bytea then true else e.digest = sha256(convert_to(u.data::jsonb::text, 'UTF8')) end from chain c join u on u.place = c.place cross join lateral ( select * from … x where x.tenant = c.tenant and x.stream = c.stream and x.key = u.key offset 0) e where e.seq <= c.high and (c.stream = u.stream or e.seq >= c.low);

-- sql/log-sweep.ts
select tenant, stream from … where unswept limit 100;
select true from … where tenant = $1 and stream = $2 and unswept;
update … set removed_at = clock_timestamp(), unswept = true where tenant = $1 and stream = $2 and removed_at is null returning true;
with o as ( select first, head from … where tenant = $1 and stream = $2 and removed_at is null for update) update … s set first = greatest(o.first, 1, least(…, o.head + 1)), unswept = true from o where s.tenant = $1 and s.stream = $2 returning s.first - greatest(o.first, 1);
with recursive chain(stream, parent, base, low, high) as ( select stream, parent, coalesce(base, 0), first, head from … where tenant = $1 and stream = $2 union all select p.stream, p.parent, coalesce(p.base, 0), c.low, least(c.high, c.base) from chain c join … p on p.tenant = $1 and p.stream = c.parent) select coalesce(min(e.seq), max(c.high) + 1) from chain c left join lateral ( select x.seq from … x where x.tenant = $1 and x.stream = c.stream and x.seq >= greatest(c.low, c.base + 1) and x.seq <= c.high and x.at >= now() - $3::bigint * interval '1 millisecond' order by x.seq limit 1) e on true;
with recursive past(stream, parent) as ( select stream, parent from … where tenant = $1 and stream = $2 union all select p.stream, p.parent from past join … p on p.tenant = $1 and p.stream = past.parent) select stream from past;
with recursive swept as ( select first, removed_at from … where tenant = $1 and stream = $2), heirs(stream, first, upto, removed) as ( select c.stream, c.first, c.base, c.removed_at is not null from … c where c.tenant = $1 and c.parent = $2 union all select c.stream, c.first, least(h.upto, c.base), c.removed_at is not null from heirs h join … c on c.tenant = $1 and c.parent = h.stream), gone as ( delete from … e using swept where e.tenant = $1 and e.stream = $2 and (swept.removed_at is not null or e.seq < swept.first) and not exists (select from heirs h where not h.removed and e.seq between h.first and h.upto)) update … s set unswept = false from swept where s.tenant = $1 and s.stream = $2 and s.unswept and s.first = swept.first and s.removed_at is not distinct from swept.removed_at;

-- sql/migrations/0001-relations.ts
create table holdfast.relations ( kind text collate "C" not null, name text collate "C" not null, definition text not null, created_at timestamptz(3) not null default now(), primary key (kind, name) );

-- sql/migrations/0002-blobs.ts
alter table holdfast.blob_chunks alter column bytes set storage external;
create table holdfast.blob_chunks ( tenant text collate "C" not null, upload text collate "C" not null, place int not null, bytes bytea not null, created_at timestamptz(3) not null default now(), primary key (tenant, upload, place) );
create table holdfast.blobs ( tenant text collate "C" not null, hash text collate "C" not null, upload text collate "C" not null, size_bytes bigint not null, content_type text not null, created_at timestamptz(3) not null, primary key (tenant, hash) );
create unique index blobs_upload on holdfast.blobs (tenant, upload);

-- sql/migrations/0003-transactions.ts
create index transactions_at on holdfast.transactions (at);
create table holdfast.transactions ( tenant text collate "C" not null, key text collate "C" not null, result text, at timestamptz(3) not null, primary key (tenant, key) );

-- sql/migrations/0004-blob-links.ts
alter table holdfast.blobs add column if not exists content text collate "C" not null default 'database';
alter table holdfast.blobs add column if not exists linked boolean not null default false;
alter table holdfast.blobs add column if not exists touched_at timestamptz(3) not null default now();
create index if not exists blob_links_owner on holdfast.blob_links (tenant, owner, hash);
create index if not exists blobs_unlinked on holdfast.blobs (tenant, touched_at, hash) where not linked;
create table if not exists holdfast.blob_links ( tenant text collate "C" not null, hash text collate "C" not null, owner text collate "C" not null, created_at timestamptz(3) not null default now(), primary key (tenant, hash, owner), foreign key (tenant, hash) references holdfast.blobs (tenant, hash) );
create table if not exists holdfast.blob_uploads ( tenant text collate "C" not null, upload text collate "C" not null, content text collate "C" not null, token text, touched_at timestamptz(3) not null default now(), dead boolean not null default false, primary key (tenant, upload) );
insert into holdfast.blob_uploads (tenant, upload, content, touched_at) select c.tenant, c.upload, 'database', max(c.created_at) from holdfast.blob_chunks c where not exists (select from holdfast.blobs b where b.tenant = c.tenant and b.upload = c.upload) group by c.tenant, c.upload on conflict do nothing;

-- sql/migrations/0005-tenant-keys.ts
create table holdfast.tenant_keys ( tenant text collate "C" not null, number int not null, wrapped_by text collate "C" not null, wrapped text not null, created_at timestamptz(3) not null default now(), destroyed_at timestamptz(3), primary key (tenant, number) );

-- sql/migrations/0006-feeds.ts
create table holdfast.feeds ( tenant text collate "C" not null, collection text collate "C" not null, trimmed bigint not null default 0, primary key (tenant, collection) ) with (fillfactor = 50);
create table holdfast.listeners ( id text collate "C" primary key, until timestamptz(3) not null );

-- sql/migrations/0008-query-shapes.ts
create table holdfast.query_shapes ( collection text collate "C" not null, shape text collate "C" not null, count bigint not null, total_ms float8 not null, seen_at timestamptz(3) not null, primary key (collection, shape) );

-- sql/nearest.ts
alter table … add column …;
select n.id, t.version, t.created_at, t.updated_at, … as data, t.expires_at, 1 - n.distance from (select * from (…) m order by m.distance, m.id limit …) n join … t on t.tenant = … and t.id = n.id order by n.distance, n.id;
select t.id, … from … t where … and …;

-- sql/read-together.ts
select e.seq as n1, … as n2, e.key, e.at as t1, … as t2, … as t3, … as b, e.data from (…) e;
select s.head as n1, s.first as n2, … as key, s.at as t1, … as t2, … as t3, s.removed_at is not null as b, null::jsonb as data from … s where s.tenant = $1 and s.stream = $2;
select t.version as n1, … as n2, … as key, t.created_at as t1, t.updated_at as t2, t.expires_at as t3, … as b, t.data as data from … t where t.tenant = $1 and t.id = $2 and …;
select … as n1, … as n2, … as key, … as t1, … as t2, … as t3, coalesce(s.head = h.head, s.held_until >= clock_timestamp() + $3::float8 * interval '1 millisecond') as b, null::jsonb as data from … s left join h on true where s.tenant = $1 and s.stream = $2 and s.removed_at is null;
select …::int4 as part, x.* from (…) x;
with h as ( update … s set held_until = clock_timestamp() + 4 * … where s.tenant = $… and s.stream = $… and s.removed_at is null and coalesce(s.held_until < clock_timestamp() + …, true) returning s.head) …;

-- sql/schema.ts
create schema if not exists holdfast;
create table if not exists holdfast.locks (name text primary key, taken_at timestamptz(3) not null default now());
create table if not exists holdfast.migrations ( version bigint primary key, name text not null, applied_at timestamptz(3) not null default now() );
insert into holdfast.locks (name) values ('schema') on conflict do nothing;
insert into holdfast.migrations (version, name) values ($1, $2);
insert into holdfast.relations (kind, name, definition) values ($1, $2, $3) on conflict (kind, name) do update set definition = excluded.definition;
select 1 from holdfast.migrations where version = $1;
select definition from holdfast.relations where kind = $1 and name = $2;
select exists(select 1 from pg_type where typname = 'halfvec' and pg_type_is_visible(oid)), exists( select 1 from pg_available_extension_versions where name = 'vector' and version ~ '^(0[.]([7-9]|[0-9][0-9])|[1-9])');
select kind, name, definition from holdfast.relations;
select to_regclass('holdfast.locks') is not null and to_regclass('holdfast.migrations') is not null;
select version from holdfast.migrations order by version;
select version();
update holdfast.locks set taken_at = now() where name = 'schema';

-- sql/sql-backend.ts
select clock_timestamp()::timestamptz(3);

-- sql/transaction-outcomes.ts
delete from holdfast.transactions t using ( select tenant, key from holdfast.transactions where at < now() - $1::float8 * interval '1 millisecond' order by at limit $2::bigint ) old where t.tenant = old.tenant and t.key = old.key returning 1;
insert into holdfast.transactions (tenant, key, result, at) values ($1, $2, $3, now()) on conflict (tenant, key) do update set result = excluded.result;
select result from holdfast.transactions where tenant = $1 and key = $2;
with gone as (delete from holdfast.transactions where tenant = $1 returning 1) select count(*) from gone;

-- sql/transfer-statements.ts
begin for t in … loop execute format('create or replace trigger holdfast_moved before insert or update or delete or truncate on holdfast.%I for each statement execute function holdfast.refuse_writes()', t.tablename);
begin for t in … loop execute format('drop trigger if exists holdfast_moved on holdfast.%I', t.tablename);
delete from … e using unnest($1::text[], $2::text[], $3::bigint[]) as u(tenant, stream, seq) where e.tenant = u.tenant and e.stream = u.stream and e.seq = u.seq;
delete from … s using unnest($1::text[], $2::text[]) as u(tenant, stream) where s.tenant = u.tenant and s.stream = u.stream;
delete from … t using unnest($1::text[], $2::text[]) as u(tenant, id) where t.tenant = u.tenant and t.id = u.id;
insert into … as e (tenant, stream, seq, key, at, digest, data) select u.tenant, u.stream, u.seq, u.key, u.at::timestamptz, decode(u.digest, 'hex'), u.data::jsonb from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[]) as u(tenant, stream, seq, key, at, digest, data) order by u.tenant, u.stream, u.seq on conflict (tenant, stream, seq) do update set key = excluded.key, at = excluded.at, digest = excluded.digest, data = excluded.data where (e.key, e.at, e.digest, e.data) is distinct from (excluded.key, excluded.at, excluded.digest, excluded.data);
insert into … as t (…) select … from … order by u.tenant, u.id on conflict (tenant, id) do update set … where … returning t.tenant, t.id, t.version;
select tablename from pg_tables where schemaname = 'holdfast' and tablename not in ('migrations', 'locks', 'listeners', 'query_shapes') order by tablename;
select u.place from … join … t on t.tenant = u.tenant and t.id = u.id where (…) is not distinct from (…);
select u.place, (s.head, greatest(s.first, 1), s.at, s.parent, s.base, s.removed_at) is not distinct from (u.head, greatest(u.first, 1), u.at::timestamptz, u.parent, u.base, u.removed_at::timestamptz) from … join … s on s.tenant = u.tenant and s.stream = u.stream;
select … from ( select t.*, sum(…) over (order by …) - … as before from (select * from … t where … and … order by … limit …) t) x where before <= … order by …;
set local lock_timeout = '10s';
with u as materialized (select * from …), beyond as ( delete from … e using u where e.tenant = u.tenant and e.stream = u.stream and e.seq > u.head and not exists (select from … s where s.tenant = u.tenant and s.stream = u.stream)) insert into … as s (tenant, stream, head, first, at, parent, base, removed_at) select u.tenant, u.stream, u.head, u.first, u.at::timestamptz, u.parent, u.base, u.removed_at::timestamptz from u order by u.tenant, u.stream on conflict (tenant, stream) do update set head = greatest(s.head, excluded.head), first = excluded.first, at = case when excluded.head >= s.head then excluded.at else s.at end, parent = excluded.parent, base = excluded.base, removed_at = excluded.removed_at;

-- sql/transfer.ts
select name, definition from holdfast.relations where kind = $1::text order by name;
select version();

-- sql/upkeep.ts
create index if not exists … on … (…) where …;
select kind, name, definition from holdfast.relations where kind in ('expiry', 'tombstones', 'retention') order by name;
select true from holdfast.relations where kind = 'expiry' and name = $1;
with page as ( select tenant, stream, head, greatest(first, 1) as first, parent, removed_at from … where (tenant, stream) > ($1, $2) order by tenant, stream limit $3) select p.tenant, p.stream, p.removed_at is null and p.head >= p.first and ( coalesce(p.head + 1 - p.first > $4::bigint, false) or $5::bigint is not null and (p.parent is not null or exists ( select from … e where e.tenant = p.tenant and e.stream = p.stream and e.seq = p.first and e.at < …))) from page p order by p.tenant, p.stream;
with picked as materialized ( select t.tenant, t.id from … t where … order by … limit …::bigint for update skip locked);
… delete from … t using picked d where t.tenant = d.tenant and t.id = d.id returning t.tenant, t.id, t.version;
… delete from … t using picked d where t.tenant = d.tenant and t.id = d.id returning t.version;
… update … t set data = null from picked d where t.tenant = d.tenant and t.id = d.id returning t.version;
