import { isOutage, jobNotFound } from './failures.js'
import type { JobName } from './news.js'
import { isEnded, type JobDocument } from './record.js'
import type { Tables, TenantTables } from './tables.js'

/** Between two looks at jobs whose end somebody here waits for, should the news of it be lost. */
const pollMs = 250

/** How a job ended; `value` is what `run` answered, if it ran here. */
export interface EndedJob {
  readonly document: JobDocument
  readonly value?: unknown
}

interface Waiting {
  readonly tables: TenantTables
  readonly id: string
  readonly resolve: (ended: EndedJob) => void
  readonly reject: (error: unknown) => void
}

/** Who waits here for the end of jobs, wherever they run. */
export class EndedJobs {
  readonly #tables: Tables
  readonly #waiting = new Map<string, Set<Waiting>>()
  #timer: NodeJS.Timeout | undefined
  #isLooking = false
  #again = false

  constructor(tables: Tables) {
    this.#tables = tables
  }

  /** Until the job has ended; it is not looked at before somebody tells or the next poll comes.
   *  @throws the signal's reason; NOT_FOUND */
  wait(tables: TenantTables, id: string, signal?: AbortSignal): Promise<EndedJob> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      const name = `${tables.tenant}\0${id}`
      const waiting: Waiting = {
        tables,
        id,
        resolve: (ended) => {
          leave()
          resolve(ended)
        },
        reject: (error) => {
          leave()
          reject(error instanceof Error ? error : new Error(String(error)))
        },
      }
      const onAbort = (): void => waiting.reject(signal?.reason)
      const leave = (): void => {
        signal?.removeEventListener('abort', onAbort)
        const others = this.#waiting.get(name)
        others?.delete(waiting)
        if (others?.size === 0) this.#waiting.delete(name)
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      const others = this.#waiting.get(name)
      if (others === undefined) this.#waiting.set(name, new Set([waiting]))
      else others.add(waiting)
      this.#poll()
    })
  }

  ended({ tenant }: TenantTables, document: JobDocument, value?: unknown): void {
    if (!isEnded(document.data)) return
    const waiting = this.#waiting.get(`${tenant}\0${document.id}`)
    for (const { resolve } of waiting ?? []) resolve(value === undefined ? { document } : { document, value })
  }

  /** Looks at those of the named jobs that somebody waits for. */
  heard(names: readonly JobName[]): void {
    if (names.some(([tenant, id]) => this.#waiting.has(`${tenant}\0${id}`))) this.look()
  }

  look(): void {
    this.#again = true
    if (!this.#isLooking) void this.#lookAll()
  }

  close(error: Error): void {
    clearTimeout(this.#timer)
    for (const waiting of [...this.#waiting.values()].flatMap((set) => [...set])) waiting.reject(error)
  }

  #poll(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      if (this.#waiting.size === 0) return
      this.look()
      this.#poll()
    }, pollMs)
  }

  async #lookAll(): Promise<void> {
    this.#isLooking = true
    while (this.#again) {
      this.#again = false
      const byTenant = new Map<string, Waiting[]>()
      for (const waiting of [...this.#waiting.values()].flatMap((set) => [...set])) {
        const { tenant } = waiting.tables
        byTenant.set(tenant, [...(byTenant.get(tenant) ?? []), waiting])
      }
      for (const [tenant, all] of byTenant) {
        try {
          const documents = await this.#tables.of(tenant).jobs.getMany(all.map(({ id }) => id))
          for (const [index, { id, resolve, reject }] of all.entries()) {
            const document = documents[index]
            if (document === undefined) reject(jobNotFound(id))
            else if (isEnded(document.data)) resolve({ document })
          }
        } catch (error) {
          // It is asked again; who waits decides for how long.
          if (!isOutage(error)) for (const { reject } of all) reject(error)
        }
      }
    }
    this.#isLooking = false
  }
}
