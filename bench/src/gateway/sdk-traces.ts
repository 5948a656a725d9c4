import { context, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'

/** The same as `startTraces` by OpenTelemetry's SDK: what libraries tell goes through it in the same way. */
export function startSdkTraces(url: string): void {
  const exporter = new OTLPTraceExporter({ url })
  const limits = { scheduledDelayMillis: 1_000, maxQueueSize: 8_192, maxExportBatchSize: 1_024 }
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter, limits)] }))
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
}
