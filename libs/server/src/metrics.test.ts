import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createMetrics, serveMetrics } from './metrics.js'

describe('the metrics server', () => {
  it('tells calls, the process and what others register', async () => {
    const metrics = createMetrics()
    const record = metrics.calls('holdfast.chat.v1.ChatService', 'SendMessage')
    record('OK', 3)
    record('OK', 4)
    record('NOT_FOUND', 1)
    metrics.gauge('holdfast_open_replies', 'Replies being made', () => 7)
    metrics.gauge('holdfast_broken', 'Cannot be read', () => Promise.reject(new Error('no')))
    await using server = await serveMetrics(metrics, { listen: '127.0.0.1:0' })
    const response = await fetch(`http://${server.address}/metrics`)
    const text = await response.text()
    const labels = 'rpc_service="holdfast.chat.v1.ChatService",rpc_method="SendMessage"'
    assert.equal(response.status, 200)
    assert.ok(text.includes(`rpc_server_calls_total{${labels},rpc_response_status_code="OK"} 2`))
    assert.ok(text.includes(`rpc_server_calls_total{${labels},rpc_response_status_code="NOT_FOUND"} 1`))
    assert.ok(text.includes(`rpc_server_duration_seconds_count{${labels},rpc_response_status_code="OK"} 2`))
    assert.match(text, /^holdfast_open_replies 7$/m)
    assert.match(text, /^holdfast_broken Nan$/m)
    assert.match(text, /^process_resident_memory_bytes \d/m)
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
