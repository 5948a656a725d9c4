import { HoldfastError, invalidField } from '@holdfast/errors'
import type { BeginTurnOptions } from './turn.js'
import { type TurnQueue, ticketRenewalMs } from './turn-queue.js'
import { checkInteger } from './validation.js'

export interface Patience {
  readonly policy: 'reject' | 'queue' | 'interrupt'
  readonly waitMs: number
  readonly maxWaiting: number
  readonly signal: AbortSignal | undefined
}

export function checkPatience({ policy = 'reject', waitMs, maxWaiting, signal }: BeginTurnOptions): Patience {
  if (policy !== 'reject' && policy !== 'queue' && policy !== 'interrupt') {
    throw invalidField('policy', 'must be reject, queue or interrupt')
  }
  return {
    policy,
    waitMs: checkInteger(waitMs ?? 30_000, 'waitMs', 0, 600_000),
    maxWaiting: checkInteger(maxWaiting ?? 16, 'maxWaiting', 1, 1_000),
    signal,
  }
}

/** The waiting of one call of beginTurn. */
export class TurnWait {
  readonly policy: Patience['policy']
  readonly #queue: TurnQueue
  readonly #id: string
  readonly #nonce: string
  readonly #patience: Patience
  readonly #deadline: number
  #entered = false
  #renewAt = 0

  constructor(queue: TurnQueue, id: string, nonce: string, patience: Patience) {
    this.#queue = queue
    this.#id = id
    this.#nonce = nonce
    this.#patience = patience
    this.policy = patience.policy
    this.#deadline = performance.now() + patience.waitMs
  }

  /** Whether this call may take a turn that is free. */
  async isNext(): Promise<boolean> {
    return this.policy !== 'queue' || this.#queue.isFirst(this.#id, this.#nonce)
  }

  async forTurn(): Promise<void> {
    const { maxWaiting, signal } = this.#patience
    if (performance.now() >= this.#renewAt) {
      // Before, so that a place whose outcome is unknown is left as well.
      this.#entered = true
      await this.#queue.enter(this.#id, this.#nonce, maxWaiting)
      this.#renewAt = performance.now() + ticketRenewalMs
    }
    await this.#queue.wait(this.#id, Math.max(0, this.#deadline - performance.now()), signal)
  }

  /** @throws DEADLINE_EXCEEDED TURN_WAIT_ENDED; what the signal was aborted with */
  check(replyId: string | undefined): void {
    this.#patience.signal?.throwIfAborted()
    if (performance.now() < this.#deadline) return
    const isAnswered = replyId === undefined ? 'is waited for by others' : `is being answered by ${replyId}`
    throw new HoldfastError(
      'DEADLINE_EXCEEDED',
      `Conversation ${this.#id} ${isAnswered} and the turn did not come within ${this.#patience.waitMs} ms: try again`,
      {
        reason: 'TURN_WAIT_ENDED',
        metadata: { conversationId: this.#id, ...(replyId === undefined ? {} : { replyId }) },
      },
    )
  }

  async end(): Promise<void> {
    if (this.#entered) await this.#queue.leave(this.#id, this.#nonce)
  }
}
