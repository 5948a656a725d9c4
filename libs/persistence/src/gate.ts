import { HoldfastError } from '@holdfast/errors'

interface Waiting {
  readonly start: () => void
  readonly reject: (error: unknown) => void
  readonly timer: NodeJS.Timeout
}

/** For a database with a single session. Statements pass it at once, and in any number, except while a transaction has the
 *  database to itself. Whoever must wait goes in order, and not for ever: a transaction whose work calls the store instead of
 *  its `tx` waits for itself. */
export class Gate {
  readonly #waitMs: number
  readonly #waiting: Waiting[] = []
  #taken = false

  constructor(waitMs: number) {
    this.#waitMs = waitMs
  }

  /** Runs `start` now or when its turn comes; `start` sends its first message before it returns, so that turns are in order. */
  pass<R>(start: () => Promise<R>): Promise<R> {
    return this.#taken ? this.#wait(start) : start()
  }

  /** As `pass`, and lets nobody else pass until what `start` promised is settled. */
  take<R>(start: () => Promise<R>): Promise<R> {
    const taking = (): Promise<R> => {
      this.#taken = true
      return start().finally(() => {
        this.#taken = false
        this.#letGo()
      })
    }
    return this.#taken ? this.#wait(taking) : taking()
  }

  #wait<R>(start: () => Promise<R>): Promise<R> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        start: () => void start().then(resolve, reject),
        reject,
        timer: setTimeout(() => {
          this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
          reject(stuck(this.#waitMs))
        }, this.#waitMs),
      }
      this.#waiting.push(waiting)
    })
  }

  #letGo(): void {
    while (!this.#taken) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      clearTimeout(next.timer)
      next.start()
    }
  }
}

function stuck(waitMs: number): HoldfastError {
  return new HoldfastError(
    'FAILED_PRECONDITION',
    `Waited ${waitMs} ms for an open transaction: its callback probably uses the store instead of its tx, or is slow`,
    { reason: 'TRANSACTION_OPEN' },
  )
}
