import { HoldfastError, asHoldfastError } from '@holdfast/errors'
import { retryConflicts } from './conflict-retry.js'
import { laneIsEmpty, laneWaits } from './lane-waits.js'
import { type Caller, currentCaller, onBehalfOf } from './telemetry/callers.js'

export interface CoalescerOptions<Call, Result> {
  /** Answers the calls in their order, as one round trip; a HoldfastError among the answers fails its call alone. A thrown
   *  error means that none of the calls took effect. */
  readonly run: (calls: readonly Call[]) => Promise<readonly (Result | HoldfastError)[]>
  /** Makes the gatekeeper of one batch: it is asked for each waiting call, oldest first, and answers whether the call may
   *  join. A refused call waits for the next batch; a gatekeeper that refuses one must refuse what must not overtake it. */
  readonly gatekeeper?: () => (call: Call) => boolean
  /** Size of a call in bytes, for `maxBytes`. */
  readonly weigh?: (call: Call) => number
  /** With it, two round trips may be under way when many calls wait, so that this process prepares and reads one while the database
   *  executes the other. Calls of one name never are in both: they stay in their order. Default: one round trip at a time. */
  readonly nameOf?: (call: Call) => string
  /** Waiting calls that are worth a second round trip beside the one under way; default 16. */
  readonly worthATrip?: number | undefined
  /** Most calls in a batch; default 512. */
  readonly maxCalls?: number
  /** Most bytes in a batch (a single larger call still goes, alone); default 4 MiB. */
  readonly maxBytes?: number
}

interface Waiting<Call, Result> {
  readonly call: Call
  readonly caller: Caller
  /** Of `performance.now()`. */
  readonly since: number
  readonly resolve: (result: Result) => void
  readonly reject: (error: HoldfastError) => void
}

/** Failures that say nothing about the single call, so that running the calls one by one would only repeat them. */
const failsTogether: ReadonlySet<string> = new Set([
  'UNAVAILABLE',
  'UNKNOWN',
  'DEADLINE_EXCEEDED',
  'RESOURCE_EXHAUSTED',
  'CANCELLED',
  'DATA_LOSS',
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
])

/** Where the database shares its thread's time with nobody, or its calls one session. Measured with 64 callers on two hardware threads, in alternation
 *  with one trip at a time: puts 1.19 to 1.22 times as many a second, appends 1.22 to 1.32, gets 0.99 to 1.07. */
const usuallyWorthATrip = 16

/** On a server, whose sessions are processes of their own. 16 callers go in halves then: 1.27 times as many appends a second as by trips of 16,
 *  1.38 times without a cache to tell; 12 to 64 callers 0.98 to 1.29 times. See docs/decisions/0046-halves-of-sixteen.md. */
export const worthATripToServer = 8

/** Far more than a server lets in at once; a program that asks for more without awaiting any would otherwise run out of memory instead. */
const mostWaiting = 250_000

/** Gathers concurrent calls into batches: while a round trip is under way calls queue, and the next one carries them all; a
 *  lone call goes out at once. Each call answers after its own batch has. See docs/decisions/0002-coalescing.md. */
export class Coalescer<Call, Result> {
  readonly #options: CoalescerOptions<Call, Result>
  #queue: Waiting<Call, Result>[] = []
  readonly #underWay = new Set<readonly Waiting<Call, Result>[]>()
  /** All that waited had to wait for a trip that is under way still. */
  #isHeldUp = false
  #scheduled = false
  readonly #idle: (() => void)[] = []

  constructor(options: CoalescerOptions<Call, Result>) {
    this.#options = options
  }

