import assert from 'node:assert/strict'
import net from 'node:net'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import type { HoldfastError } from '@holdfast/errors'
import type { ChatEvent, ChatRequest } from '../chat-model.js'
import { openAiCompatibleModel } from './openai-compatible-model.js'
import type { OpenAiCompatibleOptions } from './options.js'
import {
  type Script,
  ScriptedServer,
  answer,
  chunk,
  done,
  event,
  eventsOf,
  sendError,
  sendEvents,
  startEvents,
} from './scripted-server.js'

const hello: ChatRequest = { messages: [{ role: 'user', parts: [{ type: 'text', text: 'Hello' }] }] }
const once1 = { maxRetries: 0 }
const retrying = { maxRetries: 2, retryDelayMs: 1 }

interface Heard {
  readonly events: readonly ChatEvent[]
  readonly failure: HoldfastError | undefined
  readonly requests: number
}

async function heard(script: Script, options: Partial<OpenAiCompatibleOptions> = once1): Promise<Heard> {
  await using server = await ScriptedServer.start(script)
  using model = openAiCompatibleModel({ baseUrl: server.baseUrl, model: 'm', apiKey: 'sk-secret', ...options })
  const events: ChatEvent[] = []
  let failure: HoldfastError | undefined
  try {
    for await (const one of model.stream(hello)) events.push(one)
  } catch (error) {
    failure = error as HoldfastError
  }
  return { events, failure, requests: server.requests.length }
}

describe('a refusal of an OpenAI-compatible endpoint', () => {
  const invalid = 'invalid_request_error'
  for (const [what, status, error, code, reason] of [
    [
      'an unknown key',
      401,
      { message: 'Incorrect API key', code: 'invalid_api_key' },
      'UNAUTHENTICATED',
      'MODEL_KEY_REJECTED',
    ],
    ['a key without access', 403, { message: 'No access' }, 'PERMISSION_DENIED', 'MODEL_KEY_REJECTED'],
    ['an unknown model', 404, { message: 'No such model', code: 'model_not_found' }, 'NOT_FOUND', 'MODEL_NOT_FOUND'],
    ['too many requests', 429, { message: 'Slow down' }, 'RESOURCE_EXHAUSTED', 'MODEL_RATE_LIMITED'],
    [
      'a used up quota',
      429,
      { message: 'Pay', code: 'insufficient_quota' },
      'RESOURCE_EXHAUSTED',
      'MODEL_QUOTA_EXHAUSTED',
    ],
    ['a used up credit', 402, { message: 'Pay' }, 'RESOURCE_EXHAUSTED', 'MODEL_QUOTA_EXHAUSTED'],
    [
      'a bad request',
      400,
      { message: 'top_k is unknown', type: invalid },
      'INVALID_ARGUMENT',
      'MODEL_REQUEST_REJECTED',
    ],
    ['an unprocessable request', 422, { message: 'bad' }, 'INVALID_ARGUMENT', 'MODEL_REQUEST_REJECTED'],
    ['a filtered prompt', 400, { message: 'Filtered', code: 'content_filter' }, 'INVALID_ARGUMENT', 'CONTENT_FILTERED'],
    ['a wrong method', 405, 'Method Not Allowed', 'FAILED_PRECONDITION', 'MODEL_NOT_COMPATIBLE'],
    ['a request timeout', 408, { message: 'slow' }, 'UNAVAILABLE', 'MODEL_FAILED'],
    ['a failure', 500, { message: 'oops' }, 'UNAVAILABLE', 'MODEL_FAILED'],
    ['an overloaded server', 503, '<html>Service Unavailable</html>', 'UNAVAILABLE', 'MODEL_FAILED'],
    ['a status of its own', 529, { message: 'overloaded' }, 'UNAVAILABLE', 'MODEL_FAILED'],
  ] as const) {
    it(`for ${what} (${status}) is ${code}`, async () => {
      const { failure, events } = await heard((response) => sendError(response, status, error))
      assert.deepEqual([failure?.code, failure?.reason], [code, reason])
      assert.deepEqual(events, [])
    })
  }

  for (const [server, error] of [
    ['OpenAI', { message: "This model's maximum context length is 8192 tokens.", code: 'context_length_exceeded' }],
    ['vLLM', { message: "This model's maximum context length is 4096 tokens. However, you requested 5000", code: 400 }],
    [
      'llama.cpp',
      { code: 400, message: 'the request exceeds the available context size', type: 'exceed_context_size_error' },
    ],
    ['Anthropic', { message: 'prompt is too long: 213456 tokens > 200000 maximum', type: 'invalid_request_error' }],
    ['Google', { message: 'The input token count (12) exceeds the maximum number of tokens allowed (8).', code: 400 }],
    ['TGI', '{"error":"`inputs` tokens + `max_new_tokens` must be <= 4096","error_type":"validation"}'],
    ['FastAPI', '{"detail":"Requested tokens (5000) exceed context window of 4096"}'],
    [
      'Mistral',
      '{"object":"error","message":"Prompt contains 9 tokens, too large for model with 8 maximum context length"}',
    ],
  ] as const) {
    it(`for too long a conversation says CONTEXT_TOO_LONG, in the words of ${server}`, async () => {
      const { failure } = await heard((response) => sendError(response, 400, error))
      assert.deepEqual([failure?.code, failure?.reason], ['INVALID_ARGUMENT', 'CONTEXT_TOO_LONG'])
    })
  }

  it('for too large a body (413) says CONTEXT_TOO_LONG', async () => {
    const { failure } = await heard((response) => sendError(response, 413, '<h1>Request Entity Too Large</h1>'))
    assert.equal(failure?.reason, 'CONTEXT_TOO_LONG')
  })

  it('says when to come back', async () => {
    const { failure } = await heard((response) => sendError(response, 429, { message: '' }, { 'retry-after': '30' }))
    assert.equal(failure?.retryAfterMs, 30_000)
    const exact = await heard((response) => sendError(response, 429, { message: '' }, { 'retry-after-ms': '1234.5' }))
    assert.equal(exact.failure?.retryAfterMs, 1_235)
    const at = new Date(Date.now() + 60_000).toUTCString()
    const dated = await heard((response) => sendError(response, 503, { message: '' }, { 'retry-after': at }))
    assert.ok(dated.failure?.retryAfterMs !== undefined)
    assert.ok(dated.failure.retryAfterMs > 50_000 && dated.failure.retryAfterMs <= 60_000)
    const absurd = await heard((response) => sendError(response, 503, { message: '' }, { 'retry-after': 'soon' }))
    assert.equal(absurd.failure?.retryAfterMs, undefined)
  })

  it('quotes what the endpoint says about the request, and not what it says about itself', async () => {
    const asked = await heard((response) => sendError(response, 400, { message: 'top_k is unknown' }))
    assert.match(asked.failure?.message ?? '', /top_k is unknown/)
    const failed = await heard((response) => sendError(response, 500, { message: 'no space left on 10.1.2.3' }))
    assert.doesNotMatch(failed.failure?.message ?? '', /10\.1\.2\.3/)
    assert.match(String(failed.failure?.cause), /500 no space left on 10\.1\.2\.3/)
  })

  it('is read only so far when it has no end', async () => {
    const { failure } = await heard(async (response) => {
      response.writeHead(400, { 'content-type': 'text/plain' })
      const more = (): boolean => response.write('x'.repeat(16_384), () => void (response.destroyed || more()))
      more()
      await once(response, 'close')
    })
    assert.equal(failure?.reason, 'MODEL_REQUEST_REJECTED')
    assert.ok((failure?.message.length ?? 0) < 700)
  })
})

