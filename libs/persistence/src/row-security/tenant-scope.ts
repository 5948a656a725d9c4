import { AsyncLocalStorage } from 'node:async_hooks'

/** The tenants whose rows the statements of a call may touch, as the setting `holdfast.tenants` says it: an array in PostgreSQL's own form. */
const scopes = new AsyncLocalStorage<string>()

/** For what is nobody's call: sweeps, exports of all tenants, migrations. No array looks like it. */
const everyTenant = '*'

export function withinTenants<R>(tenants: Iterable<string>, run: () => R): R {
  return scopes.run(`{${[...tenants].map((tenant) => `"${tenant.replaceAll(/["\\]/g, '\\$&')}"`).join(',')}}`, run)
}

export function scopeOfStatement(): string {
  return scopes.getStore() ?? everyTenant
}
