import { AsyncLocalStorage } from 'node:async_hooks'
import { HoldfastError } from '@holdfast/errors'

/** For databases with a single session, where the work of a transaction that calls the store instead of its `tx` waits for itself:
 *  says so at once. Other calls pay one comparison. What the work's asynchronous context costs (on Node before 24 a hook on
 *  every promise) is paid only while a transaction is open, when nobody else can use such a database anyway. */
export class OpenTransactions {
  readonly #within = new AsyncLocalStorage<{ isOpen: boolean }>()
  #open = 0

  async run<R>(work: () => Promise<R>): Promise<R> {
    const transaction = { isOpen: true }
    this.#open += 1
    try {
      return await this.#within.run(transaction, work)
    } finally {
      transaction.isOpen = false
      this.#open -= 1
      if (this.#open === 0) this.#within.disable()
    }
  }

  /** The same operations, which say so. */
  guard<Operations extends object>(operations: Operations): Operations {
    return new Proxy(operations, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target)
        if (typeof member !== 'function') return member
        return (...values: unknown[]): unknown => {
          this.assertOutside()
          return Reflect.apply(member, target, values)
        }
      },
    })
  }

  /** @throws FAILED_PRECONDITION when called from inside the work of a transaction that is still open */
  assertOutside(): void {
    if (this.#open === 0 || this.#within.getStore()?.isOpen !== true) return
    throw new HoldfastError(
      'FAILED_PRECONDITION',
      'The work of a transaction called the store, which waits for that transaction to end: use the tx that the work was given',
      { reason: 'TRANSACTION_OPEN' },
    )
  }
}
