import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { contextOfTrace } from '@holdfast/persistence'
import { attemptTook } from './jobs-metrics.js'
import type { JobDocument, JobRecord } from './record.js'

const tracer = trace.getTracer('@holdfast/jobs')

/** Runs an attempt as a span of the trace of its submitter, whichever process that was. Neither input nor output get into it. */
export function asSpan<End extends { readonly job: JobDocument | undefined }>(
  id: string,
  record: JobRecord,
  run: () => Promise<End>,
): Promise<End> {
  const parent = contextOfTrace(record)
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
