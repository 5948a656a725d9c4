import type { Migration } from './migration.js'

/** Where the bytes of a blob lie, who needs it, and which uploads no record speaks of. `linked` is a hint that keeps collecting from
 *  visiting all blobs: false means that it is worth a look; the links themselves decide, and the foreign key makes a link to nothing impossible.
 *  `touched_at` is when the blob was last put, or lost a link. */
export const blobLinks: Migration = {
  version: 4,
  name: 'blob-links',
  sql: `
    alter table holdfast.blobs add column if not exists content text collate "C" not null default 'database';
    alter table holdfast.blobs add column if not exists touched_at timestamptz(3) not null default now();
    alter table holdfast.blobs add column if not exists linked boolean not null default false;
    create index if not exists blobs_unlinked on holdfast.blobs (tenant, touched_at, hash) where not linked;
    create table if not exists holdfast.blob_links (
      tenant text collate "C" not null,
      hash text collate "C" not null,
      owner text collate "C" not null,
      created_at timestamptz(3) not null default now(),
      primary key (tenant, hash, owner),
      foreign key (tenant, hash) references holdfast.blobs (tenant, hash)
    );
    create index if not exists blob_links_owner on holdfast.blob_links (tenant, owner, hash);
    create table if not exists holdfast.blob_uploads (
      tenant text collate "C" not null,
      upload text collate "C" not null,
      content text collate "C" not null,
      token text,
      touched_at timestamptz(3) not null default now(),
      dead boolean not null default false,
      primary key (tenant, upload)
    );
    insert into holdfast.blob_uploads (tenant, upload, content, touched_at)
      select c.tenant, c.upload, 'database', max(c.created_at) from holdfast.blob_chunks c
      where not exists (select from holdfast.blobs b where b.tenant = c.tenant and b.upload = c.upload)
      group by c.tenant, c.upload
      on conflict do nothing;
  `,
}
