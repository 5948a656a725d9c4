import type { Collection, DocumentStore } from '@holdfast/persistence'
import { defaultTenant } from './tables.js'

/** A claim sees one tenant, so workers have to know of whom there may be jobs. */
const collection = 'job-tenants'
const noteAgainMs = 3_600_000
const lifeMs = 30 * 24 * 3_600_000
const listMs = 5_000

export class Tenants {
  readonly #tenants: Collection<Record<string, never>>
  readonly #noted = new Map<string, number>()
  #known: readonly string[] = [defaultTenant]
  #listed = Number.NEGATIVE_INFINITY

  constructor(store: DocumentStore) {
    this.#tenants = store.collection(collection)
  }

  /** Before the first job of a tenant is stored, so that it is found even if this process dies. */
  async note(tenant: string): Promise<void> {
    if (tenant === defaultTenant) return
    const now = performance.now()
    if (now - (this.#noted.get(tenant) ?? Number.NEGATIVE_INFINITY) < noteAgainMs) return
    await this.#tenants.put(tenant, {}, { ttlMs: lifeMs })
    this.#noted.set(tenant, now)
    this.heard(tenant)
  }

  heard(tenant: string): void {
    if (!this.#known.includes(tenant)) this.#known = [...this.#known, tenant]
  }

  /** All whose jobs may wait, as of some seconds ago. */
  async known(): Promise<readonly string[]> {
    if (performance.now() - this.#listed > listMs) {
      const found = await this.#tenants.find().toArray()
      this.#known = [...new Set([defaultTenant, ...found.map(({ id }) => id), ...this.#noted.keys()])]
      this.#listed = performance.now()
    }
    return this.#known
  }

  async forget(tenant: string): Promise<void> {
    this.#noted.delete(tenant)
    this.#known = this.#known.filter((known) => known !== tenant)
    await this.#tenants.deleteOne(tenant)
  }
}
