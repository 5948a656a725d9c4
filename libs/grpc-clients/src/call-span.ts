import { type Metadata, type StatusObject, status } from '@grpc/grpc-js'
import { type Attributes, context, propagation, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { codeOfGrpcStatus } from '@holdfast/errors'

const scope = '@holdfast/grpc-clients'

const client = { kind: SpanKind.CLIENT }
const known = new Map<string, Attributes>()
const maxKnown = 2_000

const setter = { set: (metadata: Metadata, key: string, value: string): void => metadata.set(key, value) }

/** A call on the wire as a span; nothing until the program registers an SDK of OpenTelemetry.
 *  Names: https://opentelemetry.io/docs/specs/semconv/rpc/grpc/ */
export class CallSpan {
  readonly #span: Span

  /** @param path `/holdfast.chat.v1.ChatService/SendMessage` */
  constructor(path: string, address: string) {
    this.#span = trace.getTracer(scope).startSpan(path.slice(1), client)
    if (this.#span.isRecording()) this.#span.setAttributes(attributesOf(path, address))
  }

  /** Adds the headers by which the server goes on with the trace. */
  tell(metadata: Metadata): Metadata {
    propagation.inject(trace.setSpan(context.active(), this.#span), metadata, setter)
    return metadata
  }

  /** Ends with the call, however that ends. */
  follow(call: { once(event: 'status', listener: (status: StatusObject) => void): unknown }): void {
    const span = this.#span
    if (!span.isRecording()) return
    call.once('status', ({ code }) => {
      const failed = code !== status.OK
      const name = failed ? codeOfGrpcStatus(code) : 'OK'
      span.setAttribute('rpc.response.status_code', name)
      if (failed) {
        span.setAttribute('error.type', name)
        span.setStatus({ code: SpanStatusCode.ERROR })
      }
      span.end()
    })
  }
}

/** Frozen, so that they are written once for all calls of a method at an address. */
function attributesOf(path: string, address: string): Attributes {
  const key = `${address}${path}`
  const found = known.get(key)
  if (found !== undefined) return found
  const [, host = address, port] = /^(.*):(\d+)$/.exec(address) ?? []
  const attributes = Object.freeze({
    'rpc.system.name': 'grpc',
    'rpc.method': path.slice(1),
    'server.address': host,
    ...(port === undefined ? {} : { 'server.port': Number(port) }),
  })
  if (known.size < maxKnown) known.set(key, attributes)
  return attributes
}
