import { HoldfastError } from '@holdfast/errors'
import type { StoreContext } from './context.js'
import { resolveUnknown } from './failures.js'
import type { TurnTicket } from './shapes.js'

/** How long a place is kept for somebody who gives no sign of life, in milliseconds by the database's clock. */
const ticketMs = 5_000
/** How often others are looked at; those of this process are told at once. */
const pollMs = 100

/** Who waits for the turn of a conversation, of all processes in the order in which they came: a document beside the turn's, whose writes
 *  must not prolong its lease. */
export class TurnQueue {
  readonly #context: StoreContext
  readonly #waiting = new Map<string, Set<() => void>>()

  constructor(context: StoreContext) {
    this.#context = context
  }

  /** Whether nobody who is still there stands before this ticket (or, without one, waits at all). */
  async isFirst(id: string, nonce: string): Promise<boolean> {
    const queue = await this.#context.shapes.turnQueues.get(id)
    if (queue === undefined) return true
    const first = living(queue.data.waiting, await this.#context.now())[0]
    return first === undefined || first.nonce === nonce
  }

  /** Takes a place, or says that the one it has is still wanted. @throws RESOURCE_EXHAUSTED TURN_QUEUE_FULL */
  async enter(id: string, nonce: string, maxWaiting: number): Promise<void> {
    await resolveUnknown(() =>
      this.#change(id, (waiting, now) => {
        const known = waiting.find((ticket) => ticket.nonce === nonce)
        if (known === undefined && waiting.length >= maxWaiting) throw queueFull(id, waiting.length)
        const ticket = { nonce, until: now + ticketMs }
        return known === undefined ? [...waiting, ticket] : waiting.map((one) => (one === known ? ticket : one))
      }),
    )
  }

  async leave(id: string, nonce: string): Promise<void> {
    try {
      await this.#change(id, (waiting) => waiting.filter((ticket) => ticket.nonce !== nonce))
    } catch (error) {
      this.#context.reportFailure(`Leaving the queue of conversation ${id}`, error)
    }
    // The next one may be waiting here.
    this.wake(id)
  }

  /** Waits until something may have changed, at most `ms`. */
  async wait(id: string, ms: number, signal?: AbortSignal): Promise<void> {
    const sleepers = this.#waiting.get(id) ?? new Set()
    this.#waiting.set(id, sleepers)
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', wake)
        sleepers.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, Math.min(ms, pollMs))
      sleepers.add(wake)
      signal?.addEventListener('abort', wake)
      if (signal?.aborted === true) wake()
    })
    if (sleepers.size === 0 && this.#waiting.get(id) === sleepers) this.#waiting.delete(id)
  }

  wake(id: string): void {
    for (const wake of Array.from(this.#waiting.get(id) ?? [])) wake()
  }

  async #change(
    id: string,
    change: (waiting: readonly TurnTicket[], now: number) => readonly TurnTicket[],
  ): Promise<void> {
    const { turnQueues } = this.#context.shapes
    for (let race = 1; ; race += 1) {
      const [queue, now] = await Promise.all([turnQueues.get(id), this.#context.now()])
      const waiting = change(living(queue?.data.waiting ?? [], now), now)
      try {
        if (waiting.length > 0) await turnQueues.put(id, { waiting }, { ifVersion: queue?.version ?? 0 })
        else if (queue !== undefined) await turnQueues.deleteOne(id, { ifVersion: queue.version })
        return
      } catch (error) {
        if (!(error instanceof HoldfastError) || error.code !== 'ABORTED' || race >= 50) throw error
        await new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(50, 2 ** race)))
      }
    }
  }
}

function living(waiting: readonly TurnTicket[], now: number): readonly TurnTicket[] {
  return waiting.filter(({ until }) => until > now)
}

/** How often a ticket is renewed. */
export const ticketRenewalMs: number = ticketMs / 3

function queueFull(id: string, waiting: number): HoldfastError {
  return new HoldfastError(
    'RESOURCE_EXHAUSTED',
    `${waiting} callers wait for the turn of conversation ${id} already: try again later`,
    { reason: 'TURN_QUEUE_FULL', metadata: { conversationId: id, waiting: String(waiting) } },
  )
}
