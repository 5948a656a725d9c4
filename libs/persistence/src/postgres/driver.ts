import { setTimeout as delay } from 'node:timers/promises'
import { HoldfastError, invalidField } from '@holdfast/errors'
import type { BackendHealth } from '../backend.js'
import type { ConnectionStatistics } from '../telemetry/statistics.js'
import type { Listener, ListenerEvents, SqlConnection, SqlDriver, SqlRow, Statement, Wall } from '../sql/driver.js'
import { ConnectionLost, type PostgresConnection } from './connection.js'
import { openListener } from './listener.js'
import { ConnectionPool } from './pool.js'
import { beginSnapshot, commit, rollback, runTransaction } from './transaction.js'

export interface PostgresDriverOptions {
  /** Connections at the same time; default 10. */
  readonly maxConnections?: number
  /** How long making a connection may take, in milliseconds; default 5,000. */
  readonly connectTimeoutMs?: number
  /** How long a statement may take, in milliseconds, waiting for a free connection apart; default 30,000. The server ends it
   *  then (DEADLINE_EXCEEDED); a server that says nothing is left a tenth later (UNAVAILABLE, or UNKNOWN for a write). */
  readonly statementTimeoutMs?: number
  /** How long `script` (migrations) may take, in milliseconds; default 600,000. */
  readonly scriptTimeoutMs?: number
  /** A connection that was not used for this long is closed, in milliseconds; default 60,000. */
  readonly idleTimeoutMs?: number
  /** As `pg_stat_activity` shows it; default `holdfast`. */
  readonly applicationName?: string
}

/** Any server that speaks PostgreSQL, through `pg`.
 *  @throws INVALID_ARGUMENT (the URL), UNAVAILABLE (nobody answers), UNAUTHENTICATED, FAILED_PRECONDITION (no such database,
 *  not encoded in UTF-8, no TLS) */
export async function openPostgresDriver(url: string, options: PostgresDriverOptions = {}): Promise<SqlDriver> {
  const statementTimeoutMs = options.statementTimeoutMs ?? 30_000
  const settings = {
    url: checkedUrl(url),
    applicationName: options.applicationName ?? 'holdfast',
    maxConnections: options.maxConnections ?? 10,
    connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
    statementTimeoutMs,
    idleTimeoutMs: options.idleTimeoutMs ?? 60_000,
    wall: { isUp: false },
  }
  const pool = new ConnectionPool(settings)
  const listen = (channel: string, events: ListenerEvents) => openListener(settings, channel, events)
  const driver = new PostgresDriver(pool, options.scriptTimeoutMs ?? 600_000, listen, settings.wall)
  pool.release(await pool.acquire())
  return driver
}

/** A day: nothing that should have ended goes on for ever. */
const maintenanceTimeoutMs = 86_400_000

const cancelAgainMs = 20

/** Migrations are nobody's calls. */
const everyTenantText = "set local holdfast.tenants = '*';\n"

class PostgresDriver implements SqlDriver {
  readonly kind = 'postgres'
  readonly sharedWithOthers = true
  readonly wall: Wall
  readonly #pool: ConnectionPool
  readonly #scriptTimeoutMs: number
  readonly listen: (channel: string, events: ListenerEvents) => Promise<Listener>

  constructor(
    pool: ConnectionPool,
    scriptTimeoutMs: number,
    listen: (channel: string, events: ListenerEvents) => Promise<Listener>,
    wall: Wall,
  ) {
    this.wall = wall
    this.listen = listen
    this.#pool = pool
    this.#scriptTimeoutMs = scriptTimeoutMs
  }

  async query(statement: Statement): Promise<SqlRow[]> {
    const { signal } = statement
    if (signal !== undefined) return this.#queryUntil(signal, statement)
    try {
      return await this.#once((connection) => connection.run(statement))
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error
      const harmless = !error.sent || statement.readOnly === true
      if (!harmless || error.timedOut) throw lostError(error, harmless)
    }
    try {
      return await this.#once((connection) => connection.run(statement))
    } catch (error) {
      throw error instanceof ConnectionLost ? lostError(error, !error.sent || statement.readOnly === true) : error
    }
  }

