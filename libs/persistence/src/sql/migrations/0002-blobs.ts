import type { Migration } from './migration.js'

/** The bytes of a blob lie in chunks under the upload that brought them; the blob's row makes them visible, whole. Chunks without
 *  such a row are of an upload under way, or of one that was killed: `created_at` tells which. Stored as they are (external), because
 *  images and audio do not compress further. */
export const blobs: Migration = {
  version: 2,
  name: 'blobs',
  sql: `
    create table holdfast.blobs (
      tenant text collate "C" not null,
      hash text collate "C" not null,
      upload text collate "C" not null,
      size_bytes bigint not null,
      content_type text not null,
      created_at timestamptz(3) not null,
      primary key (tenant, hash)
    );
    create table holdfast.blob_chunks (
      tenant text collate "C" not null,
      upload text collate "C" not null,
      place int not null,
      bytes bytea not null,
      created_at timestamptz(3) not null default now(),
      primary key (tenant, upload, place)
    );
    create unique index blobs_upload on holdfast.blobs (tenant, upload);
  `,
  tuning: 'alter table holdfast.blob_chunks alter column bytes set storage external',
}
