import { HoldfastError } from '@holdfast/errors'
import type { RunningCalls } from '../call-context.js'
import type { Logger } from '../logs.js'
import { type Identity, expiredCredential } from './authenticator.js'

const intervalMs = 250

/** Ends calls that outlive their credentials: streams that were begun before a key was revoked or a token expired. Nothing is asked while nothing
 *  runs. */
export class Standing implements Disposable {
  readonly #running: RunningCalls
  readonly #logger: Logger
  readonly #timer: NodeJS.Timeout
  #looking = false

  constructor(running: RunningCalls, logger: Logger) {
    this.#running = running
    this.#logger = logger
    this.#timer = setInterval(() => void this.#look(), intervalMs).unref()
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  async #look(): Promise<void> {
    if (this.#looking || this.#running.size === 0) return
    this.#looking = true
    try {
      const answers = new Map<Identity, Promise<HoldfastError | undefined>>()
      const begunBefore = performance.now() - intervalMs
      for (const call of this.#running.list()) {
        const { identity } = call
        if (identity === undefined || call.startedAt > begunBefore) continue
        const answer = answers.get(identity) ?? this.#lossOf(identity)
        answers.set(identity, answer)
        void answer.then((loss) => loss && call.abort(loss))
      }
      await Promise.all(answers.values())
    } finally {
      this.#looking = false
    }
  }

  /** Why a credential stands no more. Not knowing is no reason to end what was rightly begun. */
  async #lossOf(identity: Identity): Promise<HoldfastError | undefined> {
    if (Date.now() >= identity.expiresAt) return expiredCredential()
    try {
      await identity.stillStands()
      return undefined
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'UNAUTHENTICATED') return error
      this.#logger.debug({ err: error }, 'Whether a credential still stands could not be found out')
      return undefined
    }
  }
}
