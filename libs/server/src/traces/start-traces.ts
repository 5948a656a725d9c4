import { randomUUID } from 'node:crypto'
import { context, diag, DiagLogLevel, propagation, SpanKind, trace } from '@opentelemetry/api'
import type { Sampler, SamplingDecision } from '@opentelemetry/sdk-trace-base'
import { invalidField } from '@holdfast/errors'
import type { Logger } from '../logs.js'
import { maskUrl } from '../masking.js'

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

/** Registers OpenTelemetry's SDK for this process: from here on spans are made, passed on by W3C's `traceparent`, and sent. What it needs is
 *  loaded here, so that a process without traces has none of it.
 *  @throws INVALID_ARGUMENT if the ratio is none */
export async function startTraces(options: TracesOptions): Promise<Traces> {
  const { url, ratio = 1, serviceName = 'holdfast', logger, delayMs = 1_000 } = options
  if (!(ratio >= 0 && ratio <= 1)) throw invalidField('traces.ratio', `must be from 0 to 1, not ${ratio}`)
  const [sdk, { AsyncLocalStorageContextManager }, { W3CTraceContextPropagator }, resources, exporters] =
    await Promise.all([
      import('@opentelemetry/sdk-trace-base'),
      import('@opentelemetry/context-async-hooks'),
      import('@opentelemetry/core'),
      import('@opentelemetry/resources'),
      import('@opentelemetry/exporter-trace-otlp-proto'),
    ])
  if (logger !== undefined) complainTo(logger, url)
  const provider = new sdk.BasicTracerProvider({
    resource: resources
      .resourceFromAttributes({ 'service.name': serviceName, 'service.instance.id': randomUUID() })
      .merge(resources.detectResources({ detectors: [resources.envDetector] })),
    sampler: new sdk.ParentBasedSampler({ root: rootSampler(new sdk.TraceIdRatioBasedSampler(ratio)) }),
    spanProcessors: [
      new sdk.BatchSpanProcessor(new exporters.OTLPTraceExporter({ url, timeoutMillis: flushMs }), {
        scheduledDelayMillis: delayMs,
        // Bounds what an unreachable receiver costs; about 1 KiB each.
        maxQueueSize: 8_192,
        maxExportBatchSize: 1_024,
        exportTimeoutMillis: flushMs,
      }),
    ],
  })
  trace.setGlobalTracerProvider(provider)
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopped ??= provider
      .shutdown()
      // The receiver is away: that was said, and a process must be able to end.
      .catch(() => undefined)
      .then(() => {
        for (const api of [trace, context, propagation, diag]) api.disable()
      })
    return stopped
  }
  return { stop, [Symbol.asyncDispose]: stop }
}

/** Calls, jobs and commands begin traces. What a process does by itself, such as looking for jobs twice a second, would only bury them. */
function rootSampler(others: Sampler): Sampler {
  const dropped = { decision: 0 as SamplingDecision.NOT_RECORD }
  return {
    shouldSample(parent, traceId, name, kind, attributes, links) {
      const begins = kind === SpanKind.SERVER || kind === SpanKind.CONSUMER || name.startsWith('holdfast ')
      return begins ? others.shouldSample(parent, traceId, name, kind, attributes, links) : dropped
    },
    toString: () => `RootSampler{${others.toString()}}`,
  }
}

/** The SDK tells its failures to one logger for the process. */
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
