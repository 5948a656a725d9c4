import { type Metadata, type StatusObject, status } from '@grpc/grpc-js'
import { context, propagation, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { codeOfGrpcStatus } from '@holdfast/errors'

const scope = '@holdfast/grpc-clients'

const setter = { set: (metadata: Metadata, key: string, value: string): void => metadata.set(key, value) }

/** A call on the wire as a span; nothing until the program registers an SDK of OpenTelemetry.
 *  Names: https://opentelemetry.io/docs/specs/semconv/rpc/grpc/ */
export class CallSpan {
  readonly #span: Span

  /** @param path `/holdfast.chat.v1.ChatService/SendMessage` */
  constructor(path: string, address: string) {
    const method = path.slice(1)
    this.#span = trace.getTracer(scope).startSpan(method, { kind: SpanKind.CLIENT })
    if (!this.#span.isRecording()) return
    const [, host = address, port] = /^(.*):(\d+)$/.exec(address) ?? []
    this.#span.setAttributes({
      'rpc.system.name': 'grpc',
      'rpc.method': method,
      'server.address': host,
      ...(port === undefined ? {} : { 'server.port': Number(port) }),
    })
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
