import type { Collection } from '@holdfast/persistence'
import { type RunRecord, underWay } from './run-records.js'

/** A timer that lies further ahead is left to the look that every process takes anyway. */
const farMs = 3_600_000

/** Runs that wait without an owner: they cost a document and no place among the runs of a process. */
export class ParkedRuns {
  readonly #records: Collection<RunRecord>
  readonly #onDue: () => void
  readonly #timers = new Set<NodeJS.Timeout>()

  /** @param onDue called at the times at which runs that were parked here are to be woken */
  constructor(records: Collection<RunRecord>, onDue: () => void) {
    this.#records = records
    this.#onDue = onDue
  }

  /** One was parked here. @param until milliseconds since 1970; `undefined`: no time */
  parked(until: number | undefined): void {
    const ms = until === undefined ? Number.POSITIVE_INFINITY : until - Date.now()
    if (ms > farMs) return
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer)
        this.#onDue()
      },
      Math.max(0, ms),
    ).unref()
    this.#timers.add(timer)
  }

  /** Those whose time has come want an owner again. */
  async wakeDue(): Promise<void> {
    await this.#records.updateMany(
      { open: false, wakeAt: { $lte: Date.now() } },
      { $set: { open: true }, $unset: { wakeAt: '' } },
    )
  }

  /** Something is asked of a run. @returns whether it was parked */
  async wake(id: string): Promise<boolean> {
    const woken = await this.#records.updateOne(
      { _id: id, open: false, state: { $in: [...underWay] } },
      { $set: { open: true }, $unset: { wakeAt: '' } },
    )
    return woken !== undefined
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }
}
