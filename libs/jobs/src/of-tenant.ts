import type { Jobs } from './jobs.js'
import type { Lineage } from './lineage/lineage.js'

/** The jobs of one tenant, for who must not reach others': whatever tenant an option names, it is this one. Closing it does nothing. */
export function jobsOfTenant(jobs: Jobs, tenant: string): Jobs {
  return {
    submit: (kind, input, options) => jobs.submit(kind, input, { ...options, tenant }),
    run: (kind, input, options) => jobs.run(kind, input, { ...options, tenant }),
    get: (id, options) => jobs.get(id, { ...options, tenant }),
    wait: (id, options) => jobs.wait(id, { ...options, tenant }),
    watch: (id, options) => jobs.watch(id, { ...options, tenant }),
    cancel: (id, options) => jobs.cancel(id, { ...options, tenant }),
    list: (options) => jobs.list({ ...options, tenant }),
    retry: (id, options) => jobs.retry(id, { ...options, tenant }),
    eraseTenant: () => jobs.eraseTenant(tenant),
    health: () => jobs.health(),
    // What waits of others is none of a tenant's business.
    open: () => Promise.resolve([]),
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** The lineage of one tenant, in the same way. */
export function lineageOfTenant(lineage: Lineage, tenant: string): Lineage {
  return {
    upload: (content, options) => lineage.upload(content, { ...options, tenant }),
    derive: (id, inputs, options) => lineage.derive(id, inputs, { ...options, tenant }),
    get: (id, options) => lineage.get(id, { ...options, tenant }),
    list: (options) => lineage.list({ ...options, tenant }),
    tree: (id, options) => lineage.tree(id, { ...options, tenant }),
    remove: (id, options) => lineage.remove(id, { ...options, tenant }),
  }
}
