import type { LogOperations, StoredEntry, StreamKey } from './backend.js'
import { type LogHub, removedError, type StreamWatch } from './log-hub.js'
import { isTransient } from './transient.js'

export interface TailSource extends StreamKey {
  readonly log: string
  readonly operations: LogOperations
  readonly hub: LogHub
  /** Makes the tables on first use. */
  readonly ready: () => Promise<void>
}

/** A page of about this many bytes is read ahead of a consumer, and no more. */
const pageBytes = 1024 * 1024
const firstPage = 64
const largestPage = 1_000

/** The entries of a stream after `after`, then those that come, until `signal` aborts. Every iteration starts anew. */
export function tailStream<R>(
  source: TailSource,
  { after, signal }: { readonly after: number; readonly signal: AbortSignal | undefined },
  decode: (entry: StoredEntry) => R,
): AsyncIterable<R> {
  return {
    [Symbol.asyncIterator]() {
      const stop = new AbortController()
      const entries = follow(source, after, stop, signal, decode)
      return {
        next: () => entries.next(),
        // A generator that waits would take note of its return only with the next entry.
        return: () => {
          stop.abort()
          return entries.return(undefined)
        },
      }
    },
  }
}

async function* follow<R>(
  source: TailSource,
  after: number,
  stop: AbortController,
  signal: AbortSignal | undefined,
  decode: (entry: StoredEntry) => R,
): AsyncGenerator<R, undefined> {
  const onAbort = () => stop.abort()
  signal?.addEventListener('abort', onAbort)
  if (signal?.aborted === true) stop.abort()
  let watch: StreamWatch | undefined
  try {
    await untilStopped(patiently(source, source.ready, stop.signal), stop.signal)
    if (stop.signal.aborted) return undefined
    // Before the first read, so that nothing falls between what is read and what is announced.
    watch = source.hub.watch(source.log, source)
    const pages = new Pages(source, watch, after)
    while (!stop.signal.aborted) {
      const entries = (await untilStopped(pages.next(stop.signal), stop.signal)) ?? []
      for (const entry of entries) {
        if (stop.signal.aborted) return undefined
        yield decode(entry)
      }
    }
    return undefined
  } finally {
    if (watch !== undefined) source.hub.unwatch(watch)
    signal?.removeEventListener('abort', onAbort)
  }
}

class Pages {
  readonly #source: TailSource
  readonly #watch: StreamWatch
  /** All entries up to here were handed out, or are not there any more. */
  #position: number
  #limit = firstPage
  #caughtUp = false
  #lookedAtHead = false

  constructor(source: TailSource, watch: StreamWatch, after: number) {
    this.#source = source
    this.#watch = watch
    this.#position = after
  }

  /** What follows: read, or at hand. May be empty. */
  async next(stop: AbortSignal): Promise<readonly StoredEntry[]> {
    const announced = this.#caughtUp ? await this.#watch.after(this.#position) : []
    const entries = announced.length > 0 ? announced : await this.#read(stop)
    this.#position = Math.max(this.#position, entries.at(-1)?.seq ?? 0)
    return entries
  }

  async #read(stop: AbortSignal): Promise<readonly StoredEntry[]> {
    const { log, tenant, stream, operations } = this.#source
    const { head } = this.#watch
    const range = { tenant, stream, after: this.#position, limit: this.#limit, reverse: false }
    const page = await patiently(this.#source, () => operations.read(log, range), stop)
    this.#caughtUp = page.length < this.#limit
    if (page.length > 0) {
      const bytes = page.reduce((sum, { json }) => sum + json.length, 1)
      this.#limit = Math.min(largestPage, Math.max(1, Math.floor((pageBytes / bytes) * page.length)))
    } else if (!this.#lookedAtHead) {
      await this.#lookAtHead(stop)
    }
    // What was announced before the read and did not come with it was trimmed meanwhile.
    if (this.#caughtUp) this.#position = Math.max(this.#position, head)
    return page
  }

  /** A stream without entries may be one that was removed before anybody watched it. */
  async #lookAtHead(stop: AbortSignal): Promise<void> {
    const { log, tenant, stream, operations } = this.#source
    const [head] = await patiently(this.#source, () => operations.heads(log, [{ tenant, stream }]), stop)
    this.#lookedAtHead = true
    if (head?.removed === true) this.#watch.end(removedError(log, stream))
  }
}

/** Asks again while the database does not answer, up to the hub's patience; then the failure is the tail's. */
export async function patiently<A>(
  { hub }: Pick<TailSource, 'hub'>,
  ask: () => Promise<A>,
  stop: AbortSignal,
): Promise<A> {
  const started = performance.now()
  for (let pauseMs = 50; ; pauseMs = Math.min(1_000, pauseMs * 2)) {
    try {
      return await ask()
    } catch (error) {
      const waitedMs = performance.now() - started + pauseMs
      if (stop.aborted || !isTransient(error) || waitedMs > hub.patienceMs) throw error
      await pause(pauseMs, stop)
    }
  }
}

/** `undefined` as soon as the tail is stopped, whatever becomes of the promise. */
export async function untilStopped<A>(promise: Promise<A>, stop: AbortSignal): Promise<A | undefined> {
  let onAbort: (() => void) | undefined
  const stopped = new Promise<undefined>((resolve) => {
    onAbort = () => resolve(undefined)
    stop.addEventListener('abort', onAbort)
    if (stop.aborted) resolve(undefined)
  })
  try {
    return await Promise.race([promise, stopped])
  } catch (error) {
    if (stop.aborted) return undefined
    throw error
  } finally {
    if (onAbort !== undefined) stop.removeEventListener('abort', onAbort)
  }
}

export function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      stop.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    stop.addEventListener('abort', done)
  })
}
