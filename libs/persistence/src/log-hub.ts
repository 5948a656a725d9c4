import { asHoldfastError, HoldfastError } from '@holdfast/errors'
import type { LogOperations, StoredEntry, StreamKey } from './backend.js'
import { wait } from './conflict-retry.js'
import { anyTopic, type Hints } from './hints.js'
import { isTransient } from './transient.js'

/** Between two looks, so that a busy writer does not keep a watcher looking all the time. */
const pokePauseMs = 10
const failedPokePauseMs = 250

/** What happened to a stream in this process. */
export interface LogChange extends StreamKey {
  readonly log: string
  /** A sequence number that the stream has reached; 0: not known. */
  readonly head: number
  /** Those up to `head` that were appended now, without gaps; none if they have to be read. */
  readonly entries: readonly StoredEntry[]
  readonly removed: boolean
}

export interface LogNotifier {
  /** Call it after the change is durable. */
  notify(change: LogChange): void
  /** Whether anybody in this process would hear of a change to this log. Called after each append. */
  isWatched(log: string): boolean
  /** Tells other processes, which may watch it. */
  appended?(log: string): void
}

/** What a hub asks: of logs, or of anything that has heads that grow. */
export interface HubSource {
  readonly logs: Pick<LogOperations, 'heads'>
  readonly sharedWithOthers: boolean
}

export interface LogHubOptions {
  /** How often streams that others may write to are looked at, in milliseconds, while there is news; default 50. */
  readonly fastestPollMs?: number
  /** The same when nothing happens; default 250. */
  readonly slowestPollMs?: number
  /** How long a tail puts up with a database that does not answer, in milliseconds; default 30,000. */
  readonly patienceMs?: number
  /** How other processes are told, and tell; `topics` is what a log's name begins with there. */
  readonly hints?: { readonly of: Hints; readonly topics: string } | undefined
}

/** Wakes the tails of a store. Appends of this process reach them at once and bring the entries along; for those of other
 *  processes, one statement for each log looks at the heads of all tailed streams together, as long as there are any. */
export class LogHub implements LogNotifier {
  readonly patienceMs: number
  readonly #backend: HubSource
  readonly #fastestPollMs: number
  readonly #slowestPollMs: number
  /** By log, then by tenant and stream. */
  readonly #watches = new Map<string, Map<string, Set<StreamWatch>>>()
  /** Logs that are looked at because of a hint; whether there was another one meanwhile. */
  readonly #pokes = new Map<string, { again: boolean }>()
  #pollMs: number
  #timer: NodeJS.Timeout | undefined
  #failingSince: number | undefined
  readonly #hints: LogHubOptions['hints']
  #stopListening: (() => void) | undefined
  #closed = false

  constructor(backend: HubSource, options: LogHubOptions = {}) {
    this.#backend = backend
    this.#fastestPollMs = options.fastestPollMs ?? 50
    this.#slowestPollMs = options.slowestPollMs ?? 250
    this.patienceMs = options.patienceMs ?? 30_000
    this.#pollMs = this.#fastestPollMs
    this.#hints = options.hints
  }

  /** Tails under way. */
  get tails(): number {
    return this.#all().length
  }

  isWatched(log: string): boolean {
    return this.#watches.has(log)
  }

