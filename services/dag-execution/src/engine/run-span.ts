import {
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type TextMapGetter,
  type TextMapSetter,
} from '@opentelemetry/api'
import { nodeTook } from './node-durations.js'
import type { CallNews } from './call-news.js'
import type { RunRecord } from './run-records.js'

const tracer = trace.getTracer('@holdfast/dag-execution')

/** The trace of whoever starts a run now, as W3C's `traceparent`; nothing if nobody traces. */
export function startersTrace(): Pick<RunRecord, 'trace'> {
  const found: { trace?: string } = {}
  propagation.inject(context.active(), found, setter)
  return found
}

const setter: TextMapSetter<{ trace?: string }> = {
  set(found, key, value) {
    if (key === 'traceparent') found.trace = value
  },
}

const getter: TextMapGetter<Pick<RunRecord, 'trace'>> = {
  keys: () => ['traceparent'],
  get: (record, key) => (key === 'traceparent' ? record.trace : undefined),
}

/** What a process does for a run: part of the trace of whoever started it, whichever process that was. */
export function contextOfRun(record: Pick<RunRecord, 'trace'>): Context {
  return propagation.extract(ROOT_CONTEXT, record, getter)
}

/** Makes the call of one node as a span. The names of nodes and graphs are their authors' own, and stay out of it. */
export function asNodeSpan(
  call: { readonly run: string; readonly type: string; readonly attempt: number },
  make: () => Promise<CallNews>,
): Promise<CallNews> {
  const attributes = {
    'holdfast.run.id': call.run,
    'holdfast.node.type': call.type,
    'holdfast.node.attempt': call.attempt,
  }
  return tracer.startActiveSpan(`node ${call.type}`, { kind: SpanKind.INTERNAL, attributes }, async (span) => {
    const start = performance.now()
    const news = await make()
    span.setAttribute('holdfast.node.end', news.type)
    if (news.type === 'failed') {
      span.setAttribute('error.type', news.error.code).setStatus({ code: SpanStatusCode.ERROR })
    }
    span.end()
    nodeTook(performance.now() - start, call.type, news.type)
    return news
  })
}
