import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { nodeTook } from './node-durations.js'
import type { CallNews } from './call-news.js'

const tracer = trace.getTracer('@holdfast/dag-execution')

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
