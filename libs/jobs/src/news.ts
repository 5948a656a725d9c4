import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { DocumentStore, Log } from '@holdfast/persistence'

/** What other processes, and other owners of jobs in this one, want to hear at once. All of it can be found out by looking: what gets lost
 *  costs time and nothing else. */
export interface JobNews {
  /** Tenants with jobs that wait for a worker. */
  readonly queued?: readonly string[]
  /** With the attempt that was under way when it was recorded. */
  readonly cancelled?: readonly (readonly [...JobName, attempt: number])[]
  readonly ended?: readonly JobName[]
}

/** Tenant and id. */
export type JobName = readonly [tenant: string, id: string]

interface NewsEntry extends JobNews {
  readonly from: string
}

const stream = 'all'
/** Between two entries of a process, which gather meanwhile; a cancellation does not wait. As long as the store pauses between hints. */
const pauseMs = 50
const failedPauseMs = 500
const mostNames = 2_000

/** One for each store in a process. Where a store has no other processes the news stay in memory. */
export class Newsroom {
  static readonly #rooms = new WeakMap<DocumentStore, Newsroom>()
  readonly #id = randomUUID()
  readonly #log: Log<NewsEntry> | undefined
  readonly #listeners = new Set<(news: JobNews) => void>()
  #queued = new Set<string>()
  #cancelled: NonNullable<JobNews['cancelled']>[number][] = []
  #ended: JobName[] = []
  #publishing: Promise<void> | undefined
  #urgent: (() => void) | undefined
  #stop: AbortController | undefined
  #following: Promise<void> | undefined

  private constructor(store: DocumentStore) {
    this.#log = store.kind === 'postgres' ? store.log('job-news', { retain: { keepLast: 1_000 } }) : undefined
  }

  static of(store: DocumentStore): Newsroom {
    const known = Newsroom.#rooms.get(store)
    if (known !== undefined) return known
    const room = new Newsroom(store)
    Newsroom.#rooms.set(store, room)
    return room
  }

  /** @returns what ends it; resolves when what was told has been published, or could not be */
  listen(listener: (news: JobNews) => void): () => Promise<void> {
    this.#listeners.add(listener)
    if (this.#log !== undefined && this.#stop === undefined) {
      this.#stop = new AbortController()
      this.#following = this.#follow(this.#log, this.#stop.signal)
    }
    return async () => {
      this.#listeners.delete(listener)
      await this.#publishing
      if (this.#listeners.size > 0) return
      this.#stop?.abort()
      this.#stop = undefined
      await this.#following
    }
  }

  /** Told here at once; elsewhere in the background. */
  tell(news: JobNews, from?: (news: JobNews) => void): void {
    for (const listener of this.#listeners) if (listener !== from) listener(news)
    if (this.#log === undefined) return
    for (const tenant of news.queued ?? []) this.#queued.add(tenant)
    this.#cancelled.push(...(news.cancelled ?? []))
    if (this.#ended.length < mostNames) this.#ended.push(...(news.ended ?? []))
    if (news.cancelled !== undefined) this.#urgent?.()
    this.#publishing ??= this.#publish(this.#log).finally(() => {
      this.#publishing = undefined
    })
  }

  async #publish(log: Log<NewsEntry>): Promise<void> {
    while (this.#queued.size + this.#cancelled.length + this.#ended.length > 0) {
      const entry: NewsEntry = {
        from: this.#id,
        ...(this.#queued.size === 0 ? {} : { queued: [...this.#queued] }),
        ...(this.#cancelled.length === 0 ? {} : { cancelled: this.#cancelled }),
        ...(this.#ended.length === 0 ? {} : { ended: this.#ended }),
      }
      this.#queued = new Set()
      this.#cancelled = []
      this.#ended = []
      let waitMs = pauseMs
      try {
        await log.append(stream, [{ data: entry }])
      } catch {
        waitMs = failedPauseMs
      }
      const urgent = new Promise<void>((resolve) => {
        this.#urgent = resolve
      })
      await Promise.race([delay(waitMs), urgent])
    }
  }

  async #follow(log: Log<NewsEntry>, signal: AbortSignal): Promise<void> {
    let after: number | undefined
    while (!signal.aborted) {
      try {
        after ??= (await log.head(stream)).next - 1
        for await (const { seq, data } of log.tail(stream, { after, signal })) {
          after = seq
          if (data.from === this.#id) continue
          for (const listener of this.#listeners) listener(data)
        }
      } catch {
        // An outage, or the log was trimmed beyond us: what is said meanwhile is found by looking.
        after = undefined
        await delay(failedPauseMs, undefined, { signal }).catch(() => undefined)
      }
    }
  }
}
