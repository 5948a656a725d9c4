import { createHash } from 'node:crypto'

/** The name of a tenant's folder or key prefix: recognisable, never a way out (`..`, `/`), and no two tenants share one, also where names
 *  ignore case. */
export function tenantFolder(tenant: string): string {
  const readable = tenant
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 32)
  return `${readable}.${createHash('sha256').update(tenant).digest('hex').slice(0, 32)}`
}
