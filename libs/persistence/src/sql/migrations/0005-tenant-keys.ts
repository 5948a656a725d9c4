import type { Migration } from './migration.js'

/** Keys of tenants, each encrypted by a master key that is not in the database. An empty `wrapped` is the tombstone of a destroyed
 *  one: it keeps a tenant whose keys were shredded from getting new ones unnoticed. */
export const tenantKeys: Migration = {
  version: 5,
  name: 'tenant-keys',
  sql: `
    create table holdfast.tenant_keys (
      tenant text collate "C" not null,
      number int not null,
      wrapped_by text collate "C" not null,
      wrapped text not null,
      created_at timestamptz(3) not null default now(),
      destroyed_at timestamptz(3),
      primary key (tenant, number)
    );
  `,
}
