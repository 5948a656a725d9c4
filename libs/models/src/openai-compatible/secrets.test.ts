import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import type { ChatRequest } from '../chat-model.js'
import { openAiCompatibleModel } from './openai-compatible-model.js'
import {
  type Script,
  ScriptedServer,
  chunk,
  event,
  eventsOf,
  sendError,
  sendEvents,
  startEvents,
} from './scripted-server.js'
import { redactor } from './secrets.js'

const apiKey = 'sk-holdfast-0123456789abcdef'
const token = 'team-token-fedcba'
const hello: ChatRequest = { messages: [{ role: 'user', parts: [{ type: 'text', text: 'Hello' }] }] }
const everything = { depth: Infinity, showHidden: true, getters: true, maxStringLength: null, maxArrayLength: null }

function shown(value: unknown): string {
  const plain = value instanceof Error ? `${value.stack} ${JSON.stringify(value)} ${String(value.cause)}` : ''
  return inspect(value, everything) + plain
}

/** Endpoints that repeat all that they got, in every place where an endpoint can say something. */
const echoes: Readonly<Record<string, Script>> = {
  'in an error': (response, request) => {
    sendError(response, 401, { message: `Wrong key: ${request.headers.authorization}`, param: apiKey, code: apiKey })
  },
  'in the error of a bad request': (response, request) => {
    sendError(response, 400, { message: `Headers: ${JSON.stringify(request.headers)}` })
  },
  'in an error without a shape': (response, request) => {
    sendError(response, 500, `<pre>${JSON.stringify(request.headers)}</pre>`)
  },
  'in a list of details': (response, request) => {
    sendError(response, 422, JSON.stringify({ detail: [{ input: request.headers }] }))
  },
  'in response headers': (response) => {
    sendError(
      response,
      429,
      { message: '' },
      { 'x-request-id': apiKey, 'x-echo': `${apiKey} ${token}`, 'set-cookie': apiKey },
    )
  },
  'in an error event': (response, request) => {
    sendEvents(response, [event({ error: { message: request.headers.authorization, code: 'server_error' } })])
  },
  'in an event that is not JSON': (response, request) => {
    sendEvents(response, [`data: ${request.headers.authorization}\n\n`])
  },
  'in the content type of a page': (response) => {
    response.writeHead(200, { 'content-type': `text/html; key="${apiKey}"` }).end(apiKey)
  },
  'in an answer that breaks off': (response) => {
    startEvents(response)
    response.write(chunk({ content: apiKey }), () => response.destroy())
  },
  'by hanging up': (response) => void response.destroy(),
}

describe('the API key and the configured headers', () => {
  for (const [where, script] of Object.entries(echoes)) {
    it(`are in no error when the endpoint repeats them ${where}`, async () => {
      await using server = await ScriptedServer.start(script)
      using model = openAiCompatibleModel({
        baseUrl: server.baseUrl,
        model: 'm',
        apiKey,
        headers: { 'x-team': token, 'proxy-authorization': `Basic ${token}` },
        maxRetries: 0,
      })
      const failure: unknown = await eventsOf(model.stream(hello)).then(
        () => assert.fail('answered'),
        (error: unknown) => error,
      )
      const check = await model.check()
      for (const one of [failure, check]) {
        assert.ok(!shown(one).includes(apiKey), shown(one))
        assert.ok(!shown(one).includes(token), shown(one))
      }
    })
  }

  it('are not shown when a model is printed', () => {
    using model = openAiCompatibleModel({ baseUrl: 'http://127.0.0.1:9/v1', model: 'm', apiKey, headers: { a: token } })
    assert.ok(!shown(model).includes(apiKey))
    assert.ok(!shown(model).includes(token))
    assert.ok(!JSON.stringify(model).includes(apiKey))
  })

  it('are not shown when an option is invalid', () => {
    for (const options of [
      { baseUrl: `http://user:${apiKey}@127.0.0.1/v1` },
      { baseUrl: `http://127.0.0.1/v1?key=${apiKey}` },
      { baseUrl: `file:///${apiKey}` },
      { baseUrl: apiKey },
      { apiKey: `${apiKey}\n` },
      { headers: { 'x-team': `${apiKey}\r\nx: y` } },
    ]) {
      assert.throws(
        () => openAiCompatibleModel({ baseUrl: 'http://127.0.0.1:9/v1', model: 'm', ...options }),
        (error: unknown) => {
          assert.ok(!shown(error).includes(apiKey), shown(error))
          return (error as { code: string }).code === 'INVALID_ARGUMENT'
        },
      )
    }
  })
})

describe('what an endpoint said', () => {
  it('loses secrets, the longest first, wherever they stand', () => {
    const redact = redactor({ apiKey: 'abcdef', headers: { authorization: 'Token abcdef-long' } })
    assert.equal(redact('abcdef-long, abcdef and Token abcdef-long.'), '***, *** and ***.')
  })

  it('keeps short header values, which are no secrets', () => {
    assert.equal(redactor({ apiKey: undefined, headers: { 'x-n': '1' } })('at 10:11'), 'at 10:11')
  })

  it('is cut where it is long', () => {
    assert.equal(redactor({ apiKey: undefined, headers: {} })('x'.repeat(10_000)).length, 501)
  })
})
