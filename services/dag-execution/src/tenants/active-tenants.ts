import { HoldfastError } from '@holdfast/errors'
import type { Collection, DocumentStore } from '@holdfast/persistence'

/** Whoever knows no tenants has this one; it is always looked after. */
export const defaultTenant = 'default'

/** What was noted so long ago is noted again. */
const noteAgainMs = 20_000
/** A tenant that was noted so recently stays: a run of it may be on its way to the store. */
const defaultRestAfterMs = 60_000

/** Whose graphs are to be run. A claim sees one tenant, so that every process has to know in whose stores to look, and looking into all of them
 *  would cost the same for a tenant that was here once as for one at work. */
export class ActiveTenants {
  readonly #store: DocumentStore
  readonly #tenants: Collection<{ readonly active: boolean }>
  readonly #restAfterMs: number
  readonly #noted = new Map<string, number>()

  constructor(store: DocumentStore, restAfterMs: number = defaultRestAfterMs) {
    this.#store = store
    this.#restAfterMs = restAfterMs
    this.#tenants = store.collection('dag-tenants', { columns: ['active'], indexes: [{ on: 'active' }] })
  }

  /** Called before a run or a schedule is stored, so that it is found even if this process dies. */
  async note(tenant: string): Promise<void> {
    const now = performance.now()
    if (tenant === defaultTenant || now - (this.#noted.get(tenant) ?? Number.NEGATIVE_INFINITY) < noteAgainMs) return
    await this.#tenants.put(tenant, { active: true })
    this.#noted.set(tenant, now)
  }

  async list(): Promise<readonly string[]> {
    const found = await this.#tenants.find({ active: true }).toArray()
    return found.map(({ id }) => id)
  }

  /** Takes a tenant from the list that has nothing to do. @returns whether it is not on it any more */
  async rest(tenant: string, isIdle: () => Promise<boolean>): Promise<boolean> {
    const found = await this.#tenants.get(tenant)
    if (found?.data.active !== true) return true
    const now = await this.#store.now()
    if (now.getTime() - found.updatedAt.getTime() < this.#restAfterMs || !(await isIdle())) return false
    try {
      // Whoever notes it meanwhile makes another version of it.
      await this.#tenants.updateOne(tenant, { $set: { active: false } }, { ifVersion: found.version })
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'ABORTED') return false
      throw error
    }
    this.#noted.delete(tenant)
    return true
  }
}
