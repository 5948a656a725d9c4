import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { BatchObservableResult } from '@opentelemetry/api'
import { createMetrics, serveMetrics } from './metrics.js'

describe('the metrics server', () => {
  it('tells calls, the process and what others register', async () => {
    const metrics = createMetrics()
    const record = metrics.calls('holdfast.chat.v1.ChatService', 'SendMessage')
    record('OK', 3)
    record('OK', 4)
    record('NOT_FOUND', 1)
    metrics.gauge('holdfast_open_replies', 'Replies being made', () => 7)
    let shed = 2
    metrics.counter('holdfast_shed_total', 'Calls that were shed', () => shed)
    metrics.gauge('holdfast_broken', 'Cannot be read', () => Promise.reject(new Error('no')))
    await using server = await serveMetrics(metrics, { listen: '127.0.0.1:0' })
    const response = await fetch(`http://${server.address}/metrics`)
    const text = await response.text()
    const labels = 'rpc_system_name="grpc",rpc_method="holdfast.chat.v1.ChatService/SendMessage"'
    assert.equal(response.status, 200)
    assert.ok(text.includes(`rpc_server_call_duration_seconds_count{${labels},rpc_response_status_code="NOT_FOUND"} 1`))
    assert.ok(text.includes(`rpc_server_call_duration_seconds_count{${labels},rpc_response_status_code="OK"} 2`))
    assert.match(text, /^holdfast_open_replies 7$/m)
    assert.match(text, /^# TYPE holdfast_shed_total counter\nholdfast_shed_total 2$/m)
    shed = 5
    assert.match(await metrics.text(), /^holdfast_shed_total 5$/m)
    assert.match(text, /^holdfast_broken Nan$/m)
    assert.match(text, /^process_resident_memory_bytes \d/m)
  })

  it('tells what libraries measure by OpenTelemetry, in the spelling of Prometheus', async () => {
    const metrics = createMetrics()
    const { meters } = metrics
    const text = (): Promise<string> => metrics.text()
    const meter = meters.getMeter('test')
    const other = meters.getMeter('another library')
    const advice = { explicitBucketBoundaries: [0.1, 1] }
    const duration = meter.createHistogram('db.client.operation.duration', {
      unit: 's',
      description: 'Of calls',
      advice,
    })
    const sql = { 'db.system.name': 'postgresql', 'db.operation.name': 'get' }
    for (const seconds of [0.1, 0.5, 3]) duration.record(seconds, sql)
    duration.record(1, { ...sql, 'error.type': 'ABORTED' })
    other.createHistogram('db.client.operation.duration').record(2, { 'db.system.name': 'redis' })
    meter.createCounter('holdfast.cache.requests', { unit: '{request}' }).add(2, { 'holdfast.cache.result': 'hit' })
    const used = meter.createObservableUpDownCounter('db.client.connection.count')
    let connections = 3
    const read = (result: BatchObservableResult): void => result.observe(used, connections, { state: 'used' })
    meter.addBatchObservableCallback(read, [used])
    const first = await text()
    const labels = 'db_operation_name="get",db_system_name="postgresql"'
    for (const line of [
      '# HELP db_client_operation_duration_seconds Of calls',
      '# TYPE db_client_operation_duration_seconds histogram',
      `db_client_operation_duration_seconds_bucket{${labels},le="0.1"} 1`,
      `db_client_operation_duration_seconds_bucket{${labels},le="1"} 2`,
      `db_client_operation_duration_seconds_bucket{${labels},le="+Inf"} 3`,
      `db_client_operation_duration_seconds_sum{${labels}} 3.6`,
      `db_client_operation_duration_seconds_count{${labels}} 3`,
      `db_client_operation_duration_seconds_count{${labels},error_type="ABORTED"} 1`,
      'db_client_operation_duration_seconds_count{db_system_name="redis"} 1',
      'holdfast_cache_requests_total{holdfast_cache_result="hit"} 2',
      'db_client_connection_count{state="used"} 3',
    ]) {
      assert.ok(first.split('\n').includes(line), `${line} in\n${first}`)
    }
    connections = 4
    assert.match(await text(), /^db_client_connection_count\{state="used"\} 4$/m)
    const more = async (result: BatchObservableResult): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 5))
      result.observe(used, 10, { state: 'used' })
    }
    meter.addBatchObservableCallback(more, [used])
    assert.match(await text(), /^db_client_connection_count\{state="used"\} 14$/m)
    meter.removeBatchObservableCallback(read, [used])
    meter.removeBatchObservableCallback(more, [used])
    assert.doesNotMatch(await text(), /^db_client_connection_count\{/m)
  })

  it('has at most 2,000 series of one instrument, and the rest together', async () => {
    const metrics = createMetrics()
    const { meters } = metrics
    const text = (): Promise<string> => metrics.text()
    const counter = meters.getMeter('test').createCounter('many')
    for (let n = 0; n < 3_000; n += 1) counter.add(1, { n })
    const lines = (await text()).split('\n').filter((line) => line.startsWith('many_total{'))
    assert.equal(lines.length, 2_001)
    assert.ok(lines.includes('many_total{otel_metric_overflow="true"} 1000'))
  })

  it('answers nothing else', async () => {
    await using server = await serveMetrics(createMetrics(), { listen: '[::1]:0' })
    assert.equal((await fetch(`http://${server.address}/`)).status, 404)
    assert.equal((await fetch(`http://${server.address}/metrics`, { method: 'POST' })).status, 405)
  })

  it('names the port that is in use, and refuses to be reached from elsewhere', async () => {
    await using server = await serveMetrics(createMetrics(), { listen: '127.0.0.1:0' })
    const port = server.address.split(':')[1]
    await assert.rejects(serveMetrics(createMetrics(), { listen: server.address }), {
      code: 'FAILED_PRECONDITION',
      reason: 'PORT_IN_USE',
      message: new RegExp(`Port ${port} is in use`),
    })
    await assert.rejects(serveMetrics(createMetrics(), { listen: '0.0.0.0:0' }), { reason: 'LISTEN_UNPROTECTED' })
  })
})
