import { HoldfastError } from '@holdfast/errors'
import { StandingDelay } from './delay.js'

export interface LoadOptions {
  /** Calls with one response that are served at once, at most. The limit in force moves between 8 and this. Default 1,000. */
  readonly maxCalls?: number
  /** Calls that wait for a place; more are refused at once. Default 1,000. */
  readonly maxWaiting?: number
  /** Streams that are open at once; more are refused. Default 5,000. */
  readonly maxStreams?: number
  /** How long work may stand in this process before fewer calls are served at once, in milliseconds; default 100. */
  readonly targetDelayMs?: number
  /** Age of the oldest work that waits for something else than this thread (a database), in milliseconds. Asked every 10 ms. */
  readonly pressureMs?: () => number
}

/** What an operator sees of it. */
export interface LoadFigures {
  /** Calls that are served at once, at most, at present. */
  readonly limit: number
  readonly running: number
  readonly waiting: number
  readonly streams: number
  /** Since the start. */
  readonly refused: number
  /** Calls were refused within the last second. */
  readonly isShedding: boolean
}

interface Waiting {
  readonly since: number
  readonly start: () => void
  readonly refuse: (error: HoldfastError) => void
}

/** Calls of up to so many callers at once are never refused: they only wait, and what is slow then is not this server. */
const neverRefused = 64
/** Where the limit begins: as many calls as a batch of the database gains by. It grows by itself. */
const firstLimit = 64
/** Calls that each keep the thread for long gain nothing by being served at once: all of them would end late. */
const leastLimit = 8
/** A queue that was empty within the last 500 ms is a burst, and may wait that long; one that was not is overload, and what waits in it
 *  is of use only if it goes on soon (`Fail at Scale`, https://queue.acm.org/detail.cfm?id=2839461). */
const burstMs = 500
const standingWaitMs = 100
/** How long calls may begin one after the other while everything else waits for this thread. What has arrived by then stands in the sockets, where nobody
 *  sees it: it is taken out, put into the queue, and begins a few at a time. */
const turnMs = 25
const startsAtOnce = 8

/** Decides which calls are served now, which wait a little, and which are refused while that is still cheap. What decides is how long work
 *  stands in the process, so that calls which only wait (for a model) take nobody's place. See docs/decisions/0068-load-is-shed-by-delay.md. */
export class LoadGate {
  readonly #maxCalls: number
  readonly #maxWaiting: number
  readonly #maxStreams: number
  readonly #targetMs: number
  readonly #delay: StandingDelay
  #limit: number
  #running = 0
  #streams = 0
  #waiting: Waiting[] = []
  /** Calls that are about to begin. */
  #starting = 0
  #emptyAt = 0
  #refused = 0
  #refusedLately = 0
  #servedLately = 0
  #lastRefusal = -Infinity
  #retryAfterMs = 100
  #refusal: HoldfastError | undefined
  #wasFull = false

  constructor(options: LoadOptions = {}) {
    this.#maxCalls = options.maxCalls ?? 1000
    this.#maxWaiting = options.maxWaiting ?? 1000
    this.#maxStreams = options.maxStreams ?? 5000
    this.#targetMs = options.targetDelayMs ?? 100
    this.#limit = Math.min(firstLimit, this.#maxCalls)
    this.#delay = new StandingDelay(options.pressureMs ?? (() => 0), (delayMs, overMs) => this.#adapt(delayMs, overMs))
  }

  /** As many calls as can be let in or wait. */
  get most(): number {
    return this.#maxCalls + this.#maxWaiting + this.#maxStreams
  }

  get figures(): LoadFigures {
    return {
      limit: this.#limit,
      running: this.#running,
      waiting: this.#waiting.length,
      streams: this.#streams,
      refused: this.#refused,
      isShedding: performance.now() - this.#lastRefusal < 1000,
    }
  }

