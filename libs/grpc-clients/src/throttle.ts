import { HoldfastError } from '@holdfast/errors'

/** Attempts at a server for each one that it takes, before this client keeps some to itself. */
const attemptsPerAccepted = 1.5
/** What happened this long ago counts half. */
const halfLifeMs = 2000
/** Refusals that are no sign yet. */
const patience = 10

/** Keeps a part of the calls from a server that is overloaded, as many as it would refuse anyway: refusing costs it as well, and enough refusals
 *  would cost it all that it has. By its own answers, as in https://sre.google/sre-book/handling-overload/#client-side-throttling. */
export class Throttle {
  #attempts = 0
  #accepted = 0
  #decayedAt = performance.now()
  #retryAfterMs = 100

  /** What an attempt fails with that is kept back; `undefined`: it may go. */
  refusal(address: string): HoldfastError | undefined {
    this.#decay()
    this.#attempts += 1
    const surplus = this.#attempts - attemptsPerAccepted * this.#accepted - patience
    if (surplus <= 0 || Math.random() >= surplus / this.#attempts) {
      // Until its answer says otherwise: many calls at once, or a server that is slow to answer, are no overload.
      this.#accepted += 1
      return undefined
    }
    return new HoldfastError(
      'RESOURCE_EXHAUSTED',
      `${address} refuses so many calls for overload that this one was not sent: try again later, or send fewer`,
      { reason: 'CLIENT_THROTTLED', retryAfterMs: this.#retryAfterMs },
    )
  }

  /** @param error what an attempt that was sent failed with */
  answered(error: HoldfastError | undefined): void {
    if (error?.reason !== 'SERVER_OVERLOADED') return
    this.#decay()
    this.#accepted = Math.max(0, this.#accepted - 1)
    this.#retryAfterMs = error.retryAfterMs ?? this.#retryAfterMs
  }

  #decay(): void {
    const now = performance.now()
    const kept = 2 ** ((this.#decayedAt - now) / halfLifeMs)
    this.#attempts *= kept
    this.#accepted *= kept
    this.#decayedAt = now
  }
}
