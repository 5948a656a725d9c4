import { type Attributes, metrics, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { asHoldfastError } from '@holdfast/errors'
import { linkWithOthers } from '@holdfast/persistence/telemetry'

const scope = '@holdfast/session'
const clientSpan = { kind: SpanKind.CLIENT }

/** Times and traces the commands of one connection. Keys and values never get into any of it. Meters have no late registration: the SDK
 *  must stand when the connection is made. Names: https://opentelemetry.io/docs/specs/semconv/database/redis/ */
export class CommandWatch {
  readonly #common: Attributes
  readonly #tracer = trace.getTracer(scope)
  readonly #duration = metrics.getMeter(scope).createHistogram('db.client.operation.duration', {
    description: 'Duration of database client operations',
    unit: 's',
    advice: { explicitBucketBoundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] },
  })
  /** Those of a command that succeeded, which nearly all do. */
  readonly #attributes = new Map<string, Attributes>()

  /** @param url of the one server, if it is one */
  constructor(url: string | undefined) {
    this.#common = { 'db.system.name': 'redis', ...serverOf(url) }
  }

  async watch<Answer>([operation = '', ...words]: readonly string[], send: () => Promise<Answer>): Promise<Answer> {
    const span = this.#tracer.startSpan(operation, clientSpan)
    if (span.isRecording()) {
      linkWithOthers(span)
      span.setAttributes(this.#attributesOf(operation))
      if (operation === 'MGET') span.setAttribute('db.operation.batch.size', words.length)
    }
    const start = performance.now()
    let code: string | undefined
    try {
      return await send()
    } catch (error) {
      code = asHoldfastError(error, operation).code
      span.setAttribute('error.type', code).setStatus({ code: SpanStatusCode.ERROR })
      throw error
    } finally {
      const attributes = this.#attributesOf(operation)
      const seconds = (performance.now() - start) / 1000
      this.#duration.record(seconds, code === undefined ? attributes : { ...attributes, 'error.type': code })
      span.end()
    }
  }

  #attributesOf(operation: string): Attributes {
    let attributes = this.#attributes.get(operation)
    if (attributes === undefined) {
      attributes = Object.freeze({ ...this.#common, 'db.operation.name': operation })
      this.#attributes.set(operation, attributes)
    }
    return attributes
  }
}

function serverOf(url: string | undefined): Attributes {
  if (url === undefined || !URL.canParse(url)) return {}
  const { hostname, port } = new URL(url)
  return { 'server.address': hostname, 'server.port': Number(port === '' ? 6379 : port) }
}

/** How a read ended: `miss`: the database was read, or somebody else's read of it waited for; `away`: the database was read, because the cache is
 *  away or not trusted. */
export type CacheResult = 'hit' | 'miss' | 'away'

/** Counts the reads of one cache. */
export class CacheCounter {
  readonly #requests = metrics.getMeter(scope).createCounter('holdfast.cache.requests', {
    description: 'Reads that asked a cache, by what it answered',
    unit: '{request}',
  })
  readonly #attributes: Readonly<Record<CacheResult, Attributes>>

  constructor(cache: 'sessions' | 'conversations') {
    const of = (result: CacheResult): Attributes => ({ 'holdfast.cache.name': cache, 'holdfast.cache.result': result })
    this.#attributes = { hit: of('hit'), miss: of('miss'), away: of('away') }
  }

  count(result: CacheResult): void {
    this.#requests.add(1, this.#attributes[result])
  }
}
