import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { context, metrics, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { postgresForTests } from '@holdfast/test-servers'
import type { DocumentStore } from '../document-store.js'
import { openDocumentStore } from '../open.js'
import type { SlowCall } from './observed-driver.js'

describe('what is observed of a store on PostgreSQL', () => {
  const spans = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] })
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const meters = new MeterProvider({ readers: [reader] })
  const slow: SlowCall[] = []
  let database: Awaited<ReturnType<typeof postgresForTests>>
  let store: DocumentStore

  before(async () => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    trace.setGlobalTracerProvider(provider)
    metrics.setGlobalMeterProvider(meters)
    database = await postgresForTests()
    store = await openDocumentStore(database.url, { slowCallMs: 150, onSlowCall: (call) => void slow.push(call) })
  })
  after(async () => {
    await store.close()
    await database[Symbol.asyncDispose]()
    await meters.shutdown()
    await provider.shutdown()
    trace.disable()
    metrics.disable()
    context.disable()
  })

  it('is a span for each statement, a child of the caller’s, with the names of the semantic conventions', async () => {
    const notes = store.collection('notes')
    await notes.put('first', { text: 'to make the table' })
    spans.reset()
    const tracer = trace.getTracer('test')
    const parent = await tracer.startActiveSpan('caller', async (span) => {
      await notes.put('a', { text: 'secret-value' })
      span.end()
      return span.spanContext()
    })
    const span = spans.getFinishedSpans().find(({ name }) => name === 'put notes')
    assert.equal(span?.spanContext().traceId, parent.traceId)
    assert.equal(span.parentSpanContext?.spanId, parent.spanId)
    assert.equal(span.attributes['db.system.name'], 'postgresql')
    assert.equal(span.attributes['db.operation.name'], 'put')
    assert.equal(span.attributes['db.collection.name'], 'notes')
    assert.match(String(span.attributes['db.query.text']), /insert into holdfast\."c_notes"/)
    assert.equal(span.attributes['server.port'], Number(new URL(database.url).port))
    assert.ok(!JSON.stringify(spans.getFinishedSpans().map(({ attributes }) => attributes)).includes('secret-value'))
  })

  it('links a statement that serves several callers to all of them', async () => {
    spans.reset()
    const tracer = trace.getTracer('test')
    const notes = store.collection('notes')
    const callers = await Promise.all(
      Array.from({ length: 5 }, (_, n) =>
        tracer.startActiveSpan(`caller ${n}`, async (span) => {
          await notes.put(`many-${n}`, { n })
          span.end()
          return span.spanContext().spanId
        }),
      ),
    )
    const [batch, ...others] = spans.getFinishedSpans().filter(({ name }) => name === 'puts notes')
    assert.deepEqual(others, [])
    assert.equal(batch?.attributes['db.operation.batch.size'], 5)
    const related = [batch.parentSpanContext?.spanId, ...batch.links.map((link) => link.context.spanId)]
    assert.deepEqual(new Set(related), new Set(callers))
    const linked = spans
      .getFinishedSpans()
      .filter(({ links }) => links.some(({ context: { spanId } }) => spanId === batch.spanContext().spanId))
    assert.equal(linked.length, 4, 'who travelled with others finds the statement')
  })

  it('is the duration of operations and the state of the pool as metrics', async () => {
    await store.collection('notes').get('a')
    await reader.forceFlush()
    const found = exporter
      .getMetrics()
      .at(-1)
      ?.scopeMetrics.filter(({ scope }) => scope.name === '@holdfast/persistence')
      .flatMap((scope) => scope.metrics)
    const names = new Set(found?.map(({ descriptor }) => descriptor.name))
    for (const name of [
      'db.client.operation.duration',
      'db.client.connection.count',
      'db.client.connection.limit',
      'db.client.connection.pending_requests',
    ]) {
      assert.ok(names.has(name), name)
    }
    const duration = found?.find(({ descriptor }) => descriptor.name === 'db.client.operation.duration')
    assert.ok(duration?.dataPoints.some(({ attributes }) => attributes['db.operation.name'] === 'get'))
  })

  it('tells of a slow call with the shape of its statement and no value', async () => {
    slow.length = 0
    await using other = await openDocumentStore(database.url)
    const notes = store.collection<{ n: number }>('notes')
    let release: () => void = () => {}
    const held = new Promise<void>((resolve) => (release = resolve))
    const holding = other.transaction(async (tx) => {
      await tx.collection('notes').put('held', { n: 1 })
      await held
    })
    await new Promise((resolve) => setTimeout(resolve, 100))
    const waiting = notes.put('held', { n: 424_242 })
    await new Promise((resolve) => setTimeout(resolve, 400))
    release()
    await Promise.all([holding, waiting])
    const [call] = slow
    assert.equal(call?.operation, 'put')
    assert.equal(call.collection, 'notes')
    assert.ok(call.durationMs >= 150)
    assert.match(call.text, /\$4/)
    assert.ok(!JSON.stringify(slow).includes('424242'))
  })

  it('is counted by operation and collection', async () => {
    await Promise.all(Array.from({ length: 20 }, (_, n) => store.collection('counted').put(`c-${n}`, { n })))
    const { statements, connections } = store.stats()
    const puts = statements.filter(
      ({ collection, operation }) => collection === 'counted' && operation.startsWith('put'),
    )
    assert.equal(
      puts.reduce((sum, { calls }) => sum + calls, 0),
      20,
    )
    assert.ok(puts.reduce((sum, { count }) => sum + count, 0) < 20, 'they were gathered')
    assert.equal(connections?.max, 10)
  })

  it('has loads and the making of indexes, which are no queries', async () => {
    spans.reset()
    const loaded = store.collection<{ n: number }>('loaded')
    await loaded.load(Array.from({ length: 2_000 }, (_, n) => ({ id: `l-${n}`, data: { n: n + 0.424_242 } })))
    await store.collection('loaded', { indexes: [{ on: 'n' }] }).count()
    await store.indexes.built()
    const names = spans.getFinishedSpans().map(({ name }) => name)
    for (const name of ['copy loaded', 'create loaded', 'analyze loaded']) assert.ok(names.includes(name), name)
    assert.ok(
      store.stats().statements.some(({ operation, collection }) => `${operation} ${collection}` === 'copy loaded'),
    )
    assert.ok(!JSON.stringify(spans.getFinishedSpans().map(({ attributes }) => attributes)).includes('424242'))
  })

  it('marks a statement that failed with the code of its error', async () => {
    spans.reset()
    const unique = store.collection<{ mail: string }>('unique-notes', { indexes: [{ on: 'mail', unique: true }] })
    await unique.put('1', { mail: 'private@example.org' })
    await assert.rejects(unique.put('2', { mail: 'private@example.org' }))
    const failed = spans.getFinishedSpans().filter(({ attributes }) => attributes['error.type'] !== undefined)
    const taken = failed.find(({ attributes }) => attributes['error.type'] === 'ALREADY_EXISTS')
    assert.equal(taken?.attributes['db.response.status_code'], '23505')
    assert.ok(
      !JSON.stringify(failed.map(({ attributes, events, status }) => [attributes, events, status])).includes(
        'private@',
      ),
    )
  })
})
