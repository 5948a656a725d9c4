import { HoldfastError } from '@holdfast/errors'

/** Attempts at a server for each one that it takes, before this client keeps some to itself. */
const attemptsPerAccepted = 1.5
/** What happened this long ago counts half. */
const halfLifeMs = 2000
/** Refusals that are no sign yet. */
const patience = 10
/** Below it nothing is kept back: the server has not refused anything for some seconds. Many calls without an answer yet are no overload by themselves,
 *  only once it says so: a client that begins with 500 at once, or waits for a server that is started again, must not keep any to itself. */
const leastRefused = 0.25

/** Keeps a part of the calls from a server that is overloaded, as many as it would refuse anyway: refusing costs it as well, and enough refusals
 *  would cost it all that it has. By its own answers, as in https://sre.google/sre-book/handling-overload/#client-side-throttling. */
export class Throttle {
  #attempts = 0
  #accepted = 0
  #refused = 0
  #decayedAt = performance.now()
  #retryAfterMs = 100

  /** What an attempt fails with that is kept back; `undefined`: it may go. */
  refusal(address: string): HoldfastError | undefined {
    this.#decay()
    this.#attempts += 1
    if (this.#refused < leastRefused) return undefined
    const surplus = this.#attempts - attemptsPerAccepted * this.#accepted - patience
    if (surplus <= 0 || Math.random() >= surplus / this.#attempts) return undefined
    return new HoldfastError(
      'RESOURCE_EXHAUSTED',
      `${address} refuses so many calls for overload that this one was not sent: try again later, or send fewer`,
      { reason: 'CLIENT_THROTTLED', retryAfterMs: this.#retryAfterMs },
    )
  }

  /** @param error what an attempt that was sent failed with */
  answered(error: HoldfastError | undefined): void {
    if (error?.reason !== 'SERVER_OVERLOADED') {
      this.#accepted += 1
      return
    }
    this.#decay()
    this.#refused += 1
    this.#retryAfterMs = error.retryAfterMs ?? this.#retryAfterMs
  }

  #decay(): void {
    const now = performance.now()
    const kept = 2 ** ((this.#decayedAt - now) / halfLifeMs)
    this.#attempts *= kept
    this.#accepted *= kept
    this.#refused *= kept
    this.#decayedAt = now
  }
}
