import { asHoldfastError, HoldfastError } from '@holdfast/errors'
import type { Scope } from '@holdfast/persistence'
import { recordArtifacts } from './lineage/record-artifacts.js'
import type { Artifact } from './lineage/artifact.js'
import { type EventRecord, type JobRecord, jobsCollection } from './record.js'
import { jobsIn, type Tables, type TenantTables } from './tables.js'
import { isAborted } from './failures.js'
import { resultsIn } from './results.js'

/** What changes a job, and all that comes with the change or not at all. */
export interface Ending {
  readonly tables: TenantTables
  readonly id: string
  /** Written only if the job still has it: the fence. */
  readonly version: number
  readonly next: JobRecord
  /** How long it is retained from now on; null: until it has ended. */
  readonly ttlMs: number | null
  readonly events: readonly EventRecord[]
  /** The number that the first of them has to get, where the last word may be another's: an attempt that is given up and does not know it. */
  readonly eventsNext?: number
  /** To be linked by the job's document. */
  readonly blobs?: readonly string[]
  readonly artifacts?: readonly Artifact[]
  /** Under which others find its result. */
  readonly cacheKey?: string
  readonly record?: (tx: Scope) => Promise<void>
}

interface Waiting {
  readonly ending: Ending
  readonly resolve: (version: number) => void
  readonly reject: (error: HoldfastError) => void
}

const mostTogether = 32

/** Writes endings. One that is the job's document and nothing else is a put, gathered with others by the store; the rest are transactions,
 *  one at a time for each tenant, each of all that gathered meanwhile: serializable transactions of one process would only make each
 *  other run again. */
export class Endings {
  readonly #tables: Tables
  readonly #lanes = new Map<string, Waiting[]>()

  constructor(tables: Tables) {
    this.#tables = tables
  }

  /** @returns the job's version after it. @throws ABORTED if the job had another one before: nothing was written */
  async write(ending: Ending): Promise<number> {
    const { tables, id, next, version, ttlMs } = ending
    if (isPlain(ending)) return (await tables.jobs.put(id, next, { ifVersion: version, ttlMs })).version
    return new Promise((resolve, reject) => {
      const waiting = { ending, resolve, reject }
      const lane = this.#lanes.get(tables.tenant)
      if (lane === undefined) {
        this.#lanes.set(tables.tenant, [waiting])
        void this.#empty(tables.tenant)
      } else {
        lane.push(waiting)
      }
    })
  }

  async #empty(tenant: string): Promise<void> {
    const lane = this.#lanes.get(tenant) ?? []
    // Those that are asked for in one turn of the event loop go together.
    await Promise.resolve()
    while (lane.length > 0) await this.#writeAll(lane.splice(0, mostTogether))
    this.#lanes.delete(tenant)
  }

  async #writeAll(batch: readonly Waiting[]): Promise<void> {
    const [first] = batch
    if (first === undefined) return
    try {
      const versions = await first.ending.tables.scope.transaction(
        async (tx) => {
          const written: (number | HoldfastError)[] = []
          for (const { ending } of batch) written.push(await this.#writeOne(tx, ending))
          return written
        },
        { maxAttempts: 50 },
      )
      for (const [index, { resolve, reject }] of batch.entries()) {
        const version = versions[index] ?? new HoldfastError('INTERNAL', 'An ending was not answered')
        if (version instanceof HoldfastError) reject(version)
        else resolve(version)
      }
    } catch (error) {
      const failure = asHoldfastError(error, 'Recording the end of a job')
      if (batch.length === 1 || failure.code === 'UNAVAILABLE' || failure.code === 'UNKNOWN') {
        for (const { reject } of batch) reject(failure)
        return
      }
      for (const waiting of batch) await this.#writeAll([waiting])
    }
  }

  /** @returns the error if the job is another's: the others of the batch do not suffer from it */
  async #writeOne(tx: Scope, ending: Ending): Promise<number | HoldfastError> {
    const { id, next, version, ttlMs, events, eventsNext, blobs = [], artifacts = [], cacheKey, record } = ending
    let written: number
    try {
      written = (await jobsIn(tx).put(id, next, { ifVersion: version, ttlMs })).version
    } catch (error) {
      if (isAborted(error) && (error as HoldfastError).reason === 'STALE_VERSION') return error as HoldfastError
      throw error
    }
    const told = eventsNext === undefined ? {} : { ifNext: eventsNext }
    // None of these needs the answer of another one, so that they can be under way together.
    await Promise.all([
      ...blobs.map((hash) => tx.blobs.link(hash, { collection: jobsCollection, id })),
      artifacts.length === 0 ? undefined : recordArtifacts(tx, artifacts),
      cacheKey === undefined ? undefined : resultsIn(tx).put(cacheKey, { job: id }, { ttlMs }),
      events.length === 0
        ? undefined
        : this.#tables.eventsIn(tx).append(
            id,
            events.map((data) => ({ data })),
            told,
          ),
    ])
    await record?.(tx)
    return written
  }
}

function isPlain({ events, blobs = [], artifacts = [], cacheKey, record }: Ending): boolean {
  return (
    events.length === 0 &&
    blobs.length === 0 &&
    artifacts.length === 0 &&
    cacheKey === undefined &&
    record === undefined
  )
}
