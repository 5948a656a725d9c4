import type { Recording } from './driver.js'
import { byKey } from './look-ups.js'
import { collectionTable } from './names.js'
import { expired, visible } from './visibility.js'

export interface PreparedText {
  readonly name: string
  readonly text: string
  readonly readOnly?: boolean
  readonly records?: Recording
}

export interface DocumentStatements {
  /** tenant, id, bump, data → version, created, updated; no row: a tombstone stands there */
  readonly upsertOne: PreparedText
  /** … and a lifetime in milliseconds or NULL → … and expires */
  readonly upsertOneLiving: PreparedText
  /** tenants, ids, bumps, datas → tenant, id, version, created, updated */
  readonly upsertMany: PreparedText
  /** … and lifetimes in milliseconds or NULL → … and expires */
  readonly upsertManyLiving: PreparedText
  readonly insertMany: PreparedText
  readonly insertManyLiving: PreparedText
  /** tenants, ids, expected versions, bumps, datas → tenant, id, version, created, updated, expires */
  readonly replaceMany: PreparedText
  /** … and lifetimes in milliseconds, and what to do with them: `set`, `renew` or NULL */
  readonly replaceManyLiving: PreparedText
  /** tenants, ids, expected versions or NULL → tenant, id, version */
  readonly removeMany: PreparedText
  /** The same, leaving tombstones; and whether to keep the data. */
  readonly entombMany: PreparedText
  /** tenants, ids, how long data is kept in milliseconds → tenant, id, version, created, updated, expires */
  readonly restoreMany: PreparedText
  /** tenants, ids → the places in the input, from 1, where tombstones stand */
  readonly removedMany: PreparedText
  /** tenant, id → version, created, updated, data, expires */
  readonly fetchOne: PreparedText
  /** tenants, ids → version, created, updated, data, expires, place in the input from 1 */
  readonly fetchMany: PreparedText
}

/** The statements that every call on single documents becomes. `unnest` joined to the table is planned as a nested loop over the
 *  primary key, where `= any($1)` under a generic plan has been seen to scan; `byKey` sees to it. Statements for documents that expire stand beside
 *  those for the others, which carry nothing for them. */
