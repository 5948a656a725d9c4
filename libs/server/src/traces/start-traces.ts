import { randomUUID } from 'node:crypto'
import { context, diag, DiagLogLevel, propagation, trace } from '@opentelemetry/api'
import { invalidField } from '@holdfast/errors'
import type { Logger } from '../logs.js'
import { maskUrl } from '../masking.js'
import { recordingTracers } from './recording-tracers.js'
import { SpanDelivery, type SpanRequest } from './span-delivery.js'

export interface TracesOptions {
  /** Of the receiver of OTLP over HTTP with protobuf, path and all: `http://127.0.0.1:4318/v1/traces`. Headers for it come from
   *  OTEL_EXPORTER_OTLP_HEADERS. */
  readonly url: string
  /** Of the traces that begin here, from 0 to 1; default 1. A call that is part of a trace already follows its caller. */
  readonly ratio?: number
  /** Default `holdfast`; OTEL_SERVICE_NAME goes before it. */
  readonly serviceName?: string
  /** Told when spans cannot be delivered, at most once a minute. */
  readonly logger?: Logger
  /** How long spans are gathered before they are sent; default 1,000 ms. */
  readonly delayMs?: number
}

export interface Traces extends AsyncDisposable {
  /** Sends what is gathered, waiting at most 5 s for the receiver, and stops. */
  stop(): Promise<void>
}

const flushMs = 5_000
const complaintMs = 60_000

/** Records spans in this process, behind OpenTelemetry's API: from here on they are made, passed on by W3C's `traceparent`, and sent. What it needs is
 *  loaded here, so that a process without traces has none of it.
 *  @throws INVALID_ARGUMENT if the ratio is none */
export async function startTraces(options: TracesOptions): Promise<Traces> {
  const { url, ratio = 1, serviceName = 'holdfast', logger, delayMs = 1_000 } = options
  if (!(ratio >= 0 && ratio <= 1)) throw invalidField('traces.ratio', `must be from 0 to 1, not ${ratio}`)
  const [{ AsyncLocalStorageContextManager }, { W3CTraceContextPropagator }, resources, http] = await Promise.all([
    import('@opentelemetry/context-async-hooks'),
    import('@opentelemetry/core'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/otlp-exporter-base/node-http'),
  ])
  if (logger !== undefined) complainTo(logger, url)
  const { attributes } = resources
    .resourceFromAttributes({ 'service.name': serviceName, 'service.instance.id': randomUUID() })
    .merge(resources.detectResources({ detectors: [resources.envDetector] }))
  const sender = http.createOtlpHttpExportDelegate<SpanRequest, void>(
    http.convertLegacyHttpOptions({ url, timeoutMillis: flushMs }, 'TRACES', 'v1/traces', {
      'Content-Type': 'application/x-protobuf',
    }),
    { serializeRequest: ({ body }) => body, deserializeResponse: () => undefined },
    'otlp_http_span_exporter',
    { name: 'span', countItems: ({ spans }) => spans },
    undefined,
  )
  const delivery = new SpanDelivery(sender, attributes, delayMs)
  trace.setGlobalTracerProvider(recordingTracers(delivery, ratio))
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopped ??= delivery
      .stop()
      // The receiver is away: that was said, and a process must be able to end.
      .catch(() => undefined)
      .then(() => {
        for (const api of [trace, context, propagation, diag]) api.disable()
      })
    return stopped
  }
  return { stop, [Symbol.asyncDispose]: stop }
}

/** OpenTelemetry's parts tell their failures to one logger for the process. */
function complainTo(logger: Logger, url: string): void {
  let quietUntil = 0
  const complain = (message: string): void => {
    if (performance.now() < quietUntil) return
    quietUntil = performance.now() + complaintMs
    logger.warn({ receiver: maskUrl(url), said: message.slice(0, 500) }, 'Traces could not be delivered')
  }
  const nothing = (): void => {}
  diag.setLogger(
    { error: complain, warn: complain, info: nothing, debug: nothing, verbose: nothing },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  )
}
