import { HoldfastError } from '@holdfast/errors'
import { Socket } from 'node:net'
import { Client, type ClientConfig, DatabaseError } from 'pg'
import { scopeOfStatement } from '../row-security/tenant-scope.js'
import type { SqlRow, Statement, Wall } from '../sql/driver.js'
import { errorOfSqlState } from '../sql/sqlstate.js'
import type { CellParser } from './cells.js'
import { CopyRun } from './copy-run.js'
import { requestCancel } from './cancel-request.js'
import { connectError, type Target } from './connect-error.js'
import { isPlanOld } from './plan-renewal.js'
import { openingMessage, wallMessage } from './statement-message.js'
import { StatementRun } from './statement-run.js'

export interface ConnectionSettings {
  readonly url: string
  readonly applicationName: string
  readonly connectTimeoutMs: number
  readonly statementTimeoutMs: number
  readonly wall: Wall
}

/** The connection broke, or did not answer in time, before the answer came. Only the caller knows what that means. */
export class ConnectionLost extends Error {
  /** `false`: the server cannot have seen the statement. */
  readonly sent: boolean
  readonly timedOut: boolean

  constructor(sent: boolean, timedOut: boolean, cause: unknown) {
    super(timedOut ? 'the server did not answer in time' : 'the connection was lost', { cause })
    this.sent = sent
    this.timedOut = timedOut
  }
}

interface Deadline {
  /** Of `performance.now()`. */
  readonly at: number
  readonly passed: () => void
}

interface Prepared {
  readonly columns: readonly CellParser[]
  uses: number
}

/** One connection to a server, for one statement at a time. */
export class PostgresConnection {
  idleSince = 0
  readonly #client: Client
  readonly #settings: ConnectionSettings
  /** The prepared statements of this session, with their columns. */
  readonly #prepared = new Map<string, Prepared>()
  /** Names under which the server may or may not hold a statement that is of use no more. */
  readonly #doubtful = new Set<string>()
  /** Whether the server holds the statement that says for which tenants the next one is. */
  #knowsWall = false
  #usable = true
  /** Of the statements that are under way. */
  readonly #deadlines = new Set<Deadline>()
  #timer: NodeJS.Timeout | undefined
  /** When the timer goes off, of `performance.now()`. */
  #looksAt = Infinity

  private constructor(client: Client, settings: ConnectionSettings) {
    this.#client = client
    this.#settings = settings
    client.on('error', () => this.destroy())
    client.on('end', () => this.destroy())
  }

  /** @throws HoldfastError that says what is wrong with the server or the connection string */
  static async open(settings: ConnectionSettings): Promise<PostgresConnection> {
    const client = new Client(clientConfig(settings))
    const target: Target = { host: client.host, port: client.port, user: client.user, database: client.database }
    const connection = new PostgresConnection(client, settings)
    try {
      await client.connect()
      await connection.#setUp(target)
    } catch (error) {
      connection.destroy()
      throw connectError(error, target, settings.connectTimeoutMs)
    }
    return connection
  }

  get usable(): boolean {
    return this.#usable
  }

