/** The statements of blobs, see migrations 0002 and 0004 for the tables. Each is one commit of its own outside a transaction. */

const columns = 'hash, size_bytes, content_type, created_at, upload, content'

/** $1 tenant, $2 upload, $3 content, $4 token. Begins, or keeps the token of what has begun. */
export const beginText: string = `insert into holdfast.blob_uploads as u (tenant, upload, content, token) values ($1, $2, $3, $4)
  on conflict (tenant, upload) do update set token = excluded.token, touched_at = now() where not u.dead`

/** $1 tenant, $2 upload, $3 bytes. */
export const firstChunkText: string = `with noted as (
    insert into holdfast.blob_uploads (tenant, upload, content) values ($1, $2, 'database') on conflict do nothing)
  insert into holdfast.blob_chunks (tenant, upload, place, bytes) values ($1, $2, 0, $3)
  on conflict (tenant, upload, place) do update set bytes = excluded.bytes`

/** $1 tenant, $2 upload, $3 place, $4 bytes. */
export const chunkText: string = `insert into holdfast.blob_chunks (tenant, upload, place, bytes) values ($1, $2, $3, $4)
  on conflict (tenant, upload, place) do update set bytes = excluded.bytes`

export const refreshText: string = `update holdfast.blob_uploads set touched_at = now()
  where tenant = $1 and upload = $2 and not dead`

/** $1 tenant, $2 hash, $3 upload, $4 size, $5 content type, $6 places and $7 bytes of the chunks that come along, $8 content, $9 created at or null,
 *  $10 bytes in chunks. No row: the upload is not complete, or another upload of the same bytes finished at this moment. A blob whose chunks all come
 *  along needs no note, because they come in the same commit. */
export const finishText: string = `with known as (
    update holdfast.blobs set touched_at = now() where tenant = $1 and hash = $2 returning ${columns}),
  spare as (select from known where upload <> $3 and $8 = 'database'),
  noted as (select 1 from holdfast.blob_uploads where tenant = $1 and upload = $3 and not dead for update),
  along as (select place, bytes, octet_length(bytes) as size from unnest($6::bigint[], $7::bytea[]) as a(place, bytes)),
  stored as (
    select coalesce(sum(octet_length(c.bytes)), 0) as size from holdfast.blob_chunks c
    where c.tenant = $1 and c.upload = $3 and not exists (select from along a where a.place = c.place)),
  made as (
    insert into holdfast.blobs (tenant, hash, upload, size_bytes, content_type, created_at, touched_at, content)
    select $1, $2, $3, $4::bigint, $5, coalesce($9::timestamptz, now()), now(), $8
    from stored cross join (select coalesce(sum(size), 0) as size from along) new
    where not exists (select from known)
      and (exists (select from noted) or ($8 = 'database' and new.size = $10::bigint))
      and ($8 <> 'database' or new.size + stored.size = $10::bigint)
    on conflict do nothing returning ${columns}),
  kept as (
    insert into holdfast.blob_chunks (tenant, upload, place, bytes) select $1, $3, place, bytes from along
    where exists (select from made)
    on conflict (tenant, upload, place) do update set bytes = excluded.bytes),
  done as (
    delete from holdfast.blob_uploads where tenant = $1 and upload = $3
    and (exists (select from made) or exists (select from spare))),
  dropped as (
    delete from holdfast.blob_chunks where tenant = $1 and upload = $3 and exists (select from spare))
  select ${columns} from known union all select ${columns} from made`

export const abandonText: string = `with mine as (
    delete from holdfast.blob_uploads u where u.tenant = $1 and u.upload = $2
    and not exists (select from holdfast.blobs b where b.tenant = $1 and b.upload = $2))
  delete from holdfast.blob_chunks c where c.tenant = $1 and c.upload = $2
  and not exists (select from holdfast.blobs b where b.tenant = $1 and b.upload = $2)`

export const statText: string = `select ${columns} from holdfast.blobs where tenant = $1 and hash = $2`

export const touchText: string = `update holdfast.blobs set touched_at = now() where tenant = $1 and hash = $2 returning ${columns}`

export const readText: string = `select c.bytes from holdfast.blobs b
  left join holdfast.blob_chunks c on c.tenant = b.tenant and c.upload = b.upload and c.place = $3
  where b.tenant = $1 and b.hash = $2`

/** What stands in the way of a removal is told by the snapshot from before it: the record is still there. */
export const removeText: string = `with gone as (
    delete from holdfast.blobs b where b.tenant = $1 and b.hash = $2
    and not exists (select from holdfast.blob_links l where l.tenant = $1 and l.hash = $2)
    returning ${columns}),
  chunks as (delete from holdfast.blob_chunks c using gone
    where c.tenant = $1 and c.upload = gone.upload and gone.content = 'database'),
  dead as (insert into holdfast.blob_uploads (tenant, upload, content, dead)
    select $1, upload, content, true from gone where content <> 'database')
  select ${columns}, true from gone
  union all select ${columns}, false from holdfast.blobs
  where tenant = $1 and hash = $2 and not exists (select from gone)`

