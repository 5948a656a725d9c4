import type { HoldfastError } from '@holdfast/errors'
import { isAborted, leaseLost } from './failures.js'
import { type EventRecord, impliedEvents, type JobRecord } from './record.js'
import type { TenantTables } from './tables.js'

/** Progress that waits beyond this is replaced by what comes after it. */
const mostWaiting = 64
const mostInOneAppend = 500
/** What is told within this time is one append: a reader sees it that much later, and a job of half a second that tells ten things costs two
 *  commits instead of ten, beside a model that has better use for the processor. */
const gatheringMs = 200

/** Writes the events of one attempt. Each append says which number it expects, so that whoever took the job over (its first append is
 *  that it started) has the last word.
 *
 *  Nothing is written while all that happened follows from the job's record: a job that only begins and ends has no log. */
export class AttemptEvents {
  readonly #tables: TenantTables
  readonly #id: string
  readonly #record: JobRecord
  readonly #isHeld: () => Promise<boolean>
  readonly #stored: Promise<unknown>
  readonly #gatherMs: number
  #waiting: EventRecord[] = []
  /** The number of the next entry; `undefined`: it has to be looked up. */
  #next: number | undefined
  #count = 0
  #flushing: Promise<void> | undefined
  #hurry: () => void = () => undefined
  #draining = false
  #lost = false

  /** @param isHeld asked when it had to be looked up where an event goes
   *  @param stored before it resolves nothing is written; if it rejects, nothing ever is */
  constructor(
    tables: TenantTables,
    id: string,
    record: JobRecord,
    isHeld: () => Promise<boolean>,
    { stored = Promise.resolve(), gatherMs = gatheringMs }: { stored?: Promise<unknown>; gatherMs?: number } = {},
  ) {
    this.#stored = stored
    this.#gatherMs = gatherMs
    this.#tables = tables
    this.#id = id
    this.#record = record
    this.#isHeld = isHeld
    if (record.attempt === 1 && record.hasLog !== true) this.#next = 1
  }

  /** Whether the job's log has anything. */
  get isSilent(): boolean {
    return this.#next === 1 && this.#waiting.length === 0
  }

  /** Says that the attempt begins, unless that follows from the record. @throws ABORTED if the job is another's by now */
  async start(): Promise<void> {
    if (this.#next === 1) return
    for (let race = 0; ; race += 1) {
      const next = await this.#place()
      if (next === undefined) throw leaseLost(this.#id)
      const started: EventRecord = { type: 'started', attempt: this.#record.attempt }
      try {
        await this.#append([...this.beginning(), started], next)
        return
      } catch (error) {
        // The attempt before this one may have been faster with its last word, a few times.
        if (!isAborted(error) || race === 20) throw error
        this.#next = undefined
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
    this.#draining = true
    this.#hurry()
    await this.#flushing
    this.#draining = false
    // What could not be stored is waiting again.
    const left = [...this.#waiting, ...late]
    this.#waiting = []
    return left
  }

  /** What has to be written before anything else: all that followed from the record, if the log is empty. */
  beginning(): readonly EventRecord[] {
    return this.#next === 1 ? impliedEvents({ ...this.#record, state: 'running' }) : []
  }

  /** Makes sure that what stands in the log is known. To be called before `beginning`, of an attempt that holds the job. */
  async know(): Promise<void> {
    this.#next ??= (await this.#tables.events.head(this.#id)).next
  }

  /** Where the next entry goes; `undefined`: the job is another's. Whether it is this attempt's is asked after the place was looked up: who takes
   *  it over later writes to that place, or behind it. The other way round an attempt that slept in between had its word behind those of others,
   *  even behind the last. */
  async #place(): Promise<number | undefined> {
    if (this.#next !== undefined) return this.#next
    const { next } = await this.#tables.events.head(this.#id)
    if (!(await this.#isHeld())) return undefined
    this.#next = next
    return next
  }

  async #flush(): Promise<void> {
    try {
      await this.#stored
    } catch {
      this.#lost = true
    }
    for (;;) {
      await this.#gather()
      if (this.#waiting.length === 0 || this.#lost) return
      const batch = this.#waiting.slice(0, mostInOneAppend)
      this.#waiting = this.#waiting.slice(batch.length)
      try {
        const next = await this.#place()
        this.#lost = next === undefined
        if (next !== undefined) await this.#append([...this.beginning(), ...batch], next)
      } catch (error) {
        // Something else stands there: the answer to an append of this attempt was lost, or the job is another's.
        const isOutOfPlace = isAborted(error)
        // After an outage nobody knows what was stored.
        this.#next = undefined
        if (isOutOfPlace || isWorthRepeating(error)) this.#waiting = [...batch, ...this.#waiting]
        if (!isOutOfPlace) return
      }
    }
  }

  async #gather(): Promise<void> {
    if (this.#draining) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#gatherMs)
      this.#hurry = () => {
        clearTimeout(timer)
        resolve()
      }
    })
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
