import { HoldfastError } from '@holdfast/errors'
import type { SqlConnection, SqlRow, Statement } from '../sql/driver.js'

export const begin: Statement = { name: 'holdfast_begin', text: 'begin isolation level serializable', values: [] }
export const beginSnapshot: Statement = { text: 'begin isolation level repeatable read, read only', values: [] }
export const commit: Statement = { name: 'holdfast_commit', text: 'commit', values: [] }
export const rollback: Statement = { name: 'holdfast_rollback', text: 'rollback', values: [] }

/** What the work of a transaction gets: its statements run one after the other, and after the first that fails no other
 *  runs, because the server has given up the transaction by then, whether or not the work noticed. */
export class Transaction implements SqlConnection {
  readonly #run: (statement: Statement) => Promise<SqlRow[]>
  #underWay: Promise<unknown> = Promise.resolve()
  #failure: { readonly error: unknown } | undefined
  #ended = false

  constructor(run: (statement: Statement) => Promise<SqlRow[]>) {
    this.#run = run
  }

  query(statement: Statement): Promise<SqlRow[]> {
    if (this.#ended) {
      return Promise.reject(
        new HoldfastError(
          'FAILED_PRECONDITION',
          'A transaction was used after its end: await everything inside the callback',
          {
            reason: 'TRANSACTION_ENDED',
          },
        ),
      )
    }
    const answer = this.#underWay.then(() => {
      if (this.#failure !== undefined) throw this.#failure.error
      return this.#run(statement)
    })
    this.#underWay = answer.catch((error: unknown) => {
      this.#failure ??= { error }
    })
    return answer
  }

  /** Waits for what was asked and takes nothing more. @throws what the first failed statement threw */
  async end(): Promise<void> {
    this.#ended = true
    await this.#underWay
    if (this.#failure !== undefined) throw this.#failure.error
  }
}

/** Runs `work` between BEGIN and COMMIT. `run` has the connection to itself. */
export async function runTransaction<R>(
  run: (statement: Statement) => Promise<SqlRow[]>,
  work: (connection: SqlConnection) => Promise<R>,
  start: Statement = begin,
): Promise<R> {
  await run(start)
  const transaction = new Transaction(run)
  let result: R
  try {
    result = await work(transaction)
    await transaction.end()
  } catch (error) {
    await transaction.end().catch(() => {})
    // It can only fail with the connection, and then the server rolls back by itself.
    await run(rollback).catch(() => {})
    throw error
  }
  await run(commit)
  return result
}