export const listText: string = `select ${columns}, tenant from holdfast.blobs
  where tenant = $1 and hash > $2 order by hash limit $3`
export const listAllText: string = `select ${columns}, tenant from holdfast.blobs
  where (tenant, hash) > ($1, $2) order by tenant, hash limit $3`

/** $3 owner. The lock makes a link and the removal of its blob wait for each other; `linked` is only written by the first link, so that
 *  links to one blob do not wait for each other. */
export const linkText: string = `with blob as (
    select linked from holdfast.blobs where tenant = $1 and hash = $2 for key share),
  made as (
    insert into holdfast.blob_links (tenant, hash, owner) select $1, $2, $3 from blob on conflict do nothing returning 1),
  flagged as (
    update holdfast.blobs b set linked = true where b.tenant = $1 and b.hash = $2 and not b.linked
    and exists (select from blob where not linked))
  select (select count(*) from blob), (select count(*) from made)`

export const unlinkText: string = `with gone as (
    delete from holdfast.blob_links where tenant = $1 and hash = $2 and owner = $3 returning 1),
  touched as (
    update holdfast.blobs set linked = false, touched_at = now()
    where tenant = $1 and hash = $2 and exists (select from gone))
  select count(*) from gone`

export const unlinkAllText: string = `with gone as (
    delete from holdfast.blob_links where tenant = $1 and owner = $2 returning hash),
  touched as (
    update holdfast.blobs set linked = false, touched_at = now()
    where tenant = $1 and hash in (select hash from gone))
  select count(*) from gone`

export const linksToText: string = `select hash, owner from holdfast.blob_links
  where tenant = $1 and hash = $2 and owner > $3 order by owner limit $4`
export const linksOfText: string = `select hash, owner from holdfast.blob_links
  where tenant = $1 and owner = $2 and hash > $3 order by hash limit $4`

/** $1 tenant, $2 milliseconds, $3 limit. Some blob of the batch may get a link between the look at the links and the deletion; then
 *  the foreign key refuses the statement, and it is asked again. */
export const dropUnlinkedText: string = `with old as (
    select b.hash from holdfast.blobs b
    where b.tenant = $1 and not b.linked and b.touched_at <= now()::timestamptz(3) - $2::float8 * interval '1 millisecond'
    and not exists (select from holdfast.blob_links l where l.tenant = $1 and l.hash = b.hash)
    order by b.touched_at, b.hash limit $3 for update skip locked),
  gone as (
    delete from holdfast.blobs where tenant = $1 and hash in (select hash from old) returning ${columns}),
  dead as (insert into holdfast.blob_uploads (tenant, upload, content, dead) select $1, upload, content, true from gone)
  select ${columns} from gone`

/** A blob that lost one of several links is worth a look no more. Only if nothing happened to it since: whoever takes its last link
 *  away in this moment touches it. */
export const repairHintsText: string = `update holdfast.blobs b set linked = true
  from (select c.hash, c.touched_at from holdfast.blobs c
    where c.tenant = $1 and not c.linked and c.touched_at < now() - interval '1 second'
    and exists (select from holdfast.blob_links l where l.tenant = $1 and l.hash = c.hash)
    order by c.touched_at limit 10000) seen
  where b.tenant = $1 and b.hash = seen.hash and b.touched_at = seen.touched_at and not b.linked`

export const tenantsText: string = `select tenant from (
    select distinct tenant from holdfast.blobs where not linked and tenant > $1
    union select distinct tenant from holdfast.blob_uploads where tenant > $1) candidates
  order by tenant limit $2`

export const condemnText: string = `with dead as (
    update holdfast.blob_uploads set dead = true
    where tenant = $1 and not dead and touched_at <= now()::timestamptz(3) - $2::float8 * interval '1 millisecond'
    returning 1)
  select count(*) from dead`

export const deadText: string = `select upload, content, token from holdfast.blob_uploads
  where tenant = $1 and dead and upload > $2 order by upload limit $3`

export const dropChunksText: string = `with gone as (
    delete from holdfast.blob_chunks where tenant = $1 and upload = $2 and place in (
      select place from holdfast.blob_chunks where tenant = $1 and upload = $2 order by place limit $3)
    returning 1)
  select count(*) from gone`

/** $1 tenant, $2 limit. */
export const eraseText: string = `with erased as (select hash from holdfast.blobs where tenant = $1 order by hash limit $2 for update),
  links as (delete from holdfast.blob_links where tenant = $1 and hash in (select hash from erased) returning 1),
  gone as (
    delete from holdfast.blobs where tenant = $1 and hash in (select hash from erased) returning upload, content),
  dead as (insert into holdfast.blob_uploads (tenant, upload, content, dead) select $1, upload, content, true from gone)
  select (select count(*) from gone), (select count(*) from links)`
