import { invalidField } from '@holdfast/errors'

/** Where the server keeps what belongs to no tenant: API keys. No credential can name it. */
export const systemTenant = 'holdfast:system'

/** @throws INVALID_ARGUMENT */
export function checkTenant(tenant: string, field: string): string {
  if (isTenant(tenant)) return tenant
  throw invalidField(field, 'must be 1 to 128 printable characters, and not begin with holdfast:')
}

export function isTenant(tenant: unknown): tenant is string {
  return typeof tenant === 'string' && /^[\x21-\x7e]{1,128}$/.test(tenant) && !tenant.startsWith('holdfast:')
}
