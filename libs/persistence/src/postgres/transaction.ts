import { HoldfastError } from '@holdfast/errors'
import type { SqlConnection, SqlRow, Statement } from '../sql/driver.js'

export const begin: Statement = { name: 'holdfast_begin', text: 'begin isolation level serializable', values: [] }
export const beginSnapshot: Statement = { text: 'begin isolation level repeatable read, read only', values: [] }
export const commit: Statement = { name: 'holdfast_commit', text: 'commit', values: [] }
export const rollback: Statement = { name: 'holdfast_rollback', text: 'rollback', values: [] }

/** How statements reach the session of a transaction. @param opening goes ahead of the statement, in the same message where the session has a round trip for each */
export interface Run {
  (statement: Statement, opening?: Statement): Promise<SqlRow[]>
}

/** `one by one`: the next statement is sent when the one before has been answered. `in a row`: at once, to a session that takes them in the order in
 *  which they come; those behind one that fails are refused by the server. */
export type Pace = 'one by one' | 'in a row'

/** What the work of a transaction gets: its statements run one after the other, and after the first that fails no other
 *  does anything, because the server has given up the transaction by then, whether or not the work noticed. It begins with the first of them. */
export class Transaction implements SqlConnection {
  readonly #run: Run
  readonly #pace: Pace
  readonly #start: Statement
  #hasBegun = false
  #underWay: Promise<unknown> = Promise.resolve()
  #failure: { readonly error: unknown } | undefined
  #ended = false

  constructor(run: Run, pace: Pace, start: Statement) {
    this.#run = run
    this.#pace = pace
    this.#start = start
  }

  /** Whether there is anything to commit or to roll back. */
  get hasBegun(): boolean {
    return this.#hasBegun
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
    const opening = this.#hasBegun ? undefined : this.#start
    this.#hasBegun = true
    const before = this.#underWay
    const answer =
      this.#pace === 'in a row'
        ? this.#send(statement, opening, before)
        : before.then(() => this.#send(statement, opening))
    this.#underWay = answer.catch((error: unknown) => {
      this.#failure ??= { error }
    })
    return answer
  }

  /** @throws what the first statement that failed threw, and not that the server refuses all others since then */
  async #send(statement: Statement, opening?: Statement, before?: Promise<unknown>): Promise<SqlRow[]> {
    if (this.#failure !== undefined) throw this.#failure.error
    try {
      return await this.#run(statement, opening)
    } catch (error) {
      await before
      throw this.#firstOf(error)
    }
  }

  #firstOf(error: unknown): unknown {
    this.#failure ??= { error }
    return this.#failure.error
  }

  /** Waits for what was asked and takes nothing more. @throws what the first failed statement threw */
  async end(): Promise<void> {
    this.#ended = true
    await this.#underWay
    if (this.#failure !== undefined) throw this.#failure.error
  }
}

/** Runs `work` between BEGIN and COMMIT. `run` has the connection to itself. Work that asks for nothing costs nothing. */
export async function runTransaction<R>(
  run: Run,
  work: (connection: SqlConnection) => Promise<R>,
  { start = begin, pace = 'one by one' }: { readonly start?: Statement; readonly pace?: Pace } = {},
): Promise<R> {
  const transaction = new Transaction(run, pace, start)
  let result: R
  try {
    result = await work(transaction)
    await transaction.end()
  } catch (error) {
    await transaction.end().catch(() => {})
    // It can only fail with the connection, and then the server rolls back by itself.
    if (transaction.hasBegun) await run(rollback).catch(() => {})
    throw error
  }
  if (transaction.hasBegun) await run(commit)
  return result
}
