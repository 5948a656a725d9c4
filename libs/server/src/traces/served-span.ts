import type { Metadata } from '@grpc/grpc-js'
import {
  type Context,
  context,
  INVALID_TRACEID,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  type TextMapGetter,
  trace,
} from '@opentelemetry/api'
import type { HoldfastError } from '@holdfast/errors'

const tracer = trace.getTracer('@holdfast/server')

const getter: TextMapGetter<Metadata> = {
  keys: (metadata) => Object.keys(metadata.getMap()),
  get(metadata, key) {
    const [value] = metadata.get(key)
    return typeof value === 'string' ? value : undefined
  },
}

/** A call that is being served as a span, child of the caller's if its headers name one; nothing until the program registers an SDK of
 *  OpenTelemetry. Names: https://opentelemetry.io/docs/specs/semconv/rpc/grpc/ */
export class ServedSpan {
  readonly #span: Span
  readonly #context: Context

  /** @param method `holdfast.chat.v1.ChatService/SendMessage` */
  constructor(method: string, metadata: Metadata) {
    const parent = propagation.extract(ROOT_CONTEXT, metadata, getter)
    this.#span = tracer.startSpan(method, optionsOf(method), parent)
    this.#context = trace.setSpan(parent, this.#span)
  }

  /** Runs what serves the call, so that its spans and its log lines belong to this one. */
  within<R>(run: () => R): R {
    return context.with(this.#context, run)
  }

  /** By what the call is found in traces and logs; `undefined`: nobody traces. */
  get traceId(): string | undefined {
    return traceOf(this.#context)?.trace_id
  }

  /** Without the message of the error: it may quote what the caller sent. */
  end(error: HoldfastError | undefined): void {
    this.#span.setAttribute('rpc.response.status_code', error?.code ?? 'OK')
    if (error !== undefined) {
      this.#span.setAttribute('error.type', error.code)
      if (isServerFault(error)) this.#span.setStatus({ code: SpanStatusCode.ERROR })
    }
    this.#span.end()
  }
}

const known = new Map<string, SpanOptions>()

/** Frozen, so that they are written once for all calls of the method. */
function optionsOf(method: string): SpanOptions {
  let options = known.get(method)
  if (options === undefined) {
    const attributes = Object.freeze({ 'rpc.system.name': 'grpc', 'rpc.method': method })
    options = { kind: SpanKind.SERVER, attributes }
    known.set(method, options)
  }
  return options
}

const serverFaults: ReadonlySet<string> = new Set([
  'UNKNOWN',
  'DEADLINE_EXCEEDED',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
])

/** What the conventions call an error of a server span. */
function isServerFault({ code }: HoldfastError): boolean {
  return serverFaults.has(code)
}

/** For log lines: the names are those of OpenTelemetry's logs in JSON. */
export function activeTrace(): { trace_id: string; span_id: string } | Record<string, never> {
  return traceOf(context.active()) ?? {}
}

function traceOf(of: Context): { trace_id: string; span_id: string } | undefined {
  const span = trace.getSpanContext(of)
  return span === undefined || span.traceId === INVALID_TRACEID
    ? undefined
    : { trace_id: span.traceId, span_id: span.spanId }
}