  submit(call: Call): Promise<Result> {
    if (this.#queue.length >= mostWaiting) return Promise.reject(laneFull())
    return new Promise((resolve, reject) => {
      const since = performance.now()
      if (this.#queue.length === 0) laneWaits(this, since)
      this.#queue.push({ call, caller: currentCaller(), since, resolve, reject })
      this.#schedule()
    })
  }

  /** Resolves when nothing waits and nothing is under way. */
  async drain(): Promise<void> {
    while (this.#queue.length > 0 || this.#underWay.size > 0) {
      await new Promise<void>((resolve) => this.#idle.push(resolve))
    }
  }

  /** nextTick runs after all pending promise reactions: callers that were just answered and call again at once join the next
   *  batch, where sending without it would alternate between batches of 1 and of all the others. */
  #schedule(): void {
    if (this.#scheduled || !this.#mayStart()) return
    this.#scheduled = true
    process.nextTick(() => {
      this.#scheduled = false
      while (this.#mayStart()) this.#start()
    })
  }

  #mayStart(): boolean {
    const trips = this.#underWay.size
    if (trips === 0) return this.#queue.length > 0
    const { nameOf, worthATrip = usuallyWorthATrip } = this.#options
    return trips === 1 && !this.#isHeldUp && nameOf !== undefined && this.#queue.length >= worthATrip
  }

  #start(): void {
    const batch = this.#take()
    const oldest = this.#queue[0]
    if (oldest === undefined) laneIsEmpty(this)
    else laneWaits(this, oldest.since)
    this.#isHeldUp = batch.length === 0
    if (this.#isHeldUp) return
    this.#underWay.add(batch)
    void this.#runBatch(batch).finally(() => {
      this.#underWay.delete(batch)
      this.#isHeldUp = false
      this.#schedule()
      if (this.#queue.length === 0) for (const wake of this.#idle.splice(0)) wake()
    })
  }

  #take(): Waiting<Call, Result>[] {
    const { gatekeeper, weigh, nameOf, worthATrip = usuallyWorthATrip } = this.#options
    const { maxCalls = 512, maxBytes = 4 * 1024 * 1024 } = this.#options
    if (this.#queue.length === 1) return this.#queue.splice(0)
    const isFirstOfTwo = nameOf !== undefined && this.#underWay.size === 0 && this.#queue.length >= 2 * worthATrip
    const most = isFirstOfTwo ? Math.min(maxCalls, Math.ceil(this.#queue.length / 2)) : maxCalls
    const isUnderWay = this.#namesUnderWay()
    const admits = gatekeeper?.()
    const batch: Waiting<Call, Result>[] = []
    const left: Waiting<Call, Result>[] = []
    let bytes = 0
    let position = 0
    for (; position < this.#queue.length && batch.length < most && bytes < maxBytes; position += 1) {
      const waiting = this.#queue[position]
      if (waiting === undefined) break
      const weight = weigh?.(waiting.call) ?? 0
      if (batch.length > 0 && bytes + weight > maxBytes) break
      if (!isUnderWay(waiting.call) && (admits === undefined || admits(waiting.call))) {
        batch.push(waiting)
        bytes += weight
      } else {
        left.push(waiting)
      }
    }
    this.#queue = left.length === 0 ? this.#queue.slice(position) : [...left, ...this.#queue.slice(position)]
    return batch
  }

  #namesUnderWay(): (call: Call) => boolean {
    const { nameOf } = this.#options
    if (nameOf === undefined || this.#underWay.size === 0) return () => false
    const names = new Set<string>()
    for (const batch of this.#underWay) for (const { call } of batch) names.add(nameOf(call))
    return (call) => names.has(nameOf(call))
  }

  async #runBatch(batch: readonly Waiting<Call, Result>[]): Promise<void> {
    try {
      const results = await onBehalfOf(
        batch.map(({ caller }) => caller),
        () => retryConflicts(() => this.#options.run(batch.map(({ call }) => call))),
      )
      for (const [index, { resolve, reject }] of batch.entries()) {
        const result = results[index] as Result | HoldfastError
        if (result instanceof HoldfastError) reject(result)
        else resolve(result)
      }
    } catch (error) {
      const failure = asHoldfastError(error, 'A batch of database calls')
      if (batch.length === 1 || failsTogether.has(failure.code)) for (const { reject } of batch) reject(failure)
      else for (const waiting of batch) await this.#runBatch([waiting])
    }
  }
}

function laneFull(): HoldfastError {
  return new HoldfastError(
    'RESOURCE_EXHAUSTED',
    `${mostWaiting} calls wait for the database already, so this one was not begun: await some of them first`,
    { reason: 'LANE_FULL', retryAfterMs: 1000 },
  )
}
