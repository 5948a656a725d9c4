import { HoldfastError } from '@holdfast/errors'
import type { BackendHealth } from '../backend.js'
import { commit, runTransaction } from '../postgres/transaction.js'
import type { SqlConnection, SqlDriver, SqlRow, Statement } from '../sql/driver.js'
import { ThreadDied } from './database-thread.js'
import { EmbeddedDatabase, closed } from './database.js'
import { Gate } from '../gate.js'
import { type Session, StalePlan } from './session.js'
import { pgliteVersion } from './template.js'
import { Upkeep } from './upkeep.js'

export interface EmbeddedDriverOptions {
  /** How long a call may wait for an open transaction, in milliseconds; default 10,000. Then FAILED_PRECONDITION. */
  readonly transactionWaitMs?: number
  /** How long one statement may take, in milliseconds; default 60,000. Then the database is started anew, because a statement in
   *  it cannot be stopped alone. */
  readonly statementTimeoutMs?: number
  /** How long `script` (migrations) may take, in milliseconds; default 600,000. */
  readonly scriptTimeoutMs?: number
}

/** PGlite on a folder of its own, in a thread of this process. Makes the folder if it is not there.
 *  @throws FAILED_PRECONDITION (in use, with the owner's process id; not a data folder), PERMISSION_DENIED, RESOURCE_EXHAUSTED
 *  (disk full), DATA_LOSS (damaged) */
export async function openEmbeddedDriver(folder: string, options: EmbeddedDriverOptions = {}): Promise<SqlDriver> {
  return new EmbeddedDriver(await EmbeddedDatabase.open(folder), {
    transactionWaitMs: 10_000,
    statementTimeoutMs: 60_000,
    scriptTimeoutMs: 600_000,
    ...options,
  })
}

class EmbeddedDriver implements SqlDriver {
  readonly kind = 'embedded'
  readonly sharedWithOthers = false
  readonly #database: EmbeddedDatabase
  readonly #options: Required<EmbeddedDriverOptions>
  readonly #gate: Gate
  readonly #upkeep: Upkeep
  #closed: Promise<void> | undefined

  constructor(database: EmbeddedDatabase, options: Required<EmbeddedDriverOptions>) {
    this.#database = database
    this.#options = options
    this.#gate = new Gate(options.transactionWaitMs)
    this.#upkeep = new Upkeep((statement) => this.#query(statement, options.scriptTimeoutMs))
  }

  async query(statement: Statement): Promise<SqlRow[]> {
    if (this.#closed !== undefined) throw closed()
    if (statement.readOnly !== true) this.#upkeep.wrote()
    return this.#query(statement, this.#options.statementTimeoutMs)
  }

  async #query(statement: Statement, timeoutMs: number): Promise<SqlRow[]> {
    const run = (): Promise<SqlRow[]> =>
      this.#withSession(
        (session) => this.#gate.pass(() => session.run(statement, timeoutMs)),
        statement.readOnly === true,
      )
    try {
      return await run()
    } catch (error) {
      if (!(error instanceof StalePlan)) throw error
      return run()
    }
  }

  async transaction<R>(work: (connection: SqlConnection) => Promise<R>): Promise<R> {
    if (this.#closed !== undefined) throw closed()
    this.#upkeep.wrote()
    const { statementTimeoutMs } = this.#options
    return this.#withSession(
      (session) =>
        this.#gate.take(() =>
          runTransaction(
            async (statement, opening) => {
              const begun = opening === undefined ? undefined : session.run(opening, statementTimeoutMs)
              try {
                const [rows] = await Promise.all([session.run(statement, statementTimeoutMs), begun])
                return rows
              } catch (error) {
                // Before COMMIT is sent nothing can have been committed.
                throw error instanceof ThreadDied ? outcome(error, !error.sent || statement !== commit) : error
              }
            },
            work,
            { pace: 'in a row' },
          ),
        ),
      false,
    )
  }

  async copyIn(text: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    if (this.#closed !== undefined) throw closed()
    this.#upkeep.wrote()
    const data: Uint8Array[] = []
    for await (const chunk of chunks) data.push(chunk)
    const { scriptTimeoutMs } = this.#options
    await this.#withSession((session) => this.#gate.pass(() => session.copyIn(text, data, scriptTimeoutMs)), false)
  }

  snapshot<R>(work: (connection: SqlConnection) => Promise<R>): Promise<R> {
    return work(this)
  }

  async script(text: string): Promise<void> {
    if (this.#closed !== undefined) throw closed()
    this.#upkeep.wrote()
    const { scriptTimeoutMs } = this.#options
    await this.#withSession((session) => this.#gate.pass(() => session.script(text, scriptTimeoutMs)), false)
  }

  async maintain(text: string): Promise<void> {
    if (this.#closed !== undefined) throw closed()
    await this.#query({ text, values: [] }, this.#options.scriptTimeoutMs)
  }

  async health(): Promise<BackendHealth> {
    const started = performance.now()
    const text = `select current_setting('server_version')`
    const [row] = await this.query({ name: 'holdfast_version', text, values: [], readOnly: true })
    return {
      server: `PGlite ${pgliteVersion()} (PostgreSQL ${String(row?.[0])})`,
      latencyMs: performance.now() - started,
    }
  }

  close(): Promise<void> {
    this.#closed ??= (async () => {
      await this.#upkeep.stop()
      // After the transactions that run and those that wait. One that never ends is left to its fate.
      await this.#gate.take(() => Promise.resolve()).catch(() => {})
      await this.#database.close()
    })()
    return this.#closed
  }

  async #withSession<R>(use: (session: Session) => Promise<R>, harmless: boolean): Promise<R> {
    const session = this.#database.session ?? (await this.#database.revive())
    try {
      return await use(session)
    } catch (error) {
      throw error instanceof ThreadDied ? outcome(error, harmless || !error.sent) : error
    }
  }
}

/** @param harmless nothing can have been written, or only something was read */
function outcome(death: ThreadDied, harmless: boolean): HoldfastError {
  return harmless
    ? new HoldfastError(
        'UNAVAILABLE',
        `The embedded database stopped (${death.message}) and is started again: try again`,
        {
          cause: death,
          reason: 'DATABASE_STOPPED',
          retryAfterMs: 1_000,
        },
      )
    : new HoldfastError(
        'UNKNOWN',
        `The embedded database stopped (${death.message}) and may or may not have committed a write: read it again, or repeat it with its idempotency key`,
        { cause: death, reason: 'DATABASE_STOPPED' },
      )
}
