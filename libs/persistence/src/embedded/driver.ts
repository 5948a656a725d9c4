import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { BackendHealth } from '../backend.js'
import type { CellParser } from '../postgres/cells.js'
import { queryMessage, statementMessage } from '../postgres/statement-message.js'
import { runTransaction } from '../postgres/transaction.js'
import type { SqlConnection, SqlDriver, SqlRow, Statement } from '../sql/driver.js'
import { errorOfSqlState } from '../sql/sqlstate.js'
import { readAnswer } from './answer.js'

export interface EmbeddedDriverOptions {
  readonly transactionWaitMs?: number
}

export async function openEmbeddedDriver(folder: string, _options: EmbeddedDriverOptions = {}): Promise<SqlDriver> {
  await mkdir(folder, { recursive: true })
  const worker = new Worker(new URL('worker.js', import.meta.url), { workerData: { folder: join(folder, 'pg') } })
  await once(worker, 'message')
  return new EmbeddedDriver(worker)
}

interface Prepared {
  columns: readonly CellParser[] | undefined
}

class EmbeddedDriver implements SqlDriver {
  readonly kind = 'embedded'
  readonly sharedWithOthers = false
  readonly #worker: Worker
  readonly #pending: ((bytes: Uint8Array) => void)[] = []
  readonly #prepared = new Map<string, Prepared>()
  #transactions: Promise<unknown> = Promise.resolve()
  #open = 0

  constructor(worker: Worker) {
    this.#worker = worker
    worker.on('message', (bytes: Uint8Array) => this.#pending.shift()?.(bytes))
  }

  async query(statement: Statement): Promise<SqlRow[]> {
    if (this.#open > 0) await this.#transactions
    return this.#run(statement)
  }

  #run(statement: Statement): Promise<SqlRow[]> {
    const { name } = statement
    const known = name === undefined ? undefined : this.#prepared.get(name)
    const prepared: Prepared = known ?? { columns: undefined }
    if (name !== undefined) this.#prepared.set(name, prepared)
    const message = statementMessage(statement, {
      parse: known === undefined,
      close: false,
      describe: known === undefined,
    })
    return this.#post(message, prepared)
  }

  #post(message: Buffer, prepared: Prepared): Promise<SqlRow[]> {
    return new Promise((resolve, reject) => {
      this.#pending.push((bytes) => {
        try {
          const answer = readAnswer(bytes, prepared.columns)
          prepared.columns ??= answer.columns
          if (answer.error === undefined) resolve(answer.rows)
          else reject(errorOfSqlState(answer.error, undefined))
        } catch (error) {
          reject(error)
        }
      })
      this.#worker.postMessage(message)
    })
  }

  transaction<R>(work: (connection: SqlConnection) => Promise<R>): Promise<R> {
    this.#open++
    const result = this.#transactions.then(() => runTransaction((statement) => this.#run(statement), work))
    this.#transactions = result.then(
      () => {
        this.#open--
      },
      () => {
        this.#open--
      },
    )
    return result
  }

  async script(text: string): Promise<void> {
    await this.#post(queryMessage(text), { columns: undefined })
  }

  async health(): Promise<BackendHealth> {
    const started = performance.now()
    const [row] = await this.query({
      name: 'holdfast_version',
      text: `select current_setting('server_version')`,
      values: [],
      readOnly: true,
    })
    return { server: `PGlite (PostgreSQL ${row?.[0]})`, latencyMs: performance.now() - started }
  }

  async close(): Promise<void> {
    const exit = once(this.#worker, 'exit')
    this.#worker.postMessage('close')
    await exit
  }
}