  /** @param opening what begins the transaction that the statement is the first of; one round trip for both
   *  @throws ConnectionLost, or the server's error as a HoldfastError */
  async run(statement: Statement, opening?: Statement): Promise<SqlRow[]> {
    try {
      return await this.#attempt(statement, opening)
    } catch (error) {
      // What began with the statement is not over when the server says what is wrong with it, but the status of before is still known.
      const isInTransaction = opening !== undefined || this.#client.getTransactionStatus() !== 'I'
      if (this.#raisesWall(error) && !isInTransaction) return this.#attempt(statement)
      this.#knowsWall = false
      if (!isStalePlan(error) || statement.name === undefined) throw error
      this.#prepared.delete(statement.name)
      this.#doubtful.add(statement.name)
      if (isInTransaction) {
        throw new HoldfastError('ABORTED', 'A table changed while a transaction used it: run the transaction again', {
          reason: 'TRANSACTION_CONFLICT',
          cause: error,
        })
      }
      return this.#attempt(statement)
    }
  }

  /** Ends the statement that is under way, at the server. Resolves when the server has heard of it: what runs here after that is not meant. */
  async cancel(): Promise<void> {
    const { connectTimeoutMs } = this.#settings
    if (!(await requestCancel(this.#client, clientConfig(this.#settings), connectTimeoutMs))) this.destroy()
  }

  /** Statements without parameters, as one transaction. */
  script(text: string, timeoutMs: number): Promise<SqlRow[]> {
    return this.#submit(timeoutMs, (settle) => StatementRun.ofScript(text, settle))
  }

  /** @throws as `run`, or what `chunks` throws */
  async copyIn(text: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    let run: CopyRun | undefined
    try {
      await this.#submit(this.#settings.statementTimeoutMs, (settle) => (run = new CopyRun(text, chunks, settle)))
    } catch (error) {
      throw run?.fault === undefined ? error : run.fault.error
    }
  }

  /** Another process put the policies in place since this one looked. */
  #raisesWall(error: unknown): boolean {
    const { wall } = this.#settings
    if (wall.isUp || !(error instanceof HoldfastError) || !error.message.includes('"holdfast.tenants"')) return false
    wall.isUp = true
    return true
  }

  async #attempt(statement: Statement, opening?: Statement): Promise<SqlRow[]> {
    const { name } = statement
    const prepared = name === undefined ? undefined : this.#prepared.get(name)
    const uses = (prepared?.uses ?? 0) + 1
    if (prepared !== undefined) prepared.uses = uses
    const isOld = isPlanOld(uses)
    const columns = isOld ? undefined : prepared?.columns
    const parse = columns === undefined
    const close = parse && name !== undefined && (isOld || this.#doubtful.has(name))
    let run: StatementRun | undefined
    try {
      const rows = await this.#submit(this.#settings.statementTimeoutMs, (settle) => {
        const isHeld = this.#settings.wall.isUp && !beginsOrEnds.test(statement.text)
        const ahead = [
          ...(opening === undefined ? [] : [openingMessage(opening)]),
          ...(isHeld ? [wallMessage(scopeOfStatement(), !this.#knowsWall)] : []),
        ]
        run = StatementRun.of(statement, { parse, close, describe: parse }, columns, settle, ahead)
        return run
      })
      this.#knowsWall ||= this.#settings.wall.isUp && !beginsOrEnds.test(statement.text)
      if (parse && name !== undefined) {
        this.#prepared.set(name, { columns: run?.columns ?? [], uses })
        this.#doubtful.delete(name)
      }
      return rows
    } catch (error) {
      // Whether it was Parse that failed, or what came after it, does not show.
      if (parse && name !== undefined) {
        this.#prepared.delete(name)
        this.#doubtful.add(name)
      }
      throw error
    }
  }

  #submit(
    timeoutMs: number,
    start: (settle: (error: unknown, rows: SqlRow[]) => void) => StatementRun | CopyRun,
  ): Promise<SqlRow[]> {
    return new Promise((resolve, reject) => {
      let settled = false
      const run = start((error, rows) => {
        if (settled) return
        settled = true
        this.#deadlines.delete(deadline)
        if (error === undefined) {
          resolve(rows)
        } else if (error instanceof DatabaseError) {
          // The server closes the connection after it; better not to find that out with the next statement.
          if (error.severity === 'FATAL' || error.severity === 'PANIC') this.destroy()
          reject(errorOfSqlState(error, error))
        } else if (error instanceof HoldfastError) {
          reject(error)
        } else {
          this.destroy()
          reject(new ConnectionLost(run.sent, false, error))
        }
      })
      const deadline: Deadline = {
        at: performance.now() + clientTimeoutMs(timeoutMs),
        passed: () => {
          settled = true
          this.destroy()
          reject(new ConnectionLost(run.sent, true, undefined))
        },
      }
      this.#expect(deadline)
      this.#client.query(run)
    })
  }

  /** One timer goes on from statement to statement: to set and clear one for each cost as much as putting its message together. */
  #expect(deadline: Deadline): void {
    this.#deadlines.add(deadline)
    if (deadline.at < this.#looksAt) this.#lookAgainAt(deadline.at)
  }

  #lookAgainAt(at: number): void {
    clearTimeout(this.#timer)
    this.#looksAt = at
    // Whoever waits for an answer is kept alive by the socket.
    this.#timer = setTimeout(() => this.#lookAtDeadlines(), at - performance.now()).unref()
  }

  #lookAtDeadlines(): void {
    this.#looksAt = Infinity
    const now = performance.now()
    let next = Infinity
    for (const deadline of this.#deadlines) {
      if (deadline.at > now) {
        next = Math.min(next, deadline.at)
      } else {
        this.#deadlines.delete(deadline)
        deadline.passed()
      }
    }
    if (next < Infinity) this.#lookAgainAt(next)
  }

  /** Lets the process end while the connection is not in use. */
  setBusy(busy: boolean): void {
    const { stream } = this.#client.connection
    if (!(stream instanceof Socket)) return
    if (busy) stream.ref()
    else stream.unref()
  }

  destroy(): void {
    this.#usable = false
    if (this.#deadlines.size === 0) clearTimeout(this.#timer)
    this.#client.connection.stream.destroy()
  }

  async end(): Promise<void> {
    this.#usable = false
    clearTimeout(this.#timer)
    // Whoever waits for the end must not see the process end first.
    this.setBusy(true)
    await this.#client.end()
  }

  async #setUp(target: Target): Promise<void> {
    const { statementTimeoutMs } = this.#settings
    const rows = await this.#submit(this.#settings.connectTimeoutMs, (settle) =>
      StatementRun.of(
        { text: sessionText, values: [`${statementTimeoutMs}`, `${2 * statementTimeoutMs}`] },
        once,
        undefined,
        settle,
      ),
    )
    const encoding = String(rows[0]?.[0])
    if (encoding !== 'UTF8') {
      throw new HoldfastError(
        'FAILED_PRECONDITION',
        `The database ${target.database} is encoded in ${encoding}: create one with ENCODING 'UTF8'`,
        { reason: 'DATABASE_NOT_UTF8' },
      )
    }
  }
}

function clientConfig({ url, connectTimeoutMs, applicationName }: ConnectionSettings): ClientConfig {
  return {
    connectionString: url,
    connectionTimeoutMillis: connectTimeoutMs,
    application_name: applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  }
}

/** What touches no rows, and has to be first or last in a transaction. */
const beginsOrEnds = /^(begin|commit|rollback)\b/

const once = { close: false, parse: true, describe: true }

/** Settings that the reading of values relies on, and limits that hold even when this process is stopped. By statement and
 *  not as startup options, which poolers like PgBouncer refuse. */
const sessionText = `select current_setting('server_encoding'),
  set_config('timezone', 'UTC', false), set_config('datestyle', 'ISO, MDY', false), set_config('bytea_output', 'hex', false),
  set_config('statement_timeout', $1::text, false), set_config('idle_in_transaction_session_timeout', $2::text, false)`

/** The server ends a statement first and says so; this is for a server that says nothing any more. */
function clientTimeoutMs(statementTimeoutMs: number): number {
  return statementTimeoutMs + Math.max(500, statementTimeoutMs / 10)
}

/** 0A000 "cached plan must not change result type": a table was altered. 26000: a pooler moved the session. 42P05: the
 *  same. All are raised before the statement does anything. */
function isStalePlan(error: unknown): boolean {
  if (!(error instanceof HoldfastError)) return false
  const { sqlState } = error.metadata as { readonly sqlState?: string }
  return sqlState === '26000' || sqlState === '42P05' || (sqlState === '0A000' && error.message.includes('cached plan'))
}
