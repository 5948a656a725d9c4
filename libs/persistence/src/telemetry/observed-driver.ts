import {
  type Attributes,
  type Histogram,
  metrics,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api'
import { asHoldfastError, type HoldfastError } from '@holdfast/errors'
import type { BackendHealth } from '../backend.js'
import type { SqlConnection, SqlDriver, SqlRow, Statement } from '../sql/driver.js'
import { linkWithOthers } from './callers.js'
import { note } from './statement-journal.js'
import { batchSizeOf, shapeOf, type StatementShape } from './statement-shape.js'
import { type ConnectionStatistics, Statistics } from './statistics.js'

/** A statement that took longer than `slowCallMs`. */
export interface SlowCall extends StatementShape {
  readonly durationMs: number
  /** Calls that travelled in it. */
  readonly calls: number
  readonly rows: number
  /** With `$1`, `$2`, … in place of all values. */
  readonly text: string
  /** The code of the error, if it failed. */
  readonly error?: string
}

export interface ObserveOptions {
  /** Default 1,000. */
  readonly slowCallMs?: number
  readonly onSlowCall?: (call: SlowCall) => void
  /** Of the server; for the attributes of spans and metrics. */
  readonly server?: { readonly address: string; readonly port: number; readonly database: string }
}

const scope = '@holdfast/persistence'
const clientSpan = { kind: SpanKind.CLIENT }

/** A driver that counts, times and traces what passes through it. Values never get into any of it.
 *  Names: https://opentelemetry.io/docs/specs/semconv/database/ (stable since 1.33). */
export class ObservedDriver implements SqlDriver {
  readonly statistics: Statistics = new Statistics()
  readonly #driver: SqlDriver
  readonly #watch: Watch

  constructor(driver: SqlDriver, options: ObserveOptions = {}) {
    this.#driver = driver
    this.#watch = new Watch(this.statistics, options)
    if (driver.connections !== undefined) observeConnections(driver.connections.bind(driver), this.#watch.common)
  }

  get kind(): SqlDriver['kind'] {
    return this.#driver.kind
  }

  get sharedWithOthers(): boolean {
    return this.#driver.sharedWithOthers
  }

  get wall(): SqlDriver['wall'] {
    return this.#driver.wall
  }

  query(statement: Statement): Promise<SqlRow[]> {
    return this.#watch.statement(this.#driver, statement)
  }

  transaction<R>(work: (connection: SqlConnection) => Promise<R>): Promise<R> {
    return this.#watch.transaction(() =>
      this.#driver.transaction((connection) =>
        work({ query: (statement) => this.#watch.statement(connection, statement) }),
      ),
    )
  }

  copyIn(text: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    return this.#watch.call({ text, values: [] }, 1, () => this.#driver.copyIn(text, chunks))
  }

  snapshot<R>(work: (connection: SqlConnection) => Promise<R>): Promise<R> {
    return this.#driver.snapshot((connection) =>
      work({ query: (statement) => this.#watch.statement(connection, statement) }),
    )
  }

  script(text: string): Promise<void> {
    return this.#watch.call({ text, values: [] }, 1, () => this.#driver.script(text))
  }

  maintain(text: string, signal?: AbortSignal): Promise<void> {
    return this.#watch.call({ text, values: [] }, 1, () => this.#driver.maintain(text, signal))
  }

  get listen(): SqlDriver['listen'] {
    return this.#driver.listen
  }

  connections(): ConnectionStatistics | undefined {
    return this.#driver.connections?.()
  }

  health(): Promise<BackendHealth> {
    return this.#driver.health()
  }

  close(): Promise<void> {
    return this.#driver.close()
  }
}

class Watch {
  readonly common: Attributes
  readonly #statistics: Statistics
  readonly #slowCallMs: number
  readonly #onSlowCall: ((call: SlowCall) => void) | undefined
  readonly #tracer: Tracer
  readonly #duration: Histogram
  /** Those of a call that succeeded, which nearly all do. */
  readonly #attributes = new WeakMap<StatementShape, Attributes>()
  readonly #tracedAttributes = new WeakMap<StatementShape, Attributes>()

  constructor(statistics: Statistics, { slowCallMs = 1_000, onSlowCall, server }: ObserveOptions) {
    this.#statistics = statistics
    this.#slowCallMs = slowCallMs
    this.#onSlowCall = onSlowCall
    this.common = {
      'db.system.name': 'postgresql',
      ...(server === undefined
        ? {}
        : { 'server.address': server.address, 'server.port': server.port, 'db.namespace': server.database }),
    }
    this.#tracer = trace.getTracer(scope)
    this.#duration = metrics.getMeter(scope).createHistogram('db.client.operation.duration', {
      description: 'Duration of database client operations',
      unit: 's',
      advice: { explicitBucketBoundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] },
    })
  }

  statement(connection: SqlConnection, statement: Statement): Promise<SqlRow[]> {
    return this.call(statement, batchSizeOf(statement), () => connection.query(statement))
  }

  /** @param calls that travel in it */
  async call<Answer extends SqlRow[] | void>(
    statement: Statement,
    calls: number,
    send: () => Promise<Answer>,
  ): Promise<Answer> {
    note(statement)
    const shape = shapeOf(statement)
    const span = this.#tracer.startSpan(summaryOf(shape), clientSpan)
    if (span.isRecording()) {
      linkWithOthers(span)
      span.setAttributes(this.#traced(shape, statement))
      if (calls > 1) span.setAttribute('db.operation.batch.size', calls)
    }
    const start = performance.now()
    let rows = 0
    let failure: HoldfastError | undefined
    try {
      const answered = await send()
      rows = answered?.length ?? 0
      return answered
    } catch (error) {
      failure = asHoldfastError(error, 'A statement')
      throw error
    } finally {
      this.#record(statement, shape, { ms: performance.now() - start, calls, rows, failure, span })
    }
  }

  async transaction<R>(run: () => Promise<R>): Promise<R> {
    return this.#tracer.startActiveSpan('transaction', { kind: SpanKind.INTERNAL }, async (span) => {
      try {
        return await run()
      } catch (error) {
        endWithError(span, asHoldfastError(error, 'A transaction'))
        throw error
      } finally {
        span.end()
      }
    })
  }

  #record(
    { text }: Statement,
    shape: StatementShape,
    done: { ms: number; calls: number; rows: number; failure: HoldfastError | undefined; span: Span },
  ): void {
    const { ms, calls, rows, failure, span } = done
    this.#statistics.add(shape, ms, calls, rows, failure !== undefined)
    const attributes = this.#attributesOf(shape)
    this.#duration.record(ms / 1000, failure === undefined ? attributes : { ...attributes, 'error.type': failure.code })
    if (failure !== undefined) endWithError(span, failure)
    span.end()
    if (ms < this.#slowCallMs || this.#onSlowCall === undefined) return
    const error = failure === undefined ? {} : { error: failure.code }
    this.#onSlowCall({ ...shape, durationMs: Math.round(ms), calls, rows, text, ...error })
  }

  /** Frozen, so that they are written once for all spans of a statement. */
  #traced(shape: StatementShape, { text }: Statement): Attributes {
    const known = this.#tracedAttributes.get(shape)
    if (known !== undefined && known['db.query.text'] === text) return known
    const attributes = Object.freeze({ ...this.#attributesOf(shape), 'db.query.text': text })
    this.#tracedAttributes.set(shape, attributes)
    return attributes
  }

  #attributesOf(shape: StatementShape): Attributes {
    const known = this.#attributes.get(shape)
    if (known !== undefined) return known
    const attributes = { ...this.common, ...attributesOf(shape) }
    this.#attributes.set(shape, attributes)
    return attributes
  }
}

