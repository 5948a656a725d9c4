import type { Collection, TenantStore } from '@holdfast/persistence'
import type { GraphVersions } from './graph-versions.js'
import { type RunRecord, runRecords, underWay } from './run-records.js'

/** Lets runs begin that wait for others to end, the one of highest priority first. Counting and beginning are one transaction, so that no two
 *  processes give away the same place. */
export class Admission {
  readonly #store: TenantStore
  readonly #records: Collection<RunRecord>
  readonly #versions: GraphVersions
  readonly #maxRuns: number

  /** @param maxRuns of all graphs together */
  constructor(store: TenantStore, versions: GraphVersions, maxRuns: number = Number.POSITIVE_INFINITY) {
    this.#store = store
    this.#records = runRecords(store)
    this.#versions = versions
    this.#maxRuns = maxRuns
  }

  /** Whether runs of a version may have to wait. */
  limits(maxRunsOfGraph: number | undefined): boolean {
    return maxRunsOfGraph !== undefined || this.#maxRuns !== Number.POSITIVE_INFINITY
  }

  /** @returns how many may begin now */
  async admit(): Promise<number> {
    let admitted = 0
    const skipped = new Set<string>()
    for (;;) {
      const waiting = await this.#records.findOne(
        { state: 'queued', ...(skipped.size === 0 ? {} : { graph: { $nin: [...skipped] } }) },
        { sort: { priority: -1, order: 1 } },
      )
      if (waiting === undefined) return admitted
      const { graph, version } = waiting.data
      const { compiled } = await this.#versions.get(version)
      const limit = compiled.source.maxRuns ?? Number.POSITIVE_INFINITY
      const outcome = await this.#store.transaction(async (tx) => {
        const records = runRecords(tx)
        const state = { $in: [...underWay] }
        const [all, ofGraph] = [await records.count({ state }), await records.count({ state, graph })]
        if (all >= this.#maxRuns) return 'full'
        if (ofGraph >= limit) return 'graph full'
        const begun = await records.updateOne(
          { _id: waiting.id, state: 'queued' },
          { $set: { state: 'running', open: true } },
        )
        return begun === undefined ? 'gone' : 'admitted'
      })
      if (outcome === 'admitted') admitted += 1
      else if (outcome === 'full') return admitted
      else if (outcome === 'graph full') skipped.add(graph)
    }
  }
}
