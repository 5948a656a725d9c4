import type {
  Backend,
  BackendHealth,
  BackendStatistics,
  Creation,
  MigrationReport,
  Operations,
  ReplicaReads,
  TogetherAnswers,
  TogetherReads,
  Written,
} from '../backend.js'
import { SqlKeys } from '../encryption/sql-keys.js'
import type { ReplicaSet } from '../replicas/replica-set.js'
import { rowSecurityOf } from '../row-security/row-security.js'
import { walled } from '../row-security/walled-backend.js'
import { ObservedDriver, type ObserveOptions } from '../telemetry/observed-driver.js'
import type { Statistics } from '../telemetry/statistics.js'
import { SqlBlobs } from './blobs.js'
import { createTogether } from './create-together.js'
import { SqlDocuments } from './documents.js'
import type { SqlConnection, SqlDriver } from './driver.js'
import { SqlFeeds } from './feed.js'
import { NotifyHints } from './hint.js'
import { SqlIndexes } from './indexes/sql-indexes.js'
import { SqlLogs } from './logs.js'
import { readTogether } from './read-together.js'
import { Schema } from './schema.js'
import { SqlOutcomes } from './transaction-outcomes.js'
import { SqlTransfer } from './transfer.js'
import { SqlErasure } from './erasure.js'
import { SqlUpkeep } from './upkeep.js'

export interface SqlBackendOptions extends ObserveOptions {
  /** Of the server that `driver` speaks to. */
  readonly replicas?: (primary: SqlDriver) => ReplicaSet
}

export function openSqlBackend(driver: SqlDriver, options: SqlBackendOptions = {}): Backend {
  const observed = new ObservedDriver(driver, options)
  const backend = new SqlBackend(observed, observed.statistics, options.replicas?.(observed))
  return driver.wall?.isUp === true ? walled(backend) : backend
}

class SqlBackend implements Backend {
  readonly kind: 'embedded' | 'postgres'
  readonly sharedWithOthers: boolean
  readonly documents: SqlDocuments
  readonly logs: SqlLogs
  readonly blobs: SqlBlobs
  readonly outcomes: SqlOutcomes
  readonly transfer: SqlTransfer
  readonly upkeep: SqlUpkeep
  readonly erasure: SqlErasure
  readonly indexes: SqlIndexes
  readonly feeds: SqlFeeds
  readonly hints?: NotifyHints
  readonly keys: SqlKeys
  readonly #driver: SqlDriver
  readonly #statistics: Statistics
  readonly #replicas: ReplicaSet | undefined
  readonly #schema: Schema

  constructor(driver: SqlDriver, statistics: Statistics, replicas?: ReplicaSet) {
    this.#driver = driver
    this.#statistics = statistics
    this.#replicas = replicas
    this.#schema = new Schema(driver)
    this.kind = driver.kind
    this.sharedWithOthers = driver.sharedWithOthers
    this.feeds = new SqlFeeds(driver, this.#schema)
    if (driver.listen !== undefined) this.hints = new NotifyHints(driver)
    this.documents = new SqlDocuments(this.feeds.recording(), this.#schema)
    this.logs = new SqlLogs(driver, this.#schema)
    this.blobs = new SqlBlobs(driver)
    this.outcomes = new SqlOutcomes(driver)
    this.transfer = new SqlTransfer(driver, this.feeds.recording())
    this.upkeep = new SqlUpkeep(driver, this.#schema, this.feeds)
    this.erasure = new SqlErasure(driver, this.#schema, this.feeds)
    this.indexes = new SqlIndexes(driver, this.#schema)
    this.keys = new SqlKeys(driver)
  }

  now(): Promise<number> {
    return databaseNow(this.#driver)
  }

  async replica(maxStalenessMs: number): Promise<ReplicaReads | undefined> {
    const replica = await this.#replicas?.freshest(maxStalenessMs)
    if (replica === undefined) return undefined
    const documents = this.documents.on(await replica.connection())
    return { operations: { documents }, distrust: () => replica.distrust() }
  }

  async transaction<R>(work: (tx: Operations) => Promise<R>): Promise<R> {
    let recorded: Iterable<string> = []
    const result = await this.#driver.transaction(async (connection) => {
      const changes = this.feeds.gathering(connection)
      const done = await work({
        documents: this.documents.on(changes),
        logs: this.logs.on(connection),
        blobs: this.blobs.on(connection),
        outcomes: this.outcomes.on(connection),
        now: () => databaseNow(connection),
      })
      // Nothing may come between this and COMMIT.
      await changes.flush()
      recorded = changes.collections
      return done
    })
    this.feeds.recorded(recorded)
    return result
  }

  async createTogether(
    log: string,
    collections: readonly string[],
    creations: readonly Creation[],
  ): Promise<(Written[] | undefined)[] | undefined> {
    // A change feed records single statements; it may be on because another program declared it.
    const isPlain = (collection: string) => this.#schema.definition('feed', collection) === undefined
    return collections.every(isPlain) ? createTogether(this.#driver, log, collections, creations) : undefined
  }

  readTogether(reads: TogetherReads): Promise<TogetherAnswers> {
    return readTogether(this.#driver, reads)
  }

  statistics(): BackendStatistics {
    const connections = this.#driver.connections?.()
    const statements = this.#statistics.read()
    return connections === undefined ? { statements } : { statements, connections }
  }

  async health(): Promise<BackendHealth> {
    const health = await this.#driver.health()
    if (this.#driver.wall === undefined || !health.server.startsWith('PostgreSQL')) return health
    return { ...health, rowSecurity: await rowSecurityOf(this.#driver) }
  }

  async migrate(): Promise<MigrationReport> {
    await this.#replicas?.checkPrimary()
    return this.#schema.migrate()
  }

  async close(): Promise<void> {
    await this.#replicas?.close()
    // What it would have kept can be seen again.
    await this.indexes.close().catch(() => {})
    await this.hints?.close()
    await this.#driver.close()
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