describe('an answer that is no chat completion stream', () => {
  it('is FAILED_PRECONDITION when it is a page, a redirect, or a whole completion', async () => {
    for (const [status, headers, body] of [
      [200, { 'content-type': 'text/html' }, '<html>Welcome</html>'],
      [200, { 'content-type': 'application/json' }, '{"choices":[{"message":{"content":"Hi"}}]}'],
      [204, {}, ''],
      [302, { location: 'http://127.0.0.1:9/elsewhere' }, ''],
    ] as const) {
      const { failure } = await heard((response) => void response.writeHead(status, headers).end(body))
      assert.deepEqual([failure?.code, failure?.reason], ['FAILED_PRECONDITION', 'MODEL_NOT_COMPATIBLE'])
    }
  })

  it('closes its connection, however long it would go on', async () => {
    await using server = await ScriptedServer.start((response) => {
      response.writeHead(200, { 'content-type': 'text/html' })
      response.write('<html>')
    })
    using model = openAiCompatibleModel({ baseUrl: server.baseUrl, model: 'm' })
    await assert.rejects(eventsOf(model.stream(hello)), { reason: 'MODEL_NOT_COMPATIBLE' })
    await server.connectionsClosed(1)
  })
})

describe('an answer that breaks off', () => {
  const cut = ['UNAVAILABLE', 'MODEL_STREAM_CUT']

  it('is UNAVAILABLE when the connection is lost, after what came', async () => {
    const { events, failure } = await heard((response) => {
      startEvents(response)
      response.write(chunk({ content: 'half a sen' }), () => response.destroy())
    })
    assert.deepEqual(events, [{ type: 'text', text: 'half a sen' }])
    assert.deepEqual([failure?.code, failure?.reason], cut)
  })

  it('is UNAVAILABLE when the response ends in good order but without a reason, [DONE] or not', async () => {
    for (const end of ['', done]) {
      const { failure } = await heard((response) => sendEvents(response, [chunk({ content: 'half a sen' }), end]))
      assert.deepEqual([failure?.code, failure?.reason], cut)
    }
  })

  it('is UNAVAILABLE when nothing came at all', async () => {
    const { failure } = await heard((response) => sendEvents(response, []))
    assert.deepEqual([failure?.code, failure?.reason], cut)
  })

  it('is UNAVAILABLE when the last event is incomplete', async () => {
    const { failure } = await heard((response) =>
      sendEvents(response, [chunk({ content: 'half' }), chunk({}, 'stop').slice(0, -20)]),
    )
    assert.deepEqual([failure?.code, failure?.reason], cut)
  })

  it('is UNAVAILABLE when an event is not JSON', async () => {
    const { failure } = await heard((response) => sendEvents(response, [chunk({ content: 'half' }), 'data: {oops\n\n']))
    assert.deepEqual([failure?.code, failure?.reason], cut)
  })

  it('is UNAVAILABLE when the endpoint gives an error as its reason', async () => {
    for (const reason of ['error', 'abort']) {
      const { failure } = await heard((response) => sendEvents(response, [chunk({ content: 'ha' }), chunk({}, reason)]))
      assert.deepEqual([failure?.code, failure?.reason], cut)
    }
  })

  it('never passes on a tool call that is not whole', async () => {
    const piece = { index: 0, id: 'a', function: { name: 'pay', arguments: '{"amount":10' } }
    const { events } = await heard((response) => sendEvents(response, [chunk({ tool_calls: [piece] })]))
    assert.deepEqual(events, [])
  })

  it('by an error event is what that event says', async () => {
    for (const [error, code, reason] of [
      [{ message: 'boom', type: 'server_error' }, 'UNAVAILABLE', 'MODEL_FAILED'],
      [{ message: 'boom', code: 502 }, 'UNAVAILABLE', 'MODEL_FAILED'],
      [{ message: 'slow down', code: 429 }, 'RESOURCE_EXHAUSTED', 'MODEL_RATE_LIMITED'],
      [{ message: 'slow down', code: 'rate_limit_exceeded' }, 'RESOURCE_EXHAUSTED', 'MODEL_RATE_LIMITED'],
      [{ message: 'long', code: 'context_length_exceeded' }, 'INVALID_ARGUMENT', 'CONTEXT_TOO_LONG'],
      ['boom', 'UNAVAILABLE', 'MODEL_FAILED'],
    ] as const) {
      const { failure } = await heard((response) => sendEvents(response, [chunk({ content: 'x' }), event({ error })]))
      assert.deepEqual([failure?.code, failure?.reason], [code, reason], JSON.stringify(error))
    }
  })
})

