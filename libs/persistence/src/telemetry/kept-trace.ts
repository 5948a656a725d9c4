import { type Context, context, propagation, ROOT_CONTEXT } from '@opentelemetry/api'
import type { TextMapGetter, TextMapSetter } from '@opentelemetry/api'

/** What a record keeps of the trace that it was written in, so that whoever works on it later, in whichever process, belongs to that trace. */
export interface KeptTrace {
  /** W3C's `traceparent`; absent if nobody traced. */
  readonly trace?: string
}

/** Of the call that is made now. */
export function traceToKeep(): KeptTrace {
  const found: { trace?: string } = {}
  propagation.inject(context.active(), found, setter)
  return found
}

/** Where spans begin that belong to the trace of a record: a root if it has none. */
export function contextOfTrace(record: KeptTrace): Context {
  return propagation.extract(ROOT_CONTEXT, record, getter)
}

const setter: TextMapSetter<{ trace?: string }> = {
  set(found, key, value) {
    if (key === 'traceparent') found.trace = value
  },
}

const getter: TextMapGetter<KeptTrace> = {
  keys: () => ['traceparent'],
  get: (record, key) => (key === 'traceparent' ? record.trace : undefined),
}
