import type { Backend, BackendHealth, BackendStatistics, MigrationReport, Operations } from '../backend.js'
import { ObservedDriver, type ObserveOptions } from '../telemetry/observed-driver.js'
import type { Statistics } from '../telemetry/statistics.js'
import { SqlBlobs } from './blobs.js'
import { SqlDocuments } from './documents.js'
import type { SqlConnection, SqlDriver } from './driver.js'
import { SqlLogs } from './logs.js'
import { Schema } from './schema.js'
import { SqlOutcomes } from './transaction-outcomes.js'

export function openSqlBackend(driver: SqlDriver, options?: ObserveOptions): Backend {
  const observed = new ObservedDriver(driver, options)
  return new SqlBackend(observed, observed.statistics)
}

class SqlBackend implements Backend {
  readonly kind: 'embedded' | 'postgres'
  readonly sharedWithOthers: boolean
  readonly documents: SqlDocuments
  readonly logs: SqlLogs
  readonly blobs: SqlBlobs
  readonly outcomes: SqlOutcomes
  readonly #driver: SqlDriver
  readonly #statistics: Statistics
  readonly #schema: Schema

  constructor(driver: SqlDriver, statistics: Statistics) {
    this.#driver = driver
    this.#statistics = statistics
    this.#schema = new Schema(driver)
    this.kind = driver.kind
    this.sharedWithOthers = driver.sharedWithOthers
    this.documents = new SqlDocuments(driver, this.#schema)
    this.logs = new SqlLogs(driver, this.#schema)
    this.blobs = new SqlBlobs(driver)
    this.outcomes = new SqlOutcomes(driver)
  }

  now(): Promise<number> {
    return databaseNow(this.#driver)
  }

  transaction<R>(work: (tx: Operations) => Promise<R>): Promise<R> {
    return this.#driver.transaction((connection) =>
      work({
        documents: this.documents.on(connection),
        logs: this.logs.on(connection),
        blobs: this.blobs.on(connection),
        outcomes: this.outcomes.on(connection),
        now: () => databaseNow(connection),
      }),
    )
  }

  statistics(): BackendStatistics {
    const connections = this.#driver.connections?.()
    const statements = this.#statistics.read()
    return connections === undefined ? { statements } : { statements, connections }
  }

  health(): Promise<BackendHealth> {
    return this.#driver.health()
  }

  migrate(): Promise<MigrationReport> {
    return this.#schema.migrate()
  }

  close(): Promise<void> {
    return this.#driver.close()
  }
}

/** Rounded as stored times are, so that it is never before one of them. */
async function databaseNow(connection: SqlConnection): Promise<number> {
  const [row] = await connection.query({
    name: 'now',
    text: 'select clock_timestamp()::timestamptz(3)',
    values: [],
    readOnly: true,
  })
  return Number(row?.[0])
}
