import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { createGunzip } from 'node:zlib'
import { BinaryReader } from '@bufbuild/protobuf/wire'

/** A span as it came. */
export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  /** Empty: it begins the trace. */
  readonly parentSpanId: string
  readonly name: string
  /** INTERNAL 1, SERVER 2, CLIENT 3, PRODUCER 4, CONSUMER 5. */
  readonly kind: number
  readonly attributes: Readonly<Record<string, string | number | boolean>>
  /** Ids of the spans that it is linked with. */
  readonly links: readonly string[]
  /** Names of its events. */
  readonly events: readonly string[]
  /** Milliseconds. */
  readonly startMs: number
  readonly durationMs: number
  /** The instrumentation scope, `name@version`. */
  readonly scope: string
  /** UNSET 0, OK 1, ERROR 2. */
  readonly status: number
  readonly resource: Readonly<Record<string, string | number | boolean>>
}

export interface OtlpReceiver extends AsyncDisposable {
  /** For HOLDFAST_TRACES: without `/v1/traces`. */
  readonly url: string
  readonly spans: readonly ReceivedSpan[]
  /** All that came, as bytes: what must not be in them can be searched for. */
  readonly bodies: readonly Buffer[]
  /** Resolves with the spans when `isThere` says yes of them. @throws Error after `ms`, default 10,000, with their names */
  until(isThere: (spans: readonly ReceivedSpan[]) => boolean, ms?: number): Promise<readonly ReceivedSpan[]>
}

/** A receiver of traces by OTLP over HTTP with protobuf, on loopback.
 *  @param options.keeps whether what comes is decoded and kept; default true. Benchmarks only answer. */
export async function startOtlpReceiver(options: { readonly keeps?: boolean } = {}): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = []
  const bodies: Buffer[] = []
  const waiting = new Set<() => void>()
  const receive = async (request: IncomingMessage): Promise<number> => {
    if (request.method !== 'POST' || request.url !== '/v1/traces') return 404
    if (request.headers['content-type'] !== 'application/x-protobuf') return 415
    const isZipped = request.headers['content-encoding'] === 'gzip'
    const body = await buffer(isZipped ? request.pipe(createGunzip()) : request)
    if (options.keeps === false) return 200
    bodies.push(body)
    spans.push(...spansOf(body))
    for (const look of waiting) look()
    return 200
  }
  const server = createServer((request, response) => {
    receive(request).then(
      (status) => response.writeHead(status, { 'content-type': 'application/x-protobuf' }).end(),
      () => response.writeHead(400).end(),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The system gave no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    spans,
    bodies,
    until(isThere, ms = 10_000) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(look)
          reject(new Error(`What was waited for did not come, but: ${spans.map(({ name }) => name).join(', ')}`))
        }, ms)
        const look = (): void => {
          if (!isThere(spans)) return
          clearTimeout(timer)
          waiting.delete(look)
          resolve(spans)
        }
        waiting.add(look)
        look()
      })
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

type Values = Record<string, string | number | boolean>
type Fields = Readonly<Record<number, (reader: BinaryReader) => void>>

/** ExportTraceServiceRequest.
 *  Source: https://github.com/open-telemetry/opentelemetry-proto/blob/v1.7.0/opentelemetry/proto/trace/v1/trace.proto */
function spansOf(body: Uint8Array): ReceivedSpan[] {
  const spans: ReceivedSpan[] = []
  const ofResource = (resourceSpans: BinaryReader): void => {
    const resource: Values = {}
    read(resourceSpans, {
      1: (one) => read(sub(one), { 1: (attribute) => readAttribute(sub(attribute), resource) }),
      2: (one) => {
        let scope = ''
        read(sub(one), {
          1: (of) =>
            read(sub(of), { 1: (name) => (scope = name.string()), 2: (version) => (scope += `@${version.string()}`) }),
          2: (span) => spans.push(spanOf(sub(span), resource, scope)),
        })
      },
    })
  }
  read(new BinaryReader(body), { 1: (one) => ofResource(sub(one)) })
  return spans
}

function spanOf(reader: BinaryReader, resource: Values, scope: string): ReceivedSpan {
  const span = {
    traceId: '',
    spanId: '',
    parentSpanId: '',
    name: '',
    kind: 0,
    status: 0,
    resource,
    scope,
    startMs: 0,
    endMs: 0,
  }
  const attributes: Values = {}
  const links: string[] = []
  const events: string[] = []
  read(reader, {
    1: (one) => (span.traceId = hex(one)),
    2: (one) => (span.spanId = hex(one)),
    4: (one) => (span.parentSpanId = hex(one)),
    5: (one) => (span.name = one.string()),
    6: (one) => (span.kind = one.int32()),
    7: (one) => (span.startMs = Number(one.fixed64()) / 1e6),
    8: (one) => (span.endMs = Number(one.fixed64()) / 1e6),
    9: (one) => readAttribute(sub(one), attributes),
    11: (one) => read(sub(one), { 2: (name) => events.push(name.string()) }),
    13: (one) => read(sub(one), { 2: (id) => links.push(hex(id)) }),
    15: (one) => read(sub(one), { 3: (code) => (span.status = code.int32()) }),
  })
  const { endMs, ...rest } = span
  return { ...rest, durationMs: endMs - span.startMs, attributes, links, events }
}

function readAttribute(reader: BinaryReader, into: Values): void {
  let key = ''
  read(reader, {
    1: (one) => (key = one.string()),
    2: (one) =>
      read(sub(one), {
        1: (value) => (into[key] = value.string()),
        2: (value) => (into[key] = value.bool()),
        3: (value) => (into[key] = Number(value.int64())),
        4: (value) => (into[key] = value.double()),
      }),
  })
}

function read(reader: BinaryReader, fields: Fields): void {
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    const known = fields[field]
    if (known === undefined) reader.skip(wireType, field)
    else known(reader)
  }
}

function sub(reader: BinaryReader): BinaryReader {
  return new BinaryReader(reader.bytes())
}

function hex(reader: BinaryReader): string {
  return Buffer.from(reader.bytes()).toString('hex')
}
