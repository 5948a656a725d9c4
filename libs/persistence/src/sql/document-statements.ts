import { collectionTable } from './names.js'

export interface PreparedText {
  readonly name: string
  readonly text: string
  readonly readOnly?: boolean
}

export interface DocumentStatements {
  /** tenant, id, bump, data → version, created, updated */
  readonly upsertOne: PreparedText
  /** tenants, ids, bumps, datas → tenant, id, version, created, updated */
  readonly upsertMany: PreparedText
  readonly insertMany: PreparedText
  /** tenants, ids, expected versions, bumps, datas → as above */
  readonly replaceMany: PreparedText
  /** tenants, ids, expected versions or NULL → tenant, id, version */
  readonly removeMany: PreparedText
  /** tenant, id → version, created, updated, data */
  readonly fetchOne: PreparedText
  /** tenants, ids → version, created, updated, data, place in the input from 1 */
  readonly fetchMany: PreparedText
}

/** The statements that every call on single documents becomes. `unnest` joined to the table is planned as a nested loop over the
 *  primary key, where `= any($1)` under a generic plan has been seen to scan. */
export function documentStatements(collection: string): DocumentStatements {
  const table = collectionTable(collection)
  const prepared = (operation: string, text: string): PreparedText => ({ name: `${operation}:${collection}`, text })
  const overwrite = `do update set version = t.version + excluded.version, updated_at = excluded.updated_at, data = excluded.data`
  const columns = '(tenant, id, version, created_at, updated_at, data)'
  const rowsIn = `select u.tenant, u.id, u.bump, now(), now(), u.data::jsonb
    from unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) as u(tenant, id, bump, data)`
  return {
    upsertOne: prepared(
      'put',
      `insert into ${table} as t ${columns} values ($1, $2, $3, now(), now(), $4::jsonb)
       on conflict (tenant, id) ${overwrite} returning t.version, t.created_at, t.updated_at`,
    ),
    upsertMany: prepared(
      'puts',
      `insert into ${table} as t ${columns} ${rowsIn}
       on conflict (tenant, id) ${overwrite} returning t.tenant, t.id, t.version, t.created_at, t.updated_at`,
    ),
    insertMany: prepared(
      'inserts',
      `insert into ${table} as t ${columns} ${rowsIn}
       on conflict (tenant, id) do nothing returning t.tenant, t.id, t.version, t.created_at, t.updated_at`,
    ),
    replaceMany: prepared(
      'replaces',
      `update ${table} as t set version = t.version + u.bump, updated_at = now(), data = u.data::jsonb
       from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[]) as u(tenant, id, expected, bump, data)
       where t.tenant = u.tenant and t.id = u.id and t.version = u.expected
       returning t.tenant, t.id, t.version, t.created_at, t.updated_at`,
    ),
    removeMany: prepared(
      'removes',
      `delete from ${table} as t using unnest($1::text[], $2::text[], $3::bigint[]) as u(tenant, id, expected)
       where t.tenant = u.tenant and t.id = u.id and (u.expected is null or t.version = u.expected)
       returning t.tenant, t.id, t.version`,
    ),
    fetchOne: {
      ...prepared('get', `select version, created_at, updated_at, data from ${table} where tenant = $1 and id = $2`),
      readOnly: true,
    },
    fetchMany: {
      ...prepared(
        'gets',
        `select t.version, t.created_at, t.updated_at, t.data, u.place
         from unnest($1::text[], $2::text[]) with ordinality as u(tenant, id, place)
         join ${table} t on t.tenant = u.tenant and t.id = u.id`,
      ),
      readOnly: true,
    },
  }
}
