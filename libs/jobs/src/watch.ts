import type { EndedJobs } from './ended-jobs.js'
import { isOutage, jobNotFound } from './failures.js'
import type { JobEvent } from './job.js'
import { type EventRecord, impliedEvents, isEnded, isFinal, type JobRecord, toEvent } from './record.js'
import type { TenantTables } from './tables.js'
import type { Entry } from '@holdfast/persistence'

const pageSize = 500
/** Between two looks whether a job that has no log yet has begun. */
const quietPollMs = 100

/** A job's events behind a cursor, then those to come, until it has ended. Those that nobody wrote down are told from its record.
 *  @throws NOT_FOUND */
export async function* watchJob(
  tables: TenantTables,
  ended: EndedJobs,
  id: string,
  after: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<JobEvent> {
  let cursor = after
  const stop = new AbortController()
  const stopped = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal])
  const news = new Wake()
  // Neither of the two is needed for the answer to be right, only for it to be quick.
  const tailing = follow(tables, id, cursor, stopped, news)
  const waiting = ended.wait(tables, id, stopped).then(
    () => news.wake(),
    () => news.wake(),
  )
  try {
    while (signal?.aborted !== true) {
      const { events, isOver } = await look(tables, id, cursor)
      for (const event of events) {
        cursor = event.seq
        yield event
      }
      if (isOver) return
      if (events.length === 0) await news.next(quietPollMs)
    }
  } finally {
    stop.abort(new Error('The watch has ended'))
    await Promise.all([tailing, waiting])
  }
}

/** What there is behind the cursor, and whether nothing can come after it. */
async function look(
  { jobs, events }: TenantTables,
  id: string,
  after: number,
): Promise<{ readonly events: JobEvent[]; readonly isOver: boolean }> {
  // The record first: if it has ended, all of the log was there before.
  const document = await jobs.get(id)
  if (document === undefined) throw jobNotFound(id)
  const { data } = document
  if (data.silent === true && isEnded(data)) return { events: implied(data, after), isOver: true }
  const entries = await events.read(id, { after, limit: pageSize })
  const last = entries.at(-1)
  if (last !== undefined) {
    const isOver = isEnded(data) && entries.length < pageSize && isFinal(last.data)
    return { events: entries.map(fromEntry), isOver }
  }
  // Ended, and the cursor stands behind all of it.
  if (isEnded(data)) return { events: [], isOver: true }
  const { next } = await events.head(id)
  return { events: next === 1 ? implied(data, after) : [], isOver: false }
}

function implied(record: JobRecord, after: number): JobEvent[] {
  return impliedEvents(record)
    .map((event, index) => toEvent(index + 1, event, new Date(event.at)))
    .filter(({ seq }) => seq > after)
}

function fromEntry({ seq, at, data }: Entry<EventRecord>): JobEvent {
  return toEvent(seq, data, at)
}

async function follow(
  { events }: TenantTables,
  id: string,
  after: number,
  signal: AbortSignal,
  news: Wake,
): Promise<void> {
  try {
    for await (const _ of events.tail(id, { after, signal })) news.wake()
  } catch (error) {
    // What cannot be followed is looked at.
    if (!isOutage(error)) news.wake()
  }
}

/** Wakes one who waits, or who comes to wait next. */
class Wake {
  #isAwake = false
  #resolve: (() => void) | undefined

  wake(): void {
    this.#isAwake = true
    this.#resolve?.()
  }

  async next(mostMs: number): Promise<void> {
    if (!this.#isAwake) {
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve) => {
        this.#resolve = resolve
        timer = setTimeout(resolve, mostMs)
      })
      clearTimeout(timer)
      this.#resolve = undefined
    }
    this.#isAwake = false
  }
}
