import type { DocumentStore } from '@holdfast/persistence'
import { LocalEngine, type LocalEngineOptions } from '../engine/local-engine.js'
import { Slots } from '../engine/slots.js'
import { Graphs } from '../graphs.js'
import { Schedules } from '../schedules/schedules.js'
import { ActiveTenants, defaultTenant } from './active-tenants.js'

export interface DagTenantsOptions extends Omit<LocalEngineOptions, 'maxRuns' | 'slots' | 'wanted'> {
  readonly store: DocumentStore
  /** How many runs of all graphs a tenant may have at once, in all processes; its others wait. Default: no limit. */
  readonly maxRunsOf?: (tenant: string) => number | undefined
  /** How often it is looked for tenants that have begun to have work, in milliseconds; default 1,000. */
  readonly lookMs?: number
}

/** What a tenant has: all of it is in the tenant's own store. */
export interface TenantDag {
  readonly graphs: Graphs
  readonly engine: LocalEngine
  readonly schedules: Schedules
}

/** A tenant is looked at so often whether it has anything to do. */
const restMs = 30_000

/** Graphs, runs and schedules of all tenants, in one process: it runs what is to be run of each, in its own store and under its own limit. */
export class DagTenants implements AsyncDisposable {
  readonly #options: DagTenantsOptions
  readonly #active: ActiveTenants
  readonly #slots: Slots
  readonly #opened = new Map<string, TenantDag & { isAtWork: boolean; lookedAt: number }>()
  #timer: NodeJS.Timeout | undefined
  #underWay: Promise<unknown> = Promise.resolve()
  #isClosed = false

  constructor(options: DagTenantsOptions) {
    this.#options = options
    this.#active = new ActiveTenants(options.store)
    this.#slots = new Slots(options.maxActive ?? 1_000)
  }

  of(tenant: string): TenantDag {
    return this.#open(tenant)
  }

  /** Runs of all tenants that this process runs. */
  get active(): number {
    return this.#slots.taken
  }

  /** How many runs have not ended, by state, in all processes: of the tenants that are at work here. */
  async open(): Promise<{ readonly [state: string]: number }> {
    const all: { [state: string]: number } = {}
    for (const counts of await Promise.all([...this.#opened.values()].map(({ engine }) => engine.open()))) {
      for (const [state, count] of Object.entries(counts)) all[state] = (all[state] ?? 0) + count
    }
    return all
  }

  begin(): void {
    this.#work(defaultTenant)
    const look = () => {
      if (this.#isClosed) return
      this.#timer = setTimeout(() => {
        this.#underWay = this.look().finally(look)
      }, this.#options.lookMs ?? 1_000)
    }
    this.#underWay = this.look().finally(look)
  }

  /** Goes to work for those that have some, and leaves those that have none. */
  async look(): Promise<void> {
    try {
      for (const tenant of await this.#active.list()) if (!this.#isClosed) this.#work(tenant)
      for (const [tenant, opened] of this.#opened) {
        const { engine, schedules, lookedAt } = opened
        if (tenant === defaultTenant || engine.active > 0 || performance.now() - lookedAt < restMs) continue
        opened.lookedAt = performance.now()
        const isIdle = async () => (await engine.isIdle()) && (await schedules.isIdle())
        if (!(await this.#active.rest(tenant, isIdle)) || engine.active > 0) continue
        this.#opened.delete(tenant)
        await close(opened)
      }
    } catch {
      // It is looked again soon.
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#underWay
    await Promise.all([...this.#opened.values()].map(close))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #work(tenant: string): void {
    const opened = this.#open(tenant)
    if (opened.isAtWork) return
    opened.isAtWork = true
    opened.engine.begin()
    if (this.#slots.most > 0) opened.schedules.begin()
  }

  #open(tenant: string): TenantDag & { isAtWork: boolean; lookedAt: number } {
    const known = this.#opened.get(tenant)
    if (known !== undefined) return known
    const { store: home, maxRunsOf, warn, ...options } = this.#options
    const store = tenant === defaultTenant ? home : home.tenant(tenant)
    const maxRuns = maxRunsOf?.(tenant)
    const wanted = async () => {
      await this.#active.note(tenant)
      if (!this.#isClosed) this.#work(tenant)
    }
    const tell = warn && ((message: string, facts: object) => warn(message, { ...facts, tenant }))
    const shared = { wanted, ...(tell === undefined ? {} : { warn: tell }) }
    const graphs = new Graphs(store)
    const limit = maxRuns === undefined ? {} : { maxRuns }
    const engine = new LocalEngine(store, { ...options, ...limit, ...shared, slots: this.#slots })
    const schedules = new Schedules({ store, graphs, engine, ...shared })
    const opened = { graphs, engine, schedules, isAtWork: false, lookedAt: performance.now() }
    this.#opened.set(tenant, opened)
    return opened
  }
}

async function close({ engine, schedules }: TenantDag): Promise<void> {
  await schedules.close()
  await engine.close()
}