/** Without the message: it may quote a value. */
function endWithError(span: Span, error: HoldfastError): void {
  span.setStatus({ code: SpanStatusCode.ERROR })
  span.setAttribute('error.type', error.code)
  const sqlState = error.metadata['sqlState']
  if (sqlState !== undefined) span.setAttribute('db.response.status_code', sqlState)
}

function summaryOf({ operation, collection }: StatementShape): string {
  return collection === undefined ? operation : `${operation} ${collection}`
}

function attributesOf(shape: StatementShape): Attributes {
  return {
    'db.operation.name': shape.operation,
    ...(shape.collection === undefined ? {} : { 'db.collection.name': shape.collection }),
  }
}

function observeConnections(read: () => ConnectionStatistics | undefined, common: Attributes): void {
  const meter = metrics.getMeter(scope)
  const pool = { ...common, 'db.client.connection.pool.name': 'holdfast' }
  const count = meter.createObservableUpDownCounter('db.client.connection.count', { unit: '{connection}' })
  const pending = meter.createObservableUpDownCounter('db.client.connection.pending_requests', { unit: '{request}' })
  const max = meter.createObservableUpDownCounter('db.client.connection.limit', { unit: '{connection}' })
  meter.addBatchObservableCallback(
    (result) => {
      const now = read()
      if (now === undefined) return
      result.observe(count, now.used, { ...pool, 'db.client.connection.state': 'used' })
      result.observe(count, now.idle, { ...pool, 'db.client.connection.state': 'idle' })
      result.observe(pending, now.waiting, pool)
      result.observe(max, now.max, pool)
    },
    [count, pending, max],
  )
}