export function documentStatements(collection: string): DocumentStatements {
  const table = collectionTable(collection)
  const prepared = (operation: string, text: string): PreparedText => ({ name: `${operation}:${collection}`, text })
  const writing = (operation: string, text: string): PreparedText => ({
    ...prepared(operation, text),
    records: { collection, op: 'write' },
  })
  const writingOne = (operation: string, text: string): PreparedText => ({
    ...prepared(operation, text),
    records: { collection, op: 'write', keyed: 'parameters' },
  })
  const deleting = (operation: string, text: string): PreparedText => ({
    ...prepared(operation, text),
    records: { collection, op: 'delete' },
  })
  const columns = 'tenant, id, version, created_at, updated_at, data'
  const rowsIn = `select u.tenant, u.id, u.bump, now(), now(), u.data::jsonb`
  const rows = `unnest($1::text[], $2::text[], $3::bigint[], $4::text[]`
  const from = `from ${rows}) as u(tenant, id, bump, data)`
  const fromLiving = `from ${rows}, $5::bigint[]) as u(tenant, id, bump, data, ttl)`
  // What took the place of an expired document is a new one, which no lease is held on; only the version grows on.
  const overwrite = `do update set version = t.version + excluded.version, updated_at = excluded.updated_at, data = excluded.data,
         created_at = case when ${expired('t')} then excluded.created_at else t.created_at end,
         lease_until = case when ${expired('t')} then null else t.lease_until end,
         expires_at = excluded.expires_at
       where t.removed_at is null`
  const revive = `${overwrite} and ${expired('t')}`
  const one = 't.version, t.created_at, t.updated_at'
  const many = `t.tenant, t.id, ${one}`
  const conflict = 'on conflict (tenant, id)'
  const replace = (set: string, more: string, columnsOfMore: string) =>
    `update ${table} as t set version = t.version + u.bump, updated_at = now(), data = u.data::jsonb${set}
       from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[]${more})
         as u(tenant, id, expected, bump, data${columnsOfMore})
       where t.tenant = u.tenant and t.id = u.id and ${byKey} and t.version = u.expected and ${visible('t')}
       returning ${many}, t.expires_at`
  const removes = `unnest($1::text[], $2::text[], $3::bigint[]) as u(tenant, id, expected)
       where t.tenant = u.tenant and t.id = u.id and ${byKey} and (u.expected is null or t.version = u.expected) and ${visible('t')}
       returning t.tenant, t.id, t.version`
  return {
    upsertOne: writingOne(
      'put',
      `insert into ${table} as t (${columns}) values ($1, $2, $3, now(), now(), $4::jsonb)
       ${conflict} ${overwrite} returning ${one}`,
    ),
    upsertOneLiving: writingOne(
      'put-living',
      `insert into ${table} as t (${columns}, expires_at)
       values ($1, $2, $3, now(), now(), $4::jsonb, ${lifetimeEnd('$5::bigint')})
       ${conflict} ${overwrite} returning ${one}, t.expires_at`,
    ),
    upsertMany: writing(
      'puts',
      `insert into ${table} as t (${columns}) ${rowsIn} ${from} ${conflict} ${overwrite} returning ${many}`,
    ),
    upsertManyLiving: writing(
      'puts-living',
      `insert into ${table} as t (${columns}, expires_at) ${rowsIn}, ${lifetimeEnd('u.ttl')} ${fromLiving}
       ${conflict} ${overwrite} returning ${many}, t.expires_at`,
    ),
    insertMany: writing(
      'inserts',
      `insert into ${table} as t (${columns}) ${rowsIn} ${from} ${conflict} ${revive} returning ${many}`,
    ),
    insertManyLiving: writing(
      'inserts-living',
      `insert into ${table} as t (${columns}, expires_at) ${rowsIn}, ${lifetimeEnd('u.ttl')} ${fromLiving}
       ${conflict} ${revive} returning ${many}, t.expires_at`,
    ),
    replaceMany: writing('replaces', replace('', '', '')),
    replaceManyLiving: writing(
      'replaces-living',
      replace(
        `, expires_at = case
           when u.lifetime = 'set' or u.lifetime = 'renew' and t.expires_at is not null then ${lifetimeEnd('u.ttl')}
           else t.expires_at end`,
        ', $6::bigint[], $7::text[]',
        ', ttl, lifetime',
      ),
    ),
    removeMany: deleting('removes', `delete from ${table} as t using ${removes}`),
    entombMany: deleting(
      'entombs',
      `update ${table} as t set removed_at = now(), lease_until = null,
         data = case when $4::boolean then t.data end from ${removes}`,
    ),
    restoreMany: writing(
      'restores',
      `update ${table} as t set removed_at = null, version = t.version + 1, updated_at = now()
       from unnest($1::text[], $2::text[]) as u(tenant, id)
       where t.tenant = u.tenant and t.id = u.id and ${byKey} and t.data is not null
         and t.removed_at > now() - $3::bigint * interval '1 millisecond'
         and (t.expires_at is null or t.expires_at > now())
       returning ${many}, t.expires_at, t.data`,
    ),
    removedMany: {
      ...prepared(
        'removed',
        `select u.place from unnest($1::text[], $2::text[]) with ordinality as u(tenant, id, place)
         join ${table} t on t.tenant = u.tenant and t.id = u.id where ${byKey} and t.removed_at is not null`,
      ),
      readOnly: true,
    },
    fetchOne: {
      ...prepared(
        'get',
        `select ${one}, t.data, t.expires_at from ${table} t where t.tenant = $1 and t.id = $2 and ${visible('t')}`,
      ),
      readOnly: true,
    },
    fetchMany: {
      ...prepared(
        'gets',
        `select ${one}, t.data, t.expires_at, u.place
         from unnest($1::text[], $2::text[]) with ordinality as u(tenant, id, place)
         join ${table} t on t.tenant = u.tenant and t.id = u.id where ${byKey} and ${visible('t')}`,
      ),
      readOnly: true,
    },
  }
}

/** NULL for NULL. */
function lifetimeEnd(milliseconds: string): string {
  return `now() + ${milliseconds} * interval '1 millisecond'`
}
