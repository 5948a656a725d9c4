import type { Migration } from './migration.js'

/** What collections and logs exist, and how their indexes were declared when they were last made. */
export const relations: Migration = {
  version: 1,
  name: 'relations',
  sql: `
    create table holdfast.relations (
      kind text collate "C" not null,
      name text collate "C" not null,
      definition text not null,
      created_at timestamptz(3) not null default now(),
      primary key (kind, name)
    );
  `,
}
