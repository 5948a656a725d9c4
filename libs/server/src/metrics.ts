import { type RequestListener, type Server, createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { MeterProvider } from '@opentelemetry/api'
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import { formatAddress, listenFailure, parseListenAddress, requireMetricsProtection } from './address.js'
import { isBearer } from './auth/bearer.js'
import type { TlsFiles } from './auth/tls-files.js'
import { answerHealth } from './health-over-http.js'
import type { ServerHealth } from './health.js'
import type { Logger } from './logs.js'
import { prometheusMeters } from './meters.js'

/** Ends one call: with the name of its gRPC status and its duration. */
export type CallRecorder = (status: string, durationMs: number) => void

/** The process's Prometheus metrics. */
export interface Metrics {
  /** Register counters, gauges and histograms of your own here: `new Gauge({ …, registers: [metrics.registry] })`. */
  readonly registry: Registry
  /** For `metrics.setGlobalMeterProvider` of OpenTelemetry's API, before stores and models are opened: what the libraries measure stands in the
   *  registry then. */
  readonly meters: MeterProvider
  /** Adds a gauge that is read whenever Prometheus asks; NaN if that fails. Replaces one of the same name. */
  gauge(name: string, help: string, read: () => number | Promise<number>): void
  /** Adds a counter whose value, which only grows, is read whenever Prometheus asks. Replaces one of the same name, which ends in `_total`. */
  counter(name: string, help: string, read: () => number): void
  /** For one method of one service; keep it, it is looked up once. */
  calls(service: string, method: string): CallRecorder
  /** The text that Prometheus reads. */
  text(): Promise<string>
}

// Seconds. From a cached read to a long reply.
const buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]

/** Names and labels follow OpenTelemetry's conventions for RPC, in Prometheus's spelling. All metrics: docs/guides/observation.md.
 *  Source: https://opentelemetry.io/docs/specs/semconv/rpc/rpc-metrics/ */
export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const durations = new Histogram({
    name: 'rpc_server_call_duration_seconds',
    help: 'Duration of calls by the status that they ended with, of streams until their end',
    labelNames: ['rpc_system_name', 'rpc_method', 'rpc_response_status_code'],
    buckets,
    registers: [registry],
  })
  return {
    registry,
    meters: prometheusMeters(registry),
    gauge(name, help, read) {
      const collect = async function (this: Gauge): Promise<void> {
        this.set(
          await Promise.resolve()
            .then(read)
            .catch(() => Number.NaN),
        )
      }
      registry.removeSingleMetric(name)
      registry.registerMetric(new Gauge({ name, help, registers: [], collect }))
    },
    counter(name, help, read) {
      const collect = function (this: Counter): void {
        this.reset()
        this.inc(read())
      }
      registry.removeSingleMetric(name)
      registry.registerMetric(new Counter({ name, help, registers: [], collect }))
    },
    calls(service, method) {
      // Bound once per status: resolving labels costs more than counting.
      const bound = new Map<string, Histogram.Internal<string>>()
      const rpc_method = `${service}/${method}`
      return (status, durationMs) => {
        let series = bound.get(status)
        if (!series) {
          series = durations.labels({ rpc_system_name: 'grpc', rpc_method, rpc_response_status_code: status })
          bound.set(status, series)
        }
        series.observe(durationMs / 1000)
      }
    },
    text: () => registry.metrics(),
  }
}

export interface MetricsServer extends AsyncDisposable {
  /** Where it listens: `127.0.0.1:9464`. */
  readonly address: string
  close(): Promise<void>
}

export interface MetricsServerOptions {
  /** HOST:PORT; elsewhere than on loopback it takes `token` and `tls`. */
  readonly listen: string
  /** What has to come as `authorization: Bearer …`; default: anybody may read. */
  readonly token?: string | undefined
  readonly tls?: TlsFiles | undefined
  readonly logger?: Logger
  /** Asked for `/livez` and `/readyz`, which take no token: orchestrators have none. Default: it is well. */
  readonly health?: () => ServerHealth
}

/** Serves `GET /metrics` over HTTP, and `/livez` and `/readyz` beside it. @throws FAILED_PRECONDITION if it cannot listen there, or not
 *  without a token and TLS */
export async function serveMetrics(metrics: Metrics, options: MetricsServerOptions): Promise<MetricsServer> {
  const wanted = parseListenAddress(options.listen, 'metrics.listen')
  const { token, tls } = options
  requireMetricsProtection(wanted, { token: token !== undefined, tls: tls !== undefined })
  const health = options.health ?? ((): ServerHealth => ({ isAlive: true, isReady: true, degraded: [] }))
  const answer: RequestListener = (request, response) => {
    if (answerHealth(request, response, health)) return
    if (token !== undefined && !isBearer(request.headers.authorization, token)) {
      response.writeHead(401, { 'www-authenticate': 'Bearer', 'content-type': 'text/plain' }).end('A token is needed\n')
    } else if (request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('Metrics are at /metrics\n')
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end()
    } else {
      metrics.text().then(
        (text) => response.writeHead(200, { 'content-type': metrics.registry.contentType }).end(text),
        (err: unknown) => {
          options.logger?.error({ err }, 'Metrics could not be collected')
          response.writeHead(500).end()
        },
      )
    }
  }
  const server = tls === undefined ? createServer(answer) : secureServer(tls, answer)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(listenFailure(cause, wanted, 'the metrics server')))
    server.listen(wanted.port, wanted.host, resolve)
  })
  server.on('error', (err) => options.logger?.error({ err }, 'The metrics server failed'))
  const { port, address: host } = server.address() as AddressInfo
  const close = (): Promise<void> => closeServer(server)
  return { address: formatAddress({ host, port }), close, [Symbol.asyncDispose]: close }
}

function secureServer(tls: TlsFiles, answer: RequestListener): Server {
  const server = createSecureServer({ ...tls.context, requestCert: tls.asksForClientCertificates }, answer)
  server.once(
    'close',
    tls.onRenewal((context) => server.setSecureContext(context)),
  )
  return server
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
