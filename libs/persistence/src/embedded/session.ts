import { HoldfastError } from '@holdfast/errors'
import type { CellParser } from '../postgres/cells.js'
import { isPlanOld } from '../postgres/plan-renewal.js'
import { copyMessage, queryMessage, statementMessage } from '../postgres/statement-message.js'
import type { SqlRow, Statement } from '../sql/driver.js'
import { errorOfSqlState } from '../sql/sqlstate.js'
import { readAnswer } from './answer.js'
import { type DatabaseThread, ThreadDied } from './database-thread.js'

/** Not from Node's pool, so that it can be handed to the thread instead of copied. */
const ofItsOwn = (bytes: number): Buffer<ArrayBuffer> => Buffer.allocUnsafeSlow(bytes)

interface Prepared {
  /** Known after the first answer. */
  columns: readonly CellParser[] | undefined
  uses: number
}

/** The one session that a PGlite thread has. Statements are sent without waiting for the answers of those before.
 *
 *  Prepared statements by protocol messages, and not PGlite's `query()`, which parses, describes and describes again each time.
 *  Measured with 2 cores (Node 20, one row by its key): 4,500 `query()` calls/s in the same thread; through this class and
 *  its thread 5,700 to 12,000/s one after the other and 24,000 to 44,000/s from 8 callers. A statement with 64 rows of 450 bytes
 *  (`unnest`) upserts 57,000 to 73,000 rows/s, `query()` 2,500 to 3,100 rows/s without an fsync. */
export class Session {
  readonly #thread: DatabaseThread
  readonly #prepared = new Map<string, Prepared>()
  /** Names under which the session may or may not hold a statement that is of use no more. */
  readonly #doubtful = new Set<string>()

  constructor(thread: DatabaseThread) {
    this.#thread = thread
  }

  /** Sends the statement before it returns. @throws ThreadDied, StalePlan, or the server's error as a HoldfastError */
  run(statement: Statement, timeoutMs: number): Promise<SqlRow[]> {
    const { name } = statement
    let prepared = name === undefined ? undefined : this.#prepared.get(name)
    const uses = (prepared?.uses ?? 0) + 1
    const isOld = isPlanOld(uses)
    if (isOld) prepared = undefined
    const parse = prepared === undefined
    prepared ??= { columns: undefined, uses }
    prepared.uses = uses
    let message: Buffer<ArrayBuffer>
    try {
      message = statementMessage(
        statement,
        {
          parse,
          close: parse && name !== undefined && (isOld || this.#doubtful.has(name)),
          describe: prepared.columns === undefined,
        },
        ofItsOwn,
      )
    } catch (error) {
      return Promise.reject(error)
    }
    if (parse && name !== undefined) {
      this.#prepared.set(name, prepared)
      this.#doubtful.delete(name)
    }
    return this.#send(message, timeoutMs, prepared, (error) => {
      if (name === undefined || (!parse && !isStalePlan(error.code, error.message))) return
      // Whether it was Parse that failed, or what came after it, does not show.
      if (this.#prepared.get(name) === prepared) this.#prepared.delete(name)
      this.#doubtful.add(name)
    })
  }

  /** Statements without parameters, in one transaction. */
  script(text: string, timeoutMs: number): Promise<SqlRow[]> {
    return this.#send(queryMessage(text, ofItsOwn), timeoutMs, { columns: undefined, uses: 1 }, () => {})
  }

  /** The server reads the rows from the same message. */
  copyIn(text: string, chunks: readonly Uint8Array[], timeoutMs: number): Promise<SqlRow[]> {
    return this.#send(copyMessage(text, chunks, ofItsOwn), timeoutMs, { columns: undefined, uses: 1 }, () => {})
  }

  #send(
    message: Buffer<ArrayBuffer>,
    timeoutMs: number,
    prepared: Prepared,
    onError: (error: { readonly code: string; readonly message: string }) => void,
  ): Promise<SqlRow[]> {
    return new Promise((resolve, reject) => {
      this.#thread.send(message, timeoutMs, (result) => {
        if (result instanceof ThreadDied) {
          reject(result)
          return
        }
        try {
          const answer = readAnswer(result, prepared.columns)
          if (answer.error !== undefined) {
            onError(answer.error)
            const { severity, code, message: said } = answer.error
            const over = severity === 'PANIC' || severity === 'FATAL' || !answer.finished
            if (over) void this.#thread.terminate()
            if (isStalePlan(code, said)) reject(new StalePlan(said))
            else reject(over ? new ThreadDied(said) : errorOfSqlState(answer.error, undefined))
          } else if (answer.finished) {
            prepared.columns ??= answer.columns ?? []
            resolve(answer.rows)
          } else {
            void this.#thread.terminate()
            reject(new ThreadDied('it broke off its answer'))
          }
        } catch (error) {
          reject(error)
        }
      })
    })
  }
}

/** A table was altered since the statement was prepared. It did nothing, and is prepared anew the next time. */
export class StalePlan extends HoldfastError {
  constructor(said: string) {
    super('ABORTED', `A table changed while a transaction used it (${said}): run the transaction again`, {
      reason: 'TRANSACTION_CONFLICT',
    })
  }
}

/** 0A000 "cached plan must not change result type"; 26000: the Parse that it relied on failed. */
function isStalePlan(code: string, message: string): boolean {
  return code === '26000' || (code === '0A000' && message.includes('cached plan'))
}