  appended(log: string): void {
    if (this.#hints !== undefined) this.#hints.of.announce(`${this.#hints.topics}${log}`)
  }

  notify({ log, head, entries, removed, ...key }: LogChange): void {
    this.appended(log)
    for (const watch of this.#watches.get(log)?.get(nameOf(key)) ?? []) {
      if (removed) watch.end(removedError(log, key.stream))
      else watch.announce(head, entries)
    }
  }

  /** Looks at the watched streams of a log now, since they may have grown. Calls while it looks count as one. */
  poke(log: string): void {
    if (this.#closed || !this.#watches.has(log)) return
    const underWay = this.#pokes.get(log)
    if (underWay !== undefined) {
      underWay.again = true
      return
    }
    const poke = { again: false }
    this.#pokes.set(log, poke)
    void this.#lookUntilQuiet(log, poke)
  }

  watch(log: string, key: StreamKey): StreamWatch {
    const watch = new StreamWatch(log, key)
    if (this.#closed) {
      watch.end(closedError())
      return watch
    }
    const streams = this.#watches.get(log) ?? new Map<string, Set<StreamWatch>>()
    this.#watches.set(log, streams)
    const watches = streams.get(nameOf(key)) ?? new Set()
    streams.set(nameOf(key), watches.add(watch))
    this.#pollSoon()
    this.#stopListening ??= this.#listen()
    return watch
  }

  unwatch(watch: StreamWatch): void {
    const streams = this.#watches.get(watch.log)
    const watches = streams?.get(nameOf(watch.key))
    watches?.delete(watch)
    if (watches?.size === 0) streams?.delete(nameOf(watch.key))
    if (streams?.size === 0) this.#watches.delete(watch.log)
    if (this.#watches.size > 0) return
    this.#stopPolling()
    this.#stopListening?.()
    this.#stopListening = undefined
  }

  /** Ends all tails with FAILED_PRECONDITION. */
  close(): void {
    this.#closed = true
    this.#stopPolling()
    this.#stopListening?.()
    for (const watch of this.#all()) watch.end(closedError())
  }

  #listen(): (() => void) | undefined {
    if (this.#hints === undefined) return undefined
    const { of, topics } = this.#hints
    return of.listen((topic) => {
      if (topic === anyTopic) for (const log of this.#watches.keys()) this.poke(log)
      else if (topic.startsWith(topics)) this.poke(topic.slice(topics.length))
    })
  }

  #pollSoon(): void {
    this.#stopPolling()
    this.#pollMs = this.#fastestPollMs
    this.#schedule()
  }

  #stopPolling(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #schedule(): void {
    if (!this.#backend.sharedWithOthers || this.#closed || this.#watches.size === 0 || this.#timer !== undefined) return
    const timer = setTimeout(() => void this.#pollAndGoOn(timer), this.#pollMs)
    this.#timer = timer
  }

  async #pollAndGoOn(timer: NodeJS.Timeout): Promise<void> {
    const news = await this.#poll()
    // Somebody else may have stopped or restarted the polling meanwhile.
    if (this.#timer !== timer) return
    this.#timer = undefined
    this.#pollMs = news ? this.#fastestPollMs : Math.min(this.#slowestPollMs, this.#pollMs * 1.25)
    this.#schedule()
  }

  /** @returns whether a stream had grown without this process knowing */
  async #poll(): Promise<boolean> {
    try {
      const news = await Promise.all([...this.#watches].map(([log, streams]) => this.#look(log, streams)))
      this.#failingSince = undefined
      return news.includes(true)
    } catch (error) {
      this.#failingSince ??= performance.now()
      const failure = asHoldfastError(error, 'Looking for new entries')
      if (!isTransient(failure) || performance.now() - this.#failingSince > this.patienceMs) {
        for (const watch of this.#all()) watch.end(failure)
      }
      return false
    }
  }

  async #lookUntilQuiet(log: string, poke: { again: boolean }): Promise<void> {
    do {
      poke.again = false
      const streams = this.#watches.get(log)
      if (streams === undefined || this.#closed) break
      let pauseMs = pokePauseMs
      try {
        await this.#look(log, streams)
      } catch {
        // Where there is no polling nobody else would look again.
        poke.again ||= !this.#backend.sharedWithOthers
        pauseMs = failedPokePauseMs
      }
      if (poke.again) await wait(pauseMs)
    } while (poke.again)
    this.#pokes.delete(log)
  }

  async #look(log: string, streams: ReadonlyMap<string, ReadonlySet<StreamWatch>>): Promise<boolean> {
    const groups = [...streams.values()].map((watches) => [...watches])
    const keys = groups.flatMap(([first]) => first?.key ?? [])
    const heads = await this.#backend.logs.heads(log, keys)
    let news = false
    for (const [index, watches] of groups.entries()) {
      const head = heads[index]
      if (head === undefined) continue
      for (const watch of watches) {
        if (head.removed) watch.end(removedError(log, watch.key.stream))
        else if (watch.announce(head.next - 1)) news = true
      }
    }
    return news
  }

  #all(): StreamWatch[] {
    return [...this.#watches.values()].flatMap((streams) => [...streams.values()].flatMap((watches) => [...watches]))
  }
}

interface Waiting {
  readonly position: number
  readonly resolve: (entries: readonly StoredEntry[]) => void
  readonly reject: (error: HoldfastError) => void
}

/** What one tail knows of its stream without asking. It keeps a number, never entries: those are handed to a tail that waits for
 *  just them, and a tail that is behind reads. */
export class StreamWatch {
  readonly log: string
  readonly key: StreamKey
  #head = 0
  #ended: HoldfastError | undefined
  #waiting: Waiting | undefined

  constructor(log: string, key: StreamKey) {
    this.log = log
    this.key = key
  }

  /** The last sequence number that was announced. */
  get head(): number {
    return this.#head
  }

  /** @returns whether that was news */
  announce(head: number, entries: readonly StoredEntry[] = []): boolean {
    if (head <= this.#head) return false
    this.#head = head
    const waiting = this.#waiting
    if (waiting !== undefined && head > waiting.position) {
      this.#waiting = undefined
      const follows = (entries[0]?.seq ?? Infinity) <= waiting.position + 1
      waiting.resolve(follows ? entries.filter(({ seq }) => seq > waiting.position) : [])
    }
    return true
  }

  end(error: HoldfastError): void {
    this.#ended ??= error
    this.#waiting?.reject(error)
    this.#waiting = undefined
  }

  /** Waits for entries after `position`. Resolves with them if they are at hand, else with none: read them.
   *  @throws what the watch was ended with */
  after(position: number): Promise<readonly StoredEntry[]> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    if (this.#head > position) return Promise.resolve([])
    return new Promise((resolve, reject) => {
      this.#waiting = { position, resolve, reject }
    })
  }
}

export function removedError(log: string, stream: string): HoldfastError {
  return new HoldfastError('FAILED_PRECONDITION', `Stream ${stream} of ${log} was removed: use another one`, {
    reason: 'STREAM_REMOVED',
  })
}

function closedError(): HoldfastError {
  return new HoldfastError(
    'FAILED_PRECONDITION',
    'The store was closed: open it again and go on after the last entry',
    {
      reason: 'STORE_CLOSED',
    },
  )
}

const nameOf = ({ tenant, stream }: StreamKey): string => `${tenant}\0${stream}`