describe('an endpoint that cannot be reached', () => {
  it('is UNAVAILABLE', async () => {
    const free = net.createServer().listen(0, '127.0.0.1')
    await once(free, 'listening')
    const { port } = free.address() as net.AddressInfo
    await new Promise((resolve) => free.close(resolve))
    using model = openAiCompatibleModel({ baseUrl: `http://127.0.0.1:${port}/v1`, model: 'm', ...retrying })
    await assert.rejects(eventsOf(model.stream(hello)), (error: HoldfastError) => {
      assert.deepEqual([error.code, error.reason], ['UNAVAILABLE', 'MODEL_UNREACHABLE'])
      assert.match((error.cause as Error).message, /ECONNREFUSED/)
      return true
    })
  })

  it('is UNAVAILABLE when it hangs up without a word', async () => {
    const { failure } = await heard((response) => void response.destroy())
    assert.deepEqual([failure?.code, failure?.reason], ['UNAVAILABLE', 'MODEL_UNREACHABLE'])
  })

  it('is UNAVAILABLE when it speaks another protocol', async () => {
    const server = net.createServer((socket) => {
      socket.on('error', () => undefined)
      socket.resume().end('220 mail.example ESMTP\r\n')
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as net.AddressInfo
    using model = openAiCompatibleModel({ baseUrl: `http://127.0.0.1:${port}/v1`, model: 'm', ...once1 })
    await assert.rejects(eventsOf(model.stream(hello)), { code: 'UNAVAILABLE' })
    await new Promise((resolve) => server.close(resolve))
  })
})

function limitedOnce(retryAfter: string): Script {
  return (response, _request, count) => {
    if (count === 1) sendError(response, 429, { message: '' }, { 'retry-after': retryAfter })
    else sendEvents(response, answer('Hi'))
  }
}

describe('a retry', () => {
  it('is made when the endpoint failed before the first token', async () => {
    const { events, requests } = await heard((response, _request, count) => {
      if (count === 1) sendError(response, 503, { message: 'loading' })
      else if (count === 2) response.destroy()
      else sendEvents(response, answer('third time'))
    }, retrying)
    assert.deepEqual(events[0], { type: 'text', text: 'third time' })
    assert.equal(requests, 3)
  })

  it('is made when the answer breaks off before the first token', async () => {
    const { events, requests } = await heard((response, _request, count) => {
      sendEvents(response, count === 1 ? [chunk({ role: 'assistant', content: '' })] : answer('Hi'))
    }, retrying)
    assert.equal(requests, 2)
    assert.deepEqual(events[0], { type: 'text', text: 'Hi' })
  })

  it('waits as long as the endpoint wants, and leaves long waits to the caller', async () => {
    const soon = await heard(limitedOnce('0'), { maxRetries: 1, retryDelayMs: 100_000 })
    assert.equal(soon.requests, 2)
    const late = await heard(limitedOnce('3600'), retrying)
    assert.deepEqual([late.requests, late.failure?.retryAfterMs], [1, 3_600_000])
  })

  it('is made at most maxRetries times', async () => {
    const { failure, requests } = await heard((response) => sendError(response, 500, { message: '' }), retrying)
    assert.deepEqual([failure?.code, requests], ['UNAVAILABLE', 3])
  })

  it('is not made after the first token, be it reasoning: the caller has seen it', async () => {
    for (const delta of [{ content: 'once' }, { reasoning_content: 'hm' }]) {
      const { events, requests } = await heard((response) => sendEvents(response, [chunk(delta)]), retrying)
      assert.equal(requests, 1)
      assert.equal(events.length, 1)
    }
  })

  it('is not made where it cannot help', async () => {
    for (const status of [400, 401, 402, 403, 404, 413, 422]) {
      const { requests } = await heard((response) => sendError(response, status, { message: '' }), retrying)
      assert.equal(requests, 1, String(status))
    }
    const quota = { message: '', code: 'insufficient_quota' }
    assert.equal((await heard((response) => sendError(response, 429, quota), retrying)).requests, 1)
  })

  it('without being counted goes over a fresh connection when the pooled one was closed meanwhile', async () => {
    await using server = await ScriptedServer.start((response, _request, count) => {
      if (count === 2) response.destroy()
      else sendEvents(response, answer('Hi'))
    })
    using model = openAiCompatibleModel({ baseUrl: server.baseUrl, model: 'm', maxRetries: 0 })
    for (let i = 0; i < 2; i++) assert.equal((await eventsOf(model.stream(hello))).length, 2)
    assert.equal(server.requests.length, 3)
    assert.equal(server.connections, 2)
  })
})

describe('an endpoint that does not take all that OpenAI takes', () => {
  it('is asked again without stream_options, and from then on', async () => {
    await using server = await ScriptedServer.start((response, request) => {
      if ('stream_options' in request.body) {
        sendError(
          response,
          422,
          '{"detail":[{"loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}',
        )
      } else sendEvents(response, answer('Hi'))
    })
    using model = openAiCompatibleModel({ baseUrl: server.baseUrl, model: 'm', maxRetries: 0 })
    const together = await Promise.all([1, 2, 3].map(() => eventsOf(model.stream(hello))))
    assert.deepEqual(
      together.map((events) => events.at(-1)?.type),
      ['finish', 'finish', 'finish'],
    )
    const before = server.requests.length
    await eventsOf(model.stream(hello))
    assert.equal(server.requests.length, before + 1)
  })

  it('is asked again with max_completion_tokens', async () => {
    await using server = await ScriptedServer.start((response, request) => {
      if ('max_tokens' in request.body) {
        const message = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
        sendError(response, 400, { message, code: 'unsupported_parameter', param: 'max_tokens' })
      } else sendEvents(response, answer('Hi'))
    })
    using model = openAiCompatibleModel({ baseUrl: server.baseUrl, model: 'm', maxRetries: 0 })
    await eventsOf(model.stream({ ...hello, maxOutputTokens: 9 }))
    assert.equal(server.requests[1]?.body['max_completion_tokens'], 9)
  })

  it('is asked no third time', async () => {
    const { requests } = await heard((response) => sendError(response, 400, { message: 'stream_options?' }), retrying)
    assert.equal(requests, 2)
  })
})
