import type { Migration } from './migration.js'

/** What transactions with an idempotency key answered, written in their own commit. `result` is JSON text; NULL: no result. */
export const transactions: Migration = {
  version: 3,
  name: 'transactions',
  sql: `
    create table holdfast.transactions (
      tenant text collate "C" not null,
      key text collate "C" not null,
      result text,
      at timestamptz(3) not null,
      primary key (tenant, key)
    );
    create index transactions_at on holdfast.transactions (at);
  `,
}
