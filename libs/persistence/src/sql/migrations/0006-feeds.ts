import type { Migration } from './migration.js'

/** A row for each tenant's feed of a collection, which every writer of the collection locks and none updates; `trimmed`: entries up
 *  to there are not kept any more. `listeners` says whether a process waits for NOTIFY at all, see sql/hint.ts. */
export const feeds: Migration = {
  version: 6,
  name: 'feeds',
  sql: `
    create table holdfast.feeds (
      tenant text collate "C" not null,
      collection text collate "C" not null,
      trimmed bigint not null default 0,
      primary key (tenant, collection)
    ) with (fillfactor = 50);
    create table holdfast.listeners (
      id text collate "C" primary key,
      until timestamptz(3) not null
    );
  `,
}
