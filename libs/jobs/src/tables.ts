import type { Collection, DocumentStore, Log, Scope, TenantStore } from '@holdfast/persistence'
import { eventsLog, type EventRecord, type JobRecord, jobIndexes, jobsCollection } from './record.js'

export const defaultTenant = 'default'

/** Where a tenant's jobs are. */
export interface TenantTables {
  readonly tenant: string
  readonly scope: TenantStore
  readonly jobs: Collection<JobRecord>
  readonly events: Log<EventRecord>
}

export class Tables {
  readonly store: DocumentStore
  readonly #retainMs: number
  readonly #byTenant = new Map<string, TenantTables>()

  constructor(store: DocumentStore, retainMs: number) {
    this.store = store
    this.#retainMs = retainMs
  }

  of(tenant: string): TenantTables {
    const known = this.#byTenant.get(tenant)
    if (known !== undefined) return known
    const scope = tenant === defaultTenant ? this.store : this.store.tenant(tenant)
    const tables = { tenant, scope, jobs: jobsIn(scope), events: this.eventsIn(scope) }
    this.#byTenant.set(tenant, tables)
    return tables
  }

  eventsIn(scope: Scope): Log<EventRecord> {
    // An entry is older than the end of its job: it has to outlive the document, not to be as old.
    return scope.log<EventRecord>(eventsLog, { retain: { olderThanMs: 2 * this.#retainMs } })
  }
}

export function jobsIn(scope: Scope): Collection<JobRecord> {
  return scope.collection<JobRecord>(jobsCollection, jobIndexes)
}
