import {
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type TextMapGetter,
  type TextMapSetter,
} from '@opentelemetry/api'
import { attemptTook } from './jobs-metrics.js'
import type { JobDocument, JobRecord } from './record.js'

const tracer = trace.getTracer('@holdfast/jobs')

/** The trace of whoever submits now, as W3C's `traceparent`; nothing if nobody traces. */
export function submittersTrace(): Pick<JobRecord, 'trace'> {
  const found: { trace?: string } = {}
  propagation.inject(context.active(), found, setter)
  return found
}

const setter: TextMapSetter<{ trace?: string }> = {
  set(found, key, value) {
    if (key === 'traceparent') found.trace = value
  },
}

const getter: TextMapGetter<Pick<JobRecord, 'trace'>> = {
  keys: () => ['traceparent'],
  get: (record, key) => (key === 'traceparent' ? record.trace : undefined),
}

/** Runs an attempt as a span of the trace of its submitter, whichever process that was. Neither input nor output get into it. */
export function asSpan<End extends { readonly job: JobDocument | undefined }>(
  id: string,
  record: JobRecord,
  run: () => Promise<End>,
): Promise<End> {
  const parent = propagation.extract(ROOT_CONTEXT, record, getter)
  const attributes = { 'holdfast.job.id': id, 'holdfast.job.kind': record.kind, 'holdfast.job.attempt': record.attempt }
  return tracer.startActiveSpan(`job ${record.kind}`, { kind: SpanKind.CONSUMER, attributes }, parent, async (span) => {
    const start = performance.now()
    const end = await run()
    const { state = 'lost', error } = end.job?.data ?? {}
    span.setAttribute('holdfast.job.state', state)
    if (error !== undefined) span.setAttribute('error.type', error.code).setStatus({ code: SpanStatusCode.ERROR })
    span.end()
    attemptTook(performance.now() - start, record.kind, state)
    return end
  })
}