  /** Takes a place for a call with one response; `leave` gives it back. `undefined`: it may begin at once; else when that resolves.
   *  @throws RESOURCE_EXHAUSTED with a retry delay, at once or in the promise */
  enter(): Promise<void> | undefined {
    this.#delay.watch(() => this.#tick())
    const isFree = this.#running < this.#limit && this.#waiting.length === 0
    if (isFree && this.#delay.overdueMs < turnMs) {
      this.#running += 1
      return undefined
    }
    this.#wasFull ||= this.#running >= this.#limit
    if (this.#waiting.length >= this.#maxWaiting) throw this.#refuse()
    const since = performance.now()
    if (this.#waiting.length === 0) this.#emptyAt = since
    return new Promise((start, refuse) => this.#waiting.push({ since, start, refuse }))
  }

  leave(): void {
    this.#running -= 1
    this.#servedLately += 1
    this.#letIn()
  }

  /** Takes a place for a stream. @throws RESOURCE_EXHAUSTED */
  enterStream(): void {
    if (this.#streams >= this.#maxStreams) {
      this.#countRefusal()
      throw new HoldfastError(
        'RESOURCE_EXHAUSTED',
        `This server has ${this.#maxStreams} streams open, which is all that it may: try again later, or at another server`,
        { reason: 'TOO_MANY_STREAMS', retryAfterMs: 1000 },
      )
    }
    this.#streams += 1
  }

  leaveStream(): void {
    this.#streams -= 1
  }

  stop(): void {
    this.#delay.stop()
  }

  /** By `setImmediate`, between two of which the thread looks at what has arrived. */
  #letIn(): void {
    if (this.#starting > 0) return
    this.#starting = Math.min(this.#waiting.length, this.#limit - this.#running, startsAtOnce)
    for (let n = 0; n < this.#starting; n += 1) setImmediate(() => this.#startOne())
  }

  #startOne(): void {
    this.#starting -= 1
    // Whoever came last is the most likely to be waiting still, once not all can be served.
    const next = this.#isStanding ? this.#waiting.pop() : this.#waiting.shift()
    if (next !== undefined) {
      this.#running += 1
      next.start()
    }
    this.#letIn()
  }

  get #spared(): number {
    return Math.min(neverRefused, this.#maxCalls)
  }

  get #isStanding(): boolean {
    const isMany = this.#waiting.length > 0 && this.#running + this.#waiting.length > this.#spared
    return isMany && performance.now() - this.#emptyAt > burstMs
  }

  /** @returns whether there is anything to look at again */
  #tick(): boolean {
    const oldest = performance.now() - (this.#isStanding ? standingWaitMs : burstMs)
    let late = 0
    const mayBeRefused = Math.min(this.#waiting.length, this.#running + this.#waiting.length - this.#spared)
    while (late < mayBeRefused && (this.#waiting[late]?.since ?? Infinity) < oldest) late += 1
    for (const { refuse } of this.#waiting.splice(0, late)) refuse(this.#refuse())
    this.#letIn()
    return this.#running > 0 || this.#waiting.length > 0
  }

  #adapt(delayMs: number, overMs: number): void {
    if (delayMs > this.#targetMs)
      this.#limit = Math.max(
        Math.min(leastLimit, this.#maxCalls),
        Math.floor(this.#limit * Math.max(0.5, this.#targetMs / delayMs)),
      )
    else if (this.#wasFull) this.#limit = Math.min(this.#maxCalls, this.#limit + Math.ceil(this.#limit / 16))
    this.#wasFull = this.#waiting.length > 0
    // Those that were refused come back spread over as long as it takes to serve as many.
    const backlogMs = (overMs * this.#refusedLately) / Math.max(1, this.#servedLately)
    this.#retryAfterMs = Math.round(Math.min(5000, Math.max(100, this.#retryAfterMs / 2, backlogMs)))
    this.#refusedLately = 0
    this.#servedLately = 0
    this.#refusal = undefined
    this.#letIn()
  }

  /** One error for all of 100 ms: making one, with its stack, costs more than refusing a call. */
  #refuse(): HoldfastError {
    this.#countRefusal()
    this.#refusal ??= new HoldfastError(
      'RESOURCE_EXHAUSTED',
      'This server has more calls than it can serve, and did not begin this one: try again later, or at another server',
      { reason: 'SERVER_OVERLOADED', retryAfterMs: this.#retryAfterMs },
    )
    return this.#refusal
  }

  #countRefusal(): void {
    this.#refused += 1
    this.#refusedLately += 1
    this.#lastRefusal = performance.now()
  }
}
