import { HoldfastError } from '@holdfast/errors'
import type { RowSecurity } from '../backend.js'
import type { SqlConnection, SqlDriver } from '../sql/driver.js'
import { quoteIdentifier } from '../sql/names.js'

/** Each evaluated once for a statement, not for a row. A session that says nothing gets an error and no empty answer: the setting is unknown, or, where
 *  it was once set for a transaction, an empty text, which is no array. */
const policy = `(select current_setting('holdfast.tenants')) = '*'
  or tenant = any ((select nullif(current_setting('holdfast.tenants'), '*'))::text[])`

const stateOfWall = `select
    coalesce((select rolsuper or rolbypassrls from pg_roles where rolname = current_user), false),
    exists(select from pg_class c join pg_namespace n on n.oid = c.relnamespace
           where n.nspname = 'holdfast' and c.relname = 'blobs' and c.relrowsecurity and c.relforcerowsecurity)`

export async function rowSecurityOf(connection: SqlConnection): Promise<RowSecurity> {
  const [row] = await connection.query({ text: stateOfWall, values: [], readOnly: true })
  if (row?.[1] !== true) return 'off'
  return row[0] === true ? 'bypassed' : 'stands'
}

/** Looks whether the wall stands, which statements have to know before the first of them.
 *  @param wanted it is to stand from now on. @throws FAILED_PRECONDITION if it would say nothing to this role */
export async function lookAtWall(driver: SqlDriver, wanted: boolean): Promise<void> {
  if (driver.wall === undefined) return
  const [row] = await driver.query({ text: stateOfWall, values: [], readOnly: true }).catch((error: unknown) => {
    // Servers that only speak like PostgreSQL have other catalogs, and no wall.
    if (wanted || !(error instanceof HoldfastError) || error.code === 'UNAVAILABLE') throw error
    return []
  })
  const [isAbove, stands] = [row?.[0] === true, row?.[1] === true]
  if (wanted && isAbove) {
    throw new HoldfastError(
      'FAILED_PRECONDITION',
      'Row-level security says nothing to a superuser or a role with BYPASSRLS: connect as another role, which owns the schema holdfast',
      { reason: 'ROW_SECURITY_BYPASSED' },
    )
  }
  driver.wall.isUp = wanted || stands
}

/** Puts the policy on all tables that have tenants and no policy yet. */
export async function secureTables(connection: SqlConnection): Promise<void> {
  const rows = await connection.query({
    text: `select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
           where n.nspname = 'holdfast' and c.relkind in ('r', 'p') and not (c.relrowsecurity and c.relforcerowsecurity)
             and exists(select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant' and not a.attisdropped)
           order by c.relname`,
    values: [],
  })
  for (const [name] of rows) {
    const table = `holdfast.${quoteIdentifier(String(name))}`
    for (const text of [
      `drop policy if exists tenants on ${table}`,
      `create policy tenants on ${table} using (${policy}) with check (${policy})`,
      `alter table ${table} enable row level security`,
      // The role that made the tables is held to it as well.
      `alter table ${table} force row level security`,
    ]) {
      await connection.query({ text, values: [] })
    }
  }
}

export function takesServer(): HoldfastError {
  return new HoldfastError(
    'FAILED_PRECONDITION',
    'Row-level security takes a PostgreSQL server: open one, or leave rowSecurity out',
  )
}
