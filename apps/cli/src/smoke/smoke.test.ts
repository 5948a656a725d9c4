import assert from 'node:assert/strict'
import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createClients } from '@holdfast/grpc-clients'
import { HoldfastProcess } from '@holdfast/test-servers'
import { runCli } from '../cli-process.js'
import { serverClientOptions } from '../server-clients.js'
import { smoke } from './run-smoke.js'

interface Report {
  readonly ok: boolean
  readonly seconds: number
  readonly checks: readonly { readonly name: string; readonly status: string; readonly detail?: string }[]
}

test('a deployment that works passes within 10 s, and nothing of the conversation stays', async () => {
  await using server = await HoldfastProcess.start(['--database', 'memory:'])
  const { code, stdout, stderr } = await runCli(['smoke', '--address', server.address, '--json'])
  const { ok, checks, seconds } = JSON.parse(stdout) as Report
  assert.deepEqual([code, ok], [0, true], stdout + stderr)
  assert.ok(seconds <= 10)
  assert.deepEqual(
    checks.map(({ name, status }) => `${name} ${status}`),
    [
      ...['health', 'create', 'read', 'update', 'repeat', 'stream', 'errors', 'delete'].map((name) => `${name} ok`),
      // No token was given.
      'credentials skip',
      ...['speech', 'pictures', 'graphs'].map((name) => `${name} ok`),
    ],
  )
  await using clients = createClients({ address: server.address })
  assert.deepEqual((await clients.chat.listConversations({})).conversations, [])
})

test('what answers wrongly, or not at all, fails within its time and says what failed', async () => {
  const nobody = await runCli(['smoke', '--address', '127.0.0.1:1', '--timeout', '2'])
  assert.equal(nobody.code, 1)
  assert.match(nobody.stdout, /^fail {2}health .*unreachable/)
  assert.match(nobody.stdout, /\nskip {2}create [\s\S]*\nfailed in \d/)
  // It is healthy, and asks for no credential though one is given, and every call but that ends with OK and nothing in it.
  const server = createServer()
  const presented = new Set<unknown>()
  server.on('stream', (stream, headers) => {
    presented.add(headers['authorization'])
    const body = String(headers[':path']).includes('Health') ? Buffer.of(0, 0, 0, 0, 2, 8, 1) : Buffer.alloc(5)
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.end(body)
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  try {
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
    await using clients = createClients({ address, ...serverClientOptions({}, { HOLDFAST_TOKEN: 'secret' }) })
    await using strangers = createClients({ address })
    const outcomes = await smoke(clients, 3_000, new AbortController().signal, strangers)
    const states = Object.fromEntries(outcomes.map(({ name, status }) => [name, status]))
    assert.deepEqual([states['health'], states['create'], states['read']], ['ok', 'fail', 'skip'])
    assert.deepEqual([states['pictures'], states['graphs'], states['credentials']], ['fail', 'fail', 'fail'])
    assert.deepEqual(presented, new Set(['Bearer secret', undefined]))
  } finally {
    server.close()
  }
})
