import { context, type Context, createContextKey, type Link, ROOT_CONTEXT, type Span, trace } from '@opentelemetry/api'

/** Who asked for a call that will travel with others: the context with the caller's span. */
export type Caller = Context | undefined

const othersKey = createContextKey('holdfast.others')

/** `undefined` when nobody traces, which costs about 0.1 µs. */
export function currentCaller(): Caller {
  const active = context.active()
  return trace.getSpan(active) === undefined ? undefined : active
}

/** Runs a batch so that its spans are children of the first caller's, with links to those of the others, and from them: one statement
 *  serves many traces, and a span has one parent. */
export function onBehalfOf<R>(callers: readonly Caller[], run: () => R): R {
  const [first, ...others] = callers.filter((caller) => caller !== undefined)
  // What gathers may have been set off by a call that is in another batch.
  if (first === undefined) return context.with(ROOT_CONTEXT, run)
  const spans = others.flatMap((caller) => trace.getSpan(caller) ?? [])
  return context.with(spans.length === 0 ? first : first.setValue(othersKey, spans), run)
}

/** Links the span of a statement with the callers of the batch that is running but the first, in both directions: who looks at a call whose statement stands in
 *  another's trace finds it. */
export function linkWithOthers(span: Span): void {
  const others = context.active().getValue(othersKey) as readonly Span[] | undefined
  if (others === undefined) return
  const back: Link = { context: span.spanContext() }
  for (const other of others) {
    span.addLink({ context: other.spanContext() })
    other.addLink(back)
  }
}
