import { setTimeout as pause } from 'node:timers/promises'
import { HoldfastError } from '@holdfast/errors'
import type { Log, TenantStore } from '@holdfast/persistence'
import { isDeepStrictEqual } from 'node:util'
import type { Json } from '../graph/graph.js'
import type { RunEvent } from '../run/events.js'

/** An event as it is stored: what is large is in blobs. */
type StoredEvent =
  | RunEvent
  | (Omit<RunEvent, 'outputs'> & { readonly blob: { readonly member: string; readonly hash: string } })

/** Above this many bytes of JSON, what an event carries goes to blobs. */
const inlineBytes = 64 * 1024
const carriers = ['outputs', 'inputs', 'payload'] as const
const pageEntries = 10_000
const logName = 'dag-events'

/** Somebody else writes the log of a run: this process owns it no more. */
export class LogTaken extends Error {}

/** The log of one run, written by one owner. */
export class RunLog {
  readonly #store: TenantStore
  readonly #log: Log<StoredEvent>
  readonly #run: string
  #next = 1

  constructor(store: TenantStore, run: string) {
    this.#store = store
    this.#log = eventLog(store)
    this.#run = run
  }

  /** The events that are there; those after it continue from here. */
  async *read(): AsyncGenerator<RunEvent> {
    for (;;) {
      const entries = await this.#log.read(this.#run, { after: this.#next - 1, limit: pageEntries })
      for (const { seq, data } of entries) {
        this.#next = seq + 1
        yield await loadEvent(this.#store, data)
      }
      if (entries.length < pageEntries) return
    }
  }

  /** Appends all, or throws LogTaken. While the database is away it waits; what became of an append that was not answered is looked up.
   *  @throws CANCELLED when `signal` aborts */
  async append(events: readonly RunEvent[], signal: AbortSignal): Promise<void> {
    const stored = await this.#patiently(() => Promise.all(events.map((event) => this.#stored(event))), signal)
    const entries = stored.map((data) => ({ data }))
    let isUnknown = false
    await this.#patiently(async () => {
      if (isUnknown && (await this.#isThere(stored))) return
      try {
        await this.#log.append(this.#run, entries, { ifNext: this.#next })
      } catch (error) {
        if (error instanceof HoldfastError && error.code === 'ABORTED')
          throw new LogTaken(error.message, { cause: error })
        isUnknown = true
        throw error
      }
    }, signal)
    this.#next += events.length
  }

  async #isThere(stored: readonly StoredEvent[]): Promise<boolean> {
    const found = await this.#log.read(this.#run, { after: this.#next - 1, limit: stored.length + 1 })
    if (found.length === 0) return false
    // What is written here is what would have been written, so that it does not matter whose it is.
    if (
      isDeepStrictEqual(
        found.map(({ data }) => data),
        JSON.parse(JSON.stringify(stored)),
      )
    )
      return true
    throw new LogTaken(`The log of run ${this.#run} was written by another process`)
  }

  async #patiently<A>(work: () => Promise<A>, signal: AbortSignal): Promise<A> {
    for (let pauseMs = 20; ; pauseMs = Math.min(1_000, pauseMs * 2)) {
      try {
        return await work()
      } catch (error) {
        if (!isTransient(error) || signal.aborted) throw error
        await pause(pauseMs, undefined, { signal }).catch(() => undefined)
        if (signal.aborted) throw error
      }
    }
  }

  async #stored(event: RunEvent): Promise<StoredEvent> {
    for (const member of carriers) {
      const value = (event as { readonly [name: string]: unknown })[member]
      if (value === undefined || !mayBeLarge(value)) continue
      const text = JSON.stringify(value)
      if (text.length <= inlineBytes) continue
      const { hash } = await this.#store.blobs.put(Buffer.from(text), { contentType: 'application/json' })
      await this.#store.blobs.link(hash, { log: logName, stream: this.#run })
      const { [member]: _, ...rest } = event as unknown as { readonly [name: string]: unknown }
      return { ...rest, blob: { member, hash } } as unknown as StoredEvent
    }
    return event
  }
}

export function eventLog(store: Pick<TenantStore, 'log'>): Log<StoredEvent> {
  return store.log<StoredEvent>(logName)
}

export async function loadEvent(store: Pick<TenantStore, 'blobs'>, stored: StoredEvent): Promise<RunEvent> {
  if (!('blob' in stored)) return stored
  const { blob, ...event } = stored
  const value = JSON.parse((await store.blobs.bytes(blob.hash)).toString()) as Json
  return { ...event, [blob.member]: value } as unknown as RunEvent
}

/** Cheaper than its JSON; never says no of what is large. */
function mayBeLarge(value: unknown, budget = { left: inlineBytes / 8 }): boolean {
  if (typeof value === 'string') budget.left -= value.length
  else if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      budget.left -= name.length + 2
      if (budget.left < 0 || mayBeLarge(member, budget)) return true
    }
  } else budget.left -= 4
  return budget.left < 0
}

export function isTransient(error: unknown): boolean {
  return (
    error instanceof HoldfastError &&
    (error.code === 'UNAVAILABLE' || error.code === 'UNKNOWN' || error.code === 'DEADLINE_EXCEEDED')
  )
}
