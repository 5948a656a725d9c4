import { HoldfastError } from '@holdfast/errors'

const atOnce = 2
const maxWaiting = 64

/** Who may decode: so many pictures at once, which bounds the memory, and so many that wait for it. */
class DecodingTurns {
  #running = 0
  readonly #waiting: (() => void)[] = []

  /** @throws RESOURCE_EXHAUSTED with the reason PICTURES_BUSY; CANCELLED */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    throwIfAborted(signal)
    if (this.#running < atOnce) this.#running += 1
    else await this.#wait(signal)
    try {
      const result = await work()
      throwIfAborted(signal)
      return result
    } finally {
      const next = this.#waiting.shift()
      // Whoever waited takes over the place.
      if (next === undefined) this.#running -= 1
      else next()
    }
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiting.length >= maxWaiting) {
      throw new HoldfastError('RESOURCE_EXHAUSTED', `${maxWaiting} pictures wait to be decoded: try again later`, {
        reason: 'PICTURES_BUSY',
        retryAfterMs: 1_000,
      })
    }
    return new Promise((resolve, reject) => {
      const go = (): void => {
        signal?.removeEventListener('abort', stop)
        resolve()
      }
      const stop = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1)
        reject(cancelled(signal))
      }
      this.#waiting.push(go)
      signal?.addEventListener('abort', stop, { once: true })
    })
  }
}

export const decodingTurns: DecodingTurns = new DecodingTurns()

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw cancelled(signal)
}

function cancelled(signal: AbortSignal | undefined): HoldfastError {
  return new HoldfastError('CANCELLED', 'Taking in a picture was cancelled by its caller', { cause: signal?.reason })
}
