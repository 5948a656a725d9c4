import assert from 'node:assert/strict'
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import type { JsonObject } from '../graph/graph.js'
import { httpExecutor } from './http.js'
import type { NodeCall } from './node-executor.js'

let asked: {
  readonly url: string
  readonly method: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}[] = []
let answer: (request: IncomingMessage, response: ServerResponse) => void = (_, response) => response.end()
const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    asked.push({
      url: request.url ?? '',
      method: request.method ?? '',
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
    })
    answer(request, response)
  })
})
let host = ''

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`
})
after(() => {
  server.closeAllConnections()
  server.close()
})

function call(input: JsonObject, signal = new AbortController().signal): NodeCall {
  return {
    key: 'dag:r:n:1',
    run: 'r',
    tenant: 'default',
    node: 'n',
    type: 'http',
    attempt: 1,
    input,
    signal,
    report: () => {},
  }
}

function executor(more: object = {}) {
  asked = []
  return httpExecutor({ hosts: [host], timeoutMs: 2_000, ...more })
}

describe('an http node', () => {
  it('sends a method, headers, a body and the key, and takes JSON and text', async () => {
    answer = (_, response) => response.setHeader('content-type', 'application/json; charset=utf-8').end('{"n":1}')
    const outputs = await executor()(
      call({ url: `http://${host}/a?b=1`, method: 'POST', headers: { 'X-One': 'two' }, body: { x: [1] } }),
    )
    assert.deepEqual([outputs['status'], outputs['body']], [200, { n: 1 }])
    const [one] = asked
    assert.deepEqual(
      [
        one?.url,
        one?.method,
        one?.headers['x-one'],
        one?.headers['idempotency-key'],
        one?.headers['content-type'],
        one?.body,
      ],
      ['/a?b=1', 'POST', 'two', 'dag:r:n:1', 'application/json', '{"x":[1]}'],
    )
    answer = (_, response) => response.end('plain')
    assert.equal((await executor()(call({ url: `http://${host}/` })))['body'], 'plain')
  })

  it('asks no host that is not allowed, and no private address that is not named with its port', async () => {
    const [name, port] = host.split(':')
    await assert.rejects(httpExecutor({ hosts: [] })(call({ url: `http://${host}/` })), {
      code: 'PERMISSION_DENIED',
      reason: 'HOST_NOT_ALLOWED',
    })
    await assert.rejects(httpExecutor({ hosts: [name ?? ''] })(call({ url: `http://${host}/` })), {
      code: 'PERMISSION_DENIED',
      reason: 'PRIVATE_ADDRESS',
    })
    await assert.rejects(httpExecutor({ hosts: ['localhost'] })(call({ url: `http://localhost:${port}/` })), {
      reason: 'PRIVATE_ADDRESS',
    })
    await assert.rejects(
      httpExecutor({ hosts: ['[::ffff:127.0.0.1]', '[::ffff:7f00:1]'] })(
        call({ url: `http://[::ffff:127.0.0.1]:${port}/` }),
      ),
      { code: 'PERMISSION_DENIED' },
    )
    await assert.rejects(executor()(call({ url: 'file:///etc/passwd' })), { code: 'INVALID_ARGUMENT' })
    await assert.rejects(executor()(call({ url: `http://u:p@${host}/` })), { code: 'INVALID_ARGUMENT' })
  })

  it('follows redirects to allowed hosts only', async () => {
    answer = (request, response) =>
      request.url === '/from' ? response.writeHead(302, { location: '/to' }).end() : response.end(`at ${request.url}`)
    const allowed = executor()
    assert.equal((await allowed(call({ url: `http://${host}/from`, method: 'POST', body: 'x' })))['body'], 'at /to')
    assert.equal(asked[1]?.method, 'GET')
    answer = (_, response) => response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end()
    await assert.rejects(executor()(call({ url: `http://${host}/` })), { reason: 'HOST_NOT_ALLOWED' })
    await assert.rejects(executor({ hosts: [host, '169.254.169.254'] })(call({ url: `http://${host}/` })), {
      reason: 'PRIVATE_ADDRESS',
    })
    answer = (_, response) => response.writeHead(302, { location: '/round' }).end()
    await assert.rejects(executor()(call({ url: `http://${host}/` })), { code: 'FAILED_PRECONDITION' })
  })

  it('ends what is too large, takes too long, or is cancelled', async () => {
    answer = (_, response) => response.end('x'.repeat(2_000))
    await assert.rejects(executor({ maxBytes: 1_000 })(call({ url: `http://${host}/` })), {
      reason: 'ANSWER_TOO_LARGE',
    })
    answer = () => {}
    await assert.rejects(executor({ timeoutMs: 50 })(call({ url: `http://${host}/` })), { code: 'DEADLINE_EXCEEDED' })
    const control = new AbortController()
    const cancelled = executor()(call({ url: `http://${host}/` }, control.signal))
    control.abort()
    await assert.rejects(cancelled)
  })

  it('says which answers are worth another attempt', async () => {
    for (const [status, code] of [
      [503, 'UNAVAILABLE'],
      [429, 'RESOURCE_EXHAUSTED'],
      [404, 'FAILED_PRECONDITION'],
    ] as const) {
      answer = (_, response) => response.writeHead(status).end()
      await assert.rejects(executor()(call({ url: `http://${host}/` })), { code, reason: 'HTTP_STATUS' })
    }
    await assert.rejects(httpExecutor({ hosts: ['127.0.0.1:1'] })(call({ url: 'http://127.0.0.1:1/' })), {
      code: 'UNAVAILABLE',
    })
  })
})
