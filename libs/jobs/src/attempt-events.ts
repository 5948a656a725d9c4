import type { HoldfastError } from '@holdfast/errors'
import { isAborted } from './failures.js'
import { type EventRecord, impliedEvents, type JobRecord } from './record.js'
import type { TenantTables } from './tables.js'

/** Progress that waits beyond this is replaced by what comes after it. */
const mostWaiting = 64
const mostInOneAppend = 500

/** Writes the events of one attempt. Each append says which number it expects, so that whoever took the job over (its first append is
 *  that it started) has the last word.
 *
 *  Nothing is written while all that happened follows from the job's record: a job that only begins and ends has no log. */
export class AttemptEvents {
  readonly #tables: TenantTables
  readonly #id: string
  readonly #record: JobRecord
  readonly #isHeld: () => Promise<boolean>
  #waiting: EventRecord[] = []
  /** The number of the next entry; `undefined`: it has to be looked up. */
  #next: number | undefined
  #count = 0
  #flushing: Promise<void> | undefined
  #lost = false

  /** @param isHeld asked when something else stands where an event was to go */
  constructor(tables: TenantTables, id: string, record: JobRecord, isHeld: () => Promise<boolean>) {
    this.#tables = tables
    this.#id = id
    this.#record = record
    this.#isHeld = isHeld
    if (record.attempt === 1) this.#next = 1
  }

  /** Whether the job's log has anything. */
  get isSilent(): boolean {
    return this.#next === 1 && this.#waiting.length === 0
  }

  /** Says that the attempt begins, unless that follows from the record. */
  async start(): Promise<void> {
    if (this.#record.attempt === 1) return
    for (let race = 0; ; race += 1) {
      const { next } = await this.#tables.events.head(this.#id)
      this.#next = next
      const started: EventRecord = { type: 'started', attempt: this.#record.attempt }
      try {
        await this.#append([...this.beginning(), started], next)
        return
      } catch (error) {
        // The attempt before this one may have been faster with its last word, a few times.
        if (!isAborted(error) || race === 20) throw error
      }
    }
  }

  add(event: EventRecord): void {
    if (this.#lost) return
    const last = this.#waiting.at(-1)
    const isSurplus = event.type === 'progress' && last?.type === 'progress' && this.#waiting.length >= mostWaiting
    if (isSurplus) this.#waiting.pop()
    this.#waiting.push(event)
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = undefined
    })
  }

  /** Waits for what is being written. @returns what is not, to be written with the end */
  async drain(): Promise<EventRecord[]> {
    const late = this.#waiting
    this.#waiting = []
    await this.#flushing
    // What could not be stored is waiting again.
    const left = [...this.#waiting, ...late]
    this.#waiting = []
    return left
  }

  /** What has to be written before anything else: all that followed from the record, if the log is empty. */
  beginning(): readonly EventRecord[] {
    return this.#next === 1 ? impliedEvents({ ...this.#record, state: 'running' }) : []
  }

  async #flush(): Promise<void> {
    // What is told in one go is written in one go.
    await Promise.resolve()
    while (this.#waiting.length > 0 && !this.#lost) {
      const batch = this.#waiting.slice(0, mostInOneAppend)
      this.#waiting = this.#waiting.slice(batch.length)
      try {
        const next = this.#next ?? (await this.#tables.events.head(this.#id)).next
        this.#next = next
        await this.#append([...this.beginning(), ...batch], next)
      } catch (error) {
        const isOutOfPlace = isAborted(error)
        this.#lost = isOutOfPlace && !(await this.#isHeld().catch(() => false))
        // Still its own: the answer to an append of this attempt was lost.
        if (isOutOfPlace) this.#next = undefined
        if (isOutOfPlace || isWorthRepeating(error)) this.#waiting = [...batch, ...this.#waiting]
        if (!isOutOfPlace) return
      }
    }
  }

  async #append(events: readonly EventRecord[], next: number): Promise<void> {
    // Keys let the store find out what became of an append whose answer was lost.
    const entries = events.map((data) => ({ key: `${this.#record.attempt}:${(this.#count += 1)}`, data }))
    const appended = await this.#tables.events.append(this.#id, entries, { ifNext: next })
    this.#next = (appended.at(-1)?.seq ?? next - 1) + 1
  }
}

/** Events that cannot be stored now go with the end, or with the next one. */
function isWorthRepeating(error: unknown): boolean {
  return (error as HoldfastError).code === 'UNAVAILABLE'
}