  /** A read whose caller may go before it has its answer. */
  async #queryUntil(signal: AbortSignal, statement: Statement): Promise<SqlRow[]> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#once((connection) => endedBy(signal, connection, statement), signal)
      } catch (error) {
        if (signal.aborted) throw signal.reason
        if (!(error instanceof ConnectionLost)) throw error
        if (error.timedOut || attempt > 1) throw lostError(error, true)
      }
    }
  }

  async transaction<R>(work: (connection: SqlConnection) => Promise<R>): Promise<R> {
    return this.#once((connection) =>
      runTransaction(async (statement, opening) => {
        try {
          return await connection.run(statement, opening)
        } catch (error) {
          if (statement === rollback) connection.destroy()
          // Before COMMIT is sent nothing can have been committed.
          throw error instanceof ConnectionLost ? lostError(error, !error.sent || statement !== commit) : error
        }
      }, work),
    )
  }

  async copyIn(text: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    try {
      await this.#once((connection) => connection.copyIn(text, chunks))
    } catch (error) {
      throw error instanceof ConnectionLost ? lostError(error, !error.sent) : error
    }
  }

  async snapshot<R>(work: (connection: SqlConnection) => Promise<R>): Promise<R> {
    return this.#once((connection) =>
      runTransaction(
        async (statement, opening) => {
          try {
            return await connection.run(statement, opening)
          } catch (error) {
            if (statement === rollback) connection.destroy()
            throw error instanceof ConnectionLost ? lostError(error, true) : error
          }
        },
        async (snapshot) => {
          // Whoever takes the export may be slow.
          await snapshot.query({
            text: `select set_config('idle_in_transaction_session_timeout', '0', true)`,
            values: [],
          })
          return work(snapshot)
        },
        { start: beginSnapshot },
      ),
    )
  }

  async script(text: string): Promise<void> {
    await this.#once(async (connection) => {
      const timeoutMs = this.#scriptTimeoutMs
      try {
        await connection.script(
          `begin;\nset local statement_timeout = ${timeoutMs};\n${this.wall.isUp ? everyTenantText : ''}${text};\ncommit`,
          timeoutMs,
        )
      } catch (error) {
        if (error instanceof ConnectionLost) throw lostError(error, !error.sent)
        await connection.script('rollback', timeoutMs).catch(() => connection.destroy())
        throw error
      }
    })
  }

  async maintain(text: string, signal?: AbortSignal): Promise<void> {
    const connection = await this.#pool.openAside(maintenanceTimeoutMs)
    try {
      const [row] = await connection.run({ text: 'select pg_backend_pid()', values: [], readOnly: true })
      signal?.throwIfAborted()
      const cancel = (): void =>
        void this.query({ text: 'select pg_cancel_backend($1::int)', values: [Number(row?.[0])] }).catch(() => {})
      signal?.addEventListener('abort', cancel, { once: true })
      try {
        await connection.script(text, maintenanceTimeoutMs)
      } finally {
        signal?.removeEventListener('abort', cancel)
      }
    } catch (error) {
      throw error instanceof ConnectionLost ? lostError(error, !error.sent) : error
    } finally {
      if (connection.usable) await connection.end()
    }
  }

  async health(): Promise<BackendHealth> {
    const started = performance.now()
    const [row] = await this.query({ name: 'holdfast_version', text: 'select version()', values: [], readOnly: true })
    const version = String(row?.[0])
    // `PostgreSQL 18.4 on x86_64-linux…`, `CockroachDB CCL v24.1.0 (x86_64…`
    return { server: version.split(/ on | \(/)[0] ?? version, latencyMs: performance.now() - started }
  }

  connections(): ConnectionStatistics {
    return this.#pool.statistics
  }

  close(): Promise<void> {
    return this.#pool.close()
  }

  async #once<R>(use: (connection: PostgresConnection) => Promise<R>, signal?: AbortSignal): Promise<R> {
    const connection = await this.#pool.acquire(signal)
    try {
      return await use(connection)
    } finally {
      this.#pool.release(connection)
    }
  }
}

async function endedBy(signal: AbortSignal, connection: PostgresConnection, statement: Statement): Promise<SqlRow[]> {
  signal.throwIfAborted()
  let isOver = false
  let cancelling: Promise<void> | undefined
  // A request that comes before the statement is begun ends nothing.
  const cancel = async (): Promise<void> => {
    for (; !isOver; await delay(cancelAgainMs)) await connection.cancel()
  }
  const begin = (): void => void (cancelling = cancel())
  signal.addEventListener('abort', begin, { once: true })
  try {
    return await connection.run(statement)
  } finally {
    isOver = true
    signal.removeEventListener('abort', begin)
    // Until the server has heard of it, it could end the next statement of this connection.
    await cancelling
  }
}

/** @param harmless nothing can have been written, or only something was read */
function lostError(lost: ConnectionLost, harmless: boolean): HoldfastError {
  return harmless
    ? new HoldfastError('UNAVAILABLE', `PostgreSQL did not carry out a statement (${lost.message}): try again`, {
        cause: lost.cause,
        reason: 'CONNECTION_LOST',
        retryAfterMs: 1_000,
      })
    : new HoldfastError(
        'UNKNOWN',
        `PostgreSQL may or may not have committed a write (${lost.message}): read it again, or repeat it with its idempotency key`,
        { cause: lost.cause, reason: 'CONNECTION_LOST' },
      )
}

function checkedUrl(url: string): string {
  const example = 'must look like postgres://user:password@host:5432/database (with special characters %-encoded)'
  let parsed: URL
  try {
    parsed = new URL(url)
  } catch {
    // Without the cause: it holds the text, password included.
    throw invalidField('url', example)
  }
  if (parsed.protocol !== 'postgres:' && parsed.protocol !== 'postgresql:') throw invalidField('url', example)
  return url
}
