import type { Migration } from './migration.js'

/** What queries that no index served have cost, by shape (paths, never values), for `holdfast indexes`. */
export const queryShapes: Migration = {
  version: 8,
  name: 'query-shapes',
  sql: `
    create table holdfast.query_shapes (
      collection text collate "C" not null,
      shape text collate "C" not null,
      count bigint not null,
      total_ms float8 not null,
      seen_at timestamptz(3) not null,
      primary key (collection, shape)
    );
  `,
}
