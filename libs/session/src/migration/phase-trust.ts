import { HoldfastError } from '@holdfast/errors'
import type { PhaseRow, PhaseState } from './phase.js'

/** How long the row is read in the background after the last use. */
const idleMs = 5_000
/** A change that raised the fence and went no further is taken over after so long. */
const stuckMs = 2_000
const giveUpMs = 30_000

/** What this process knows of the phase. It reads under it for `trustMs` after it began to read the row; whoever makes the other store the
 *  truth waits for longer than that. Writes need no trust: the database refuses those of another epoch. */
export class PhaseTrust {
  readonly trustMs: number
  readonly #row: PhaseRow
  #state: PhaseState | undefined
  #readAt = -Infinity
  #reading: Promise<PhaseState> | undefined
  #timer: NodeJS.Timeout | undefined
  #lastUse = 0
  #closed = false

  constructor(row: PhaseRow, trustMs: number) {
    this.#row = row
    this.trustMs = trustMs
  }

  async current(): Promise<PhaseState> {
    this.#use()
    const state = this.#state
    return state !== undefined && this.#isFresh(state) ? state : this.#read()
  }

  /** Whether what was read meanwhile was read under this state. */
  async holds(state: PhaseState): Promise<boolean> {
    if (this.#state?.epoch === state.epoch && this.#isFresh(state)) return true
    // In a hold the next phase may begin at any moment: only a look after the read tells.
    return (await this.#readAnew()).epoch === state.epoch
  }

  /** Waits until a state other than this one may be written under. @throws UNAVAILABLE if that takes too long */
  async next(state: PhaseState): Promise<PhaseState> {
    const startedAt = performance.now()
    for (let waitMs = 2; ; waitMs = Math.min(25, waitMs * 2)) {
      const now = await this.#readAnew()
      const waitedMs = performance.now() - startedAt
      if (now.epoch !== state.epoch && now.hold === undefined) return now
      const isOver = now.hold !== undefined && now.hold.leftMs <= 0
      // Refused by a fence that was raised by somebody who then died.
      const isStuck = now.hold === undefined && now.epoch === state.epoch && waitedMs > stuckMs
      if (isOver || isStuck) await this.#row.change(now, now.phase).catch(ignoreRace)
      if (this.#closed || waitedMs > giveUpMs) {
        throw new HoldfastError('UNAVAILABLE', 'The migration holds writes back for too long: look at its status', {
          reason: 'MIGRATION_HOLDS',
          retryAfterMs: 1_000,
        })
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs))
    }
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #isFresh({ hold }: PhaseState): boolean {
    return hold === undefined && performance.now() < this.#readAt + this.trustMs
  }

  #read(): Promise<PhaseState> {
    this.#reading ??= this.#readAnew().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #readAnew(): Promise<PhaseState> {
    const sentAt = performance.now()
    const state = await this.#row.readOr(this.#state)
    if (this.#state === undefined || state.epoch >= this.#state.epoch) {
      this.#state = state
      this.#readAt = Math.max(this.#readAt, sentAt)
    }
    return state
  }

  #use(): void {
    this.#lastUse = performance.now()
    if (this.#timer !== undefined || this.#closed) return
    const tick = (): void => {
      this.#timer = undefined
      if (this.#closed || performance.now() - this.#lastUse > idleMs) return
      void this.#read()
        .catch(() => undefined)
        .finally(() => {
          if (this.#timer === undefined && !this.#closed) this.#timer = setTimeout(tick, this.trustMs / 3).unref()
        })
    }
    this.#timer = setTimeout(tick, this.trustMs / 3).unref()
  }
}

function ignoreRace(error: unknown): void {
  if (!(error instanceof HoldfastError) || error.reason !== 'PHASE_CHANGED') throw error
}
