import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type TracerProvider } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '@holdfast/test-servers'
import { recordingTracers } from './recording-tracers.js'
import { SpanDelivery, type SpanRequest, type SpanSender } from './span-delivery.js'

const resource = { 'service.name': 'tested', 'service.instance.id': 'one' }
const begins = { kind: SpanKind.SERVER }

describe('tracers that write spans as they are sent', () => {
  it('tell a receiver what the SDK of OpenTelemetry tells it of the same spans', async () => {
    await using ours = await startOtlpReceiver()
    await using theirs = await startOtlpReceiver()
    const { delivery, requests } = collected()
    tellAll(recordingTracers(delivery, 1))
    await delivery.stop()
    await post(requests, ours)
    const exporter = new OTLPTraceExporter({ url: `${theirs.url}/v1/traces` })
    const sdk = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
    tellAll(sdk)
    await sdk.shutdown()
    assert.equal(theirs.spans.length, 7)
    assert.deepEqual(comparable(ours.spans), comparable(theirs.spans))
    assert.deepEqual(ours.spans[0]?.resource, resource)
  })

  it('begin traces with calls, attempts and commands only, and with as many as the ratio says; all else follows its parent', async () => {
    const { delivery } = collected()
    const tracer = recordingTracers(delivery, 1).getTracer('test')
    assert.equal(tracer.startSpan('look for jobs').isRecording(), false)
    assert.equal(tracer.startSpan('holdfast chat').isRecording(), true)
    assert.equal(tracer.startSpan('job', { kind: SpanKind.CONSUMER }).isRecording(), true)
    const some = recordingTracers(delivery, 0.25).getTracer('test')
    const recorded = Array.from({ length: 2_000 }, () => some.startSpan('call', begins)).filter((span) =>
      span.isRecording(),
    )
    // Six standard deviations: 116.
    assert.ok(Math.abs(recorded.length - 500) < 116, `${recorded.length} of 2,000`)
    for (const flags of [0, 1]) {
      const from = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: flags }
      const child = some.startSpan('within', {}, trace.setSpanContext(ROOT_CONTEXT, from))
      assert.equal(child.isRecording(), flags === 1)
      assert.equal(child.spanContext().traceId, from.traceId)
      assert.equal(child.spanContext().traceFlags, flags)
    }
    await delivery.stop()
    assert.equal(some.startSpan('late', begins).isRecording(), false)
  })

  it('sends one request at a time, and keeps no more than a bound of what waits for it', async () => {
    const requests: SpanRequest[] = []
    let answer = (): void => {}
    const sender = {
      export: (request: SpanRequest, done: (result: { code: number }) => void) => {
        requests.push(request)
        answer = () => done({ code: 0 })
      },
      shutdown: async () => {},
    }
    const delivery = new SpanDelivery(sender, resource, 1)
    const tracer = recordingTracers(delivery, 1).getTracer('test')
    const text = 'x'.repeat(100_000)
    const fill = (spans: number): void => {
      for (let n = 0; n < spans; n += 1) tracer.startSpan('call', { ...begins, attributes: { text } }).end()
    }
    fill(200)
    assert.deepEqual(
      requests.map(({ spans }) => spans),
      [6],
      'what is enough for a request is sent at once',
    )
    answer()
    const stopped = delivery.stop()
    await new Promise(setImmediate)
    assert.equal(requests.length, 2)
    assert.ok(
      (requests[1]?.body.length ?? 0) < 9 * 1024 ** 2 && (requests[1]?.spans ?? 0) > 50,
      `${requests[1]?.spans}`,
    )
    answer()
    await stopped
    fill(10)
    assert.equal(requests.length, 2)
  })
})

/** A delivery whose requests are kept. */
function collected(): { readonly delivery: SpanDelivery; readonly requests: readonly SpanRequest[] } {
  const requests: SpanRequest[] = []
  const sender: SpanSender = {
    export(request, done) {
      requests.push(request)
      done({ code: 0 })
    },
    shutdown: async () => {},
  }
  return { delivery: new SpanDelivery(sender, resource, 10_000), requests }
}

async function post(requests: readonly SpanRequest[], receiver: OtlpReceiver): Promise<void> {
  const headers = { 'content-type': 'application/x-protobuf' }
  for (const { body } of requests) {
    const { status } = await fetch(`${receiver.url}/v1/traces`, { method: 'POST', headers, body: Buffer.from(body) })
    assert.equal(status, 200)
  }
}

/** Spans with all that a span can have. */
function tellAll(provider: TracerProvider): void {
  const tracer = provider.getTracer('scope one', '1.2')
  const other = provider.getTracer('other scope')
  const remote = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1, isRemote: true }
  const within: Context = trace.setSpanContext(ROOT_CONTEXT, remote)
  const given = Object.freeze({ 'rpc.system.name': 'grpc', port: 5432, share: 0.5, negative: -7, yes: true })
  const call = tracer.startSpan(
    'call',
    { kind: SpanKind.SERVER, attributes: given, startTime: 1_700_000_000_000 },
    within,
  )
  call.setAttribute('late', 'x'.repeat(3_000)).setAttribute('port', 1).setAttribute('port', 2)
  call.setAttribute('big', Number.MAX_SAFE_INTEGER).setAttribute('far', 1e300).setAttribute('empty', '')
  const asChild = trace.setSpan(within, call)
  const child = other.startSpan(
    '𝄞 è ünd € names that are longer than what is written with one byte for its length',
    {},
    asChild,
  )
  child.addLink({ context: call.spanContext() }).addLinks([{ context: remote, attributes: { why: 'because' } }])
  child.addEvent('first', { n: 1 }).addEvent('second').addEvent('third', new Date(1_700_000_000_100))
  child.recordException(new TypeError('no'))
  child.setStatus({ code: SpanStatusCode.ERROR, message: 'it failed' })
  child.updateName('renamed')
  child.end()
  child.setAttribute('after', 'the end').addLink({ context: remote }).updateName('late').end()
  call.setStatus({ code: SpanStatusCode.OK }).setStatus({ code: SpanStatusCode.ERROR })
  call.end(1_700_000_000_250)
  tracer.startActiveSpan('active', { kind: SpanKind.CONSUMER, attributes: given }, within, (span) => span.end())
  const full = tracer.startSpan('full', { kind: SpanKind.PRODUCER }, within)
  for (let n = 0; n < 200; n += 1) full.setAttribute(`n${n}`, n).addLink({ context: remote }).addEvent(`event ${n}`)
  full.end([1_800_000_000, 500_000_000])
  tracer.startSpan('twice', { attributes: given }, within).end()
  tracer.startSpan('twice', { attributes: given }, within).setAttributes({ port: 3, share: 2 }).end()
  tracer.startSpan('call', { ...begins, root: true }, within).end()
}

/** In the order of their names, ids of spans by the names of those that have them. */
function comparable(spans: readonly ReceivedSpan[]): unknown[] {
  const nameOf = new Map(spans.map(({ spanId, name }) => [spanId, name]))
  const named = (id: string): string => nameOf.get(id) ?? id
  return spans
    .map(({ traceId, spanId, parentSpanId, links, startMs, durationMs, ...told }) => {
      assert.match(spanId, /^[0-9a-f]{16}$/)
      assert.match(traceId, /^[0-9a-f]{32}$/)
      const isGiven = told.name === 'call' && parentSpanId !== ''
      return {
        ...told,
        resource: undefined,
        trace: parentSpanId === '' ? 'own' : traceId,
        parent: named(parentSpanId),
        links: links.map(named),
        times: isGiven ? [startMs, Math.round(durationMs)] : durationMs >= 0,
      }
    })
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}
