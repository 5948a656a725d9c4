import { setTimeout as delay } from 'node:timers/promises'
import type { Backend, LogOperations, OutcomeOperations, StreamKey, TrimTo } from '../backend.js'
import type { LogRetention, UpkeepOperations } from './upkeep-operations.js'

/** What a sweep deleted. */
export interface SweepReport {
  /** Documents whose lifetime had run out. */
  readonly expired: number
  /** Soft-deleted documents whose data was erased. */
  readonly purged: number
  /** Tombstones that were not needed any more. */
  readonly tombstones: number
  /** Entries of logs with a retention. */
  readonly entries: number
  /** Results of transactions with a key, after `keyRetentionMs`. */
  readonly outcomes: number
}

/** How long a transaction's key is remembered: 7 days. */
export const keyRetentionMs: number = 7 * 24 * 3_600_000

export const defaultSweepIntervalMs = 60_000

/** Small enough that nobody notices the locks of a batch. */
const batchRows = 500

/** What one turn of the timer does to one collection or log at most, so that a store never spends itself on sweeping: 10,000 rows. */
const batchesPerTurn = 20

/** Deletes in the background what nobody sees any more: expired documents, the data of tombstones, entries beyond a log's retention.
 *  Every store has one. They do not know of each other and need not: a batch takes what nobody else is deleting. */
export class Sweeper {
  readonly #upkeep: UpkeepOperations
  readonly #logs: LogOperations
  readonly #outcomes: OutcomeOperations
  readonly #stop = new AbortController()
  /** Where the next turn goes on in the streams of a log. */
  readonly #places = new Map<string, StreamKey>()
  #running: Promise<unknown> = Promise.resolve()

  /** @param intervalMs between turns, give or take half; 0: only when it is called */
  constructor({ upkeep, logs, outcomes }: Pick<Backend, 'upkeep' | 'logs' | 'outcomes'>, intervalMs: number) {
    this.#upkeep = upkeep
    this.#logs = logs
    this.#outcomes = outcomes
    if (intervalMs > 0) void this.#takeTurns(intervalMs)
  }

  /** Deletes all that is due. */
  sweep(): Promise<SweepReport> {
    return this.#alone(() => this.#run(Infinity))
  }

  /** No turn begins any more; resolves when the one under way has ended. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #takeTurns(intervalMs: number): Promise<void> {
    const { signal } = this.#stop
    for (;;) {
      try {
        await delay(intervalMs * (0.5 + Math.random()), undefined, { ref: false, signal })
      } catch {
        return
      }
      // What it could not delete now, the next turn will; an outage is told to those who ask for something.
      await this.#alone(() => this.#run(batchesPerTurn)).catch(() => undefined)
    }
  }

  /** One at a time, so that closing has one to wait for. */
  #alone(work: () => Promise<SweepReport>): Promise<SweepReport> {
    const result = this.#running.then(work)
    this.#running = result.catch(() => undefined)
    return result
  }

  /** One duty that fails keeps none of the others from being done; the first failure is thrown at the end. */
  async #run(maxBatches: number): Promise<SweepReport> {
    const { expiring, softDeleting, retaining } = await this.#upkeep.duties()
    const failures: unknown[] = []
    const done = async (duty: () => Promise<number>): Promise<number> => {
      try {
        return await duty()
      } catch (error) {
        failures.push(error)
        return 0
      }
    }
    const batches = (step: () => Promise<number>) => done(() => this.#inBatches(maxBatches, step))
    let [expired, purged, tombstones, entries] = [0, 0, 0, 0]
    for (const collection of expiring) expired += await batches(() => this.#upkeep.expire(collection, batchRows))
    for (const { collection, softDelete } of softDeleting) {
      purged += await batches(() => this.#upkeep.purge(collection, softDelete, batchRows))
      tombstones += await batches(() => this.#upkeep.forget(collection, softDelete, batchRows))
    }
    for (const { log, retention } of retaining) entries += await done(() => this.#trim(log, retention, maxBatches))
    const outcomes = await batches(() => this.#outcomes.sweep(keyRetentionMs, batchRows))
    if (failures.length > 0) throw failures[0]
    return { expired, purged, tombstones, entries, outcomes }
  }

  async #inBatches(maxBatches: number, step: () => Promise<number>): Promise<number> {
    let total = 0
    for (let batch = 0; batch < maxBatches && !this.#stop.signal.aborted; batch += 1) {
      const count = await step()
      total += count
      if (count < batchRows) break
    }
    return total
  }

  async #trim(log: string, retention: LogRetention, maxBatches: number): Promise<number> {
    let total = 0
    let after = maxBatches === Infinity ? undefined : this.#places.get(log)
    for (let batch = 0; batch < maxBatches && !this.#stop.signal.aborted; batch += 1) {
      const { streams, next } = await this.#upkeep.overdue(log, retention, after, batchRows)
      for (const stream of streams) {
        if (this.#stop.signal.aborted) return total
        for (const to of limitsOf(retention)) total += await this.#logs.trim(log, stream, to)
      }
      after = next
      if (next === undefined) break
    }
    if (after === undefined) this.#places.delete(log)
    else this.#places.set(log, after)
    return total
  }
}

function limitsOf({ keepLast, olderThanMs }: LogRetention): TrimTo[] {
  return [...(keepLast === undefined ? [] : [{ keepLast }]), ...(olderThanMs === undefined ? [] : [{ olderThanMs }])]
}
