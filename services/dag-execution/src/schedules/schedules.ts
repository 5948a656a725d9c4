import { Cron } from 'croner'
import { invalidField } from '@holdfast/errors'
import type { Collection, Document, TenantStore } from '@holdfast/persistence'
import type { ExecutionEngine } from '../engine/execution-engine.js'
import { isTransient } from '../engine/run-log.js'
import type { JsonObject } from '../graph/graph.js'
import type { Graphs } from '../graphs.js'

/** What happens with times that came while nobody was there: left out, one run for all of them, or one for each (at most 100). */
export type MissedPolicy = 'skip' | 'once' | 'all'

export interface NewSchedule {
  readonly id: string
  /** The name of a graph. */
  readonly graph: string
  /** Five fields, or six with seconds first: `0 3 * * *`. */
  readonly cron: string
  /** IANA name; default `UTC`. What a change of the clocks leaves out runs right after it, what it repeats runs once. */
  readonly timeZone?: string
  readonly inputs?: JsonObject
  /** Default `once`. */
  readonly missed?: MissedPolicy
  readonly paused?: boolean
}

export interface Schedule extends Required<NewSchedule> {
  /** When it comes next; absent: never, or it is paused. */
  readonly nextAt?: Date
}

type ScheduleRecord = Omit<Required<NewSchedule>, 'id'> & { readonly nextAt: number | null }

/** A time that lies further back was missed. */
const graceMs = 60_000
const maxMissed = 100

export interface SchedulesOptions {
  readonly store: TenantStore
  readonly graphs: Graphs
  readonly engine: ExecutionEngine
  /** How often it is looked for times that have come, in milliseconds; default 1,000. */
  readonly pollMs?: number
  /** Milliseconds since 1970; default: the clock. */
  readonly now?: () => number
  /** Called before a schedule is stored: from now on there is work in this store. */
  readonly wanted?: () => Promise<void>
  readonly warn?: (message: string, facts: { readonly [name: string]: unknown }) => void
}

/** Starts graphs at the times that schedules say: any number of processes, each time one run, since its key is the schedule and the time. */
export class Schedules {
  readonly #records: Collection<ScheduleRecord>
  readonly #options: SchedulesOptions
  #timer: NodeJS.Timeout | undefined
  #underWay: Promise<unknown> = Promise.resolve()
  #isClosed = false

  constructor(options: SchedulesOptions) {
    this.#options = options
    this.#records = options.store.collection('dag-schedules', { columns: ['nextAt'], indexes: [{ on: 'nextAt' }] })
  }

  begin(): void {
    const { pollMs = 1_000 } = this.#options
    const look = () => {
      if (this.#isClosed) return
      this.#timer = setTimeout(() => {
        this.#underWay = this.startDue().finally(look)
      }, pollMs)
    }
    look()
  }

  /** @throws INVALID_ARGUMENT; NOT_FOUND if there is no such graph */
  async put(schedule: NewSchedule): Promise<Schedule> {
    const { id, graph, cron, timeZone = 'UTC', inputs = {}, missed = 'once', paused = false } = schedule
    if (!/^[\w.-]{1,128}$/.test(id))
      throw invalidField('id', 'must be 1 to 128 letters, digits, dots, hyphens and underscores')
    await this.#options.graphs.get(graph)
    await this.#options.wanted?.()
    const nextAt = paused ? null : timeAfter(cron, timeZone, this.#now())
    return scheduleOf(await this.#records.put(id, { graph, cron, timeZone, inputs, missed, paused, nextAt }))
  }

  /** Whether none has a next time. */
  async isIdle(): Promise<boolean> {
    return (await this.#records.findOne({ nextAt: { $gt: 0 } })) === undefined
  }

  async list({ limit = 50, cursor }: { readonly limit?: number; readonly cursor?: string } = {}): Promise<{
    readonly schedules: readonly Schedule[]
    readonly next?: string
  }> {
    const page = await this.#records.find({}, { limit, ...(cursor === undefined ? {} : { after: cursor }) }).page()
    return { schedules: page.items.map(scheduleOf), ...(page.next === undefined ? {} : { next: page.next }) }
  }

  async delete(id: string): Promise<void> {
    await this.#records.deleteOne(id)
  }

  /** Starts what is due. @returns how many runs */
  async startDue(): Promise<number> {
    let started = 0
    try {
      for (;;) {
        const now = this.#now()
        const claimed = await this.#records.claim({ nextAt: { $lte: now } }, { sort: { nextAt: 1 }, leaseMs: 30_000 })
        if (claimed === undefined) return started
        const { cron, timeZone } = claimed.data
        for (const time of dueTimes(claimed.data, now)) {
          await this.#start(claimed.id, claimed.data, time)
          started += 1
        }
        await claimed.lease.release({ set: { nextAt: timeAfter(cron, timeZone, now) } })
      }
    } catch (error) {
      // The lease runs out, and whoever looks then starts it under the same key.
      if (!isTransient(error))
        this.#options.warn?.('A schedule cannot start its graph', { error: (error as Error).message })
      return started
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#underWay
  }

  async #start(id: string, { graph, inputs }: ScheduleRecord, time: number): Promise<void> {
    try {
      const { graph: value } = await this.#options.graphs.get(graph)
      const at = new Date(time).toISOString()
      await this.#options.engine.start({
        graph: value,
        inputs,
        key: `schedule:${id}:${at}`,
        labels: { schedule: id, scheduledFor: at },
      })
    } catch (error) {
      if (isTransient(error)) throw error
      // A graph that was deleted, or asks for other inputs now, must not keep the schedule from its next time.
      this.#options.warn?.('A schedule cannot start its graph', {
        schedule: id,
        graph,
        error: (error as Error).message,
      })
    }
  }

  #now(): number {
    return this.#options.now?.() ?? Date.now()
  }
}

function scheduleOf({ id, data }: Document<ScheduleRecord>): Schedule {
  const { nextAt, ...rest } = data
  return { id, ...rest, ...(nextAt === null ? {} : { nextAt: new Date(nextAt) }) }
}

/** @throws INVALID_ARGUMENT naming `cron` or `timeZone` */
function timeAfter(cron: string, timeZone: string, after: number): number | null {
  if (!isTimeZone(timeZone))
    throw invalidField('timeZone', `must be a time zone such as Europe/Berlin, and is ${timeZone}`)
  try {
    return new Cron(cron, { timezone: timeZone, paused: true }).nextRun(new Date(after))?.getTime() ?? null
  } catch (cause) {
    throw invalidField('cron', `must be a cron expression: ${(cause as Error).message}`, { cause })
  }
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).format() !== ''
  } catch {
    return false
  }
}

/** The times up to now that are to be run, as the policy says. */
function dueTimes({ cron, timeZone, missed, nextAt }: ScheduleRecord, now: number): number[] {
  if (nextAt === null) return []
  const times: number[] = []
  for (let time: number | null = nextAt; time !== null && time <= now && times.length < maxMissed;) {
    times.push(time)
    time = timeAfter(cron, timeZone, time)
  }
  const fresh = times.filter((time) => time > now - graceMs)
  if (missed === 'all') return times
  if (missed === 'skip') return fresh.slice(-1)
  return times.slice(-1)
}
