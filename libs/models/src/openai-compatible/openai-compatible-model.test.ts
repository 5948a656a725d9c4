import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import type { ChatEvent, ChatRequest, FinishEvent } from '../chat-model.js'
import { openAiCompatibleModel } from './openai-compatible-model.js'
import {
  type Script,
  ScriptedServer,
  answer,
  chunk,
  done,
  event,
  eventsOf,
  sendEvents,
  startEvents,
} from './scripted-server.js'

const hello: ChatRequest = { messages: [{ role: 'user', parts: [{ type: 'text', text: 'Hello' }] }] }

/** What the model says when the server answers so. */
async function heard(script: Script, request: ChatRequest = hello): Promise<ChatEvent[]> {
  await using server = await ScriptedServer.start(script)
  using model = openAiCompatibleModel({ baseUrl: server.baseUrl, model: 'asked-for', maxRetries: 0 })
  return await eventsOf(model.stream(request))
}

/** What the model says when these events come. */
function heardOf(...events: readonly (string | Uint8Array)[]): Promise<ChatEvent[]> {
  return heard((response) => sendEvents(response, events))
}

function textOf(events: readonly ChatEvent[]): string {
  return events.map((one) => (one.type === 'text' ? one.text : '')).join('')
}

function finishOf(events: readonly ChatEvent[]): FinishEvent {
  const finishes = events.filter((one) => one.type === 'finish')
  assert.equal(finishes.length, 1)
  assert.equal(events.at(-1), finishes[0])
  return finishes[0] as FinishEvent
}

function countedChunk(text: string, outputTokens: number, finishReason: string | null): string {
  return event({
    choices: [{ index: 0, delta: { content: text }, finish_reason: finishReason }],
    usage: { prompt_tokens: 5, completion_tokens: outputTokens, total_tokens: 5 + outputTokens },
  })
}

function callChunk(index: number, call: object): string {
  return chunk({ tool_calls: [{ index, ...call }] })
}

describe('an answer of an OpenAI-compatible endpoint', () => {
  it('comes piece by piece and ends with one finish that has the token counts', async () => {
    assert.deepEqual(await heardOf(...answer('Good ', 'morning', '!')), [
      { type: 'text', text: 'Good ' },
      { type: 'text', text: 'morning' },
      { type: 'text', text: '!' },
      { type: 'finish', reason: 'stop', usage: { inputTokens: 11, outputTokens: 3 }, model: 'scripted-1' },
    ])
  })

  it('is passed on while the endpoint still writes', async () => {
    const heardFirst = new EventEmitter()
    await using server = await ScriptedServer.start(async (response) => {
      startEvents(response)
      response.write(chunk({ content: 'first' }))
      await once(heardFirst, 'heard')
      response.end(chunk({ content: 'second' }) + chunk({}, 'stop') + done)
    })
    using model = openAiCompatibleModel({ baseUrl: server.baseUrl, model: 'm' })
    const texts: string[] = []
    for await (const one of model.stream(hello)) {
      if (one.type === 'text') texts.push(one.text)
      heardFirst.emit('heard')
    }
    assert.deepEqual(texts, ['first', 'second'])
  })

  it('may lack token counts', async () => {
    assert.deepEqual(finishOf(await heardOf(chunk({ content: 'Hi' }), chunk({}, 'stop'), done)), {
      type: 'finish',
      reason: 'stop',
      model: 'scripted-1',
    })
  })

  it('may have its token counts in every chunk: the last ones hold', async () => {
    const events = await heardOf(countedChunk('a', 1, null), countedChunk('b', 2, 'stop'), done)
    assert.deepEqual(finishOf(events).usage, { inputTokens: 5, outputTokens: 2 })
  })

  it('may lack the model and [DONE]: the finish names the model that was asked for', async () => {
    const events = await heardOf(
      event({ choices: [{ delta: { content: 'Hi' } }] }),
      event({ choices: [{ delta: {}, finish_reason: 'stop' }] }),
    )
    assert.deepEqual(events, [
      { type: 'text', text: 'Hi' },
      { type: 'finish', reason: 'stop', model: 'asked-for' },
    ])
  })

  it('is understood with role-only chunks, null and missing contents, and chunks without choices', async () => {
    const events = await heardOf(
      event({ choices: [], prompt_filter_results: [{ prompt_index: 0 }] }),
      chunk({ role: 'assistant' }),
      chunk({ role: 'assistant', content: null, tool_calls: null }),
      event({ choices: null }),
      event({ choices: [{ index: 0, delta: null }] }),
      event({ choices: [{ index: 0 }] }),
      event(null),
      chunk({ content: 'Hi' }),
      chunk({ content: null }, 'stop'),
      done,
    )
    assert.deepEqual(textOf(events), 'Hi')
    assert.equal(finishOf(events).reason, 'stop')
  })

  it('is understood with keep-alive comments, CRLF line ends, and data without a space after the colon', async () => {
    const crlf = [...answer('Good ', 'morning')].join('').replaceAll('\n', '\r\n')
    assert.equal(textOf(await heardOf(': keep-alive\r\n\r\n', ':\r\n\r\n', crlf)), 'Good morning')
    const tight = [...answer('Good ', 'morning')].join(': PROCESSING\n\n').replaceAll('data: ', 'data:')
    assert.equal(textOf(await heardOf(tight)), 'Good morning')
  })

  it('is the same wherever the network cuts its bytes', async () => {
    const texts = ['Grüße, ', '日本語', '👩‍👩‍👧', ' and a\nline']
    const bytes = Buffer.from(answer(...texts).join(''))
    let size = 1
    await using server = await ScriptedServer.start(async (response) => {
      startEvents(response)
      for (let at = 0; at < bytes.length; at += size) {
        // One write is one TCP segment only if the one before is gone.
        await new Promise((resolve) => response.write(bytes.subarray(at, at + size), resolve))
      }
      response.end()
    })
    using model = openAiCompatibleModel({ baseUrl: server.baseUrl, model: 'm' })
    for (size of [1, 2, 3, 7, 64]) {
      const events = await eventsOf(model.stream(hello))
      assert.deepEqual(
        events.flatMap((one) => (one.type === 'text' ? [one.text] : [])),
        texts,
      )
      assert.equal(finishOf(events).reason, 'stop')
    }
  })

  it('never has half a surrogate pair in a piece', async () => {
    const events = await heardOf(
      `data: {"choices":[{"delta":{"content":"so \\ud83d"}}]}\n\n`,
      `data: {"choices":[{"delta":{"content":"\\ude00!"}}]}\n\n`,
      `data: {"choices":[{"delta":{"content":"\\ud83d"}}]}\n\n`,
      chunk({}, 'stop'),
      done,
    )
    assert.deepEqual(events.slice(0, 3), [
      { type: 'text', text: 'so ' },
      { type: 'text', text: '😀!' },
      // Nothing came that would complete it: kept as it is, not lost.
      { type: 'text', text: '\ud83d' },
    ])
  })

  it('keeps NUL, which models emit', async () => {
    assert.equal(textOf(await heardOf(...answer('a\u0000b'))), 'a\u0000b')
  })

  it('may be empty', async () => {
    assert.deepEqual(
      (await heardOf(chunk({ role: 'assistant', content: '' }), chunk({}, 'stop'), done)).map((one) => one.type),
      ['finish'],
    )
  })

  it('has reasoning apart from text, under either name and as a list of parts', async () => {
    const events = await heardOf(
      chunk({ reasoning_content: 'Let me ' }),
      chunk({ reasoning: 'see', reasoning_content: 'see' }),
      chunk({ reasoning: '.' }),
      chunk({ content: [{ type: 'thinking', thinking: [{ type: 'text', text: ' Yes.' }] }] }),
      chunk({ content: [{ type: 'text', text: 'Four' }] }),
      chunk({ content: '.' }, 'stop'),
      done,
    )
    assert.deepEqual(
      events.map((one) => (one.type === 'reasoning' || one.type === 'text' ? [one.type, one.text] : [one.type])),
      [
        ['reasoning', 'Let me '],
        ['reasoning', 'see'],
        ['reasoning', '.'],
        ['reasoning', ' Yes.'],
        ['text', 'Four'],
        ['text', '.'],
        ['finish'],
      ],
    )
  })

  it('counts a refusal as text', async () => {
    assert.equal(textOf(await heardOf(chunk({ refusal: 'I cannot.' }), chunk({}, 'stop'), done)), 'I cannot.')
  })

  for (const [endpointReason, reason] of [
    ['stop', 'stop'],
    ['eos_token', 'stop'],
    ['length', 'length'],
    ['MAX_TOKENS', 'length'],
    ['content_filter', 'content_filter'],
    ['SAFETY', 'content_filter'],
    ['tool_calls', 'tool_calls'],
    ['function_call', 'tool_calls'],
  ] as const) {
    it(`that stops by ${endpointReason} finishes with ${reason}`, async () => {
      const finish = finishOf(await heardOf(chunk({ content: 'x' }), chunk({}, endpointReason), done))
      assert.equal(finish.reason, reason)
      assert.equal(finish.endpointReason, undefined)
    })
  }

  it('keeps a reason that is not known', async () => {
    const finish = finishOf(await heardOf(chunk({ content: 'x' }), chunk({}, 'insufficient_system_resource'), done))
    assert.deepEqual([finish.reason, finish.endpointReason], ['other', 'insufficient_system_resource'])
  })

  it('is whole once it has its reason, even if the connection breaks before the token counts', async () => {
    const events = await heard((response) => {
      startEvents(response)
      response.write(chunk({ content: 'whole' }) + chunk({}, 'stop'), () => response.destroy())
    })
    assert.equal(textOf(events), 'whole')
    assert.equal(finishOf(events).reason, 'stop')
  })

  it('ends although the endpoint leaves the connection open after it', async () => {
    const events = await heard((response) => {
      startEvents(response)
      response.write(answer('whole').join(''))
    })
    assert.deepEqual(finishOf(events).usage, { inputTokens: 11, outputTokens: 1 })
  })
})

describe('tool calls of an OpenAI-compatible endpoint', () => {
  it('are put together from their pieces', async () => {
    const events = await heardOf(
      callChunk(0, { id: 'call_a', type: 'function', function: { name: 'weather', arguments: '' } }),
      callChunk(0, { function: { arguments: '{"city":' } }),
      callChunk(1, { id: 'call_b', type: 'function', function: { name: 'time', arguments: '' } }),
      callChunk(0, { function: { arguments: '"Rome"}' } }),
      chunk({}, 'tool_calls'),
      done,
    )
    assert.deepEqual(events, [
      { type: 'tool-call', id: 'call_a', name: 'weather', argumentsJson: '{"city":"Rome"}' },
      { type: 'tool-call', id: 'call_b', name: 'time', argumentsJson: '{}' },
      { type: 'finish', reason: 'tool_calls', model: 'scripted-1' },
    ])
  })

  it('are told apart by id where the endpoint does not number them, and get an id where they have none', async () => {
    const events = await heardOf(
      callChunk(0, { id: 'x', function: { name: 'one', arguments: '{}' } }),
      callChunk(0, { id: 'y', function: { name: 'two', arguments: '{}' } }),
      callChunk(7, { function: { name: 'three', arguments: '{}' } }),
      chunk({}, 'stop'),
      done,
    )
    assert.deepEqual(
      events.map((one) => (one.type === 'tool-call' ? [one.id, one.name] : one.type === 'finish' ? one.reason : one)),
      [['x', 'one'], ['y', 'two'], ['call_2', 'three'], 'tool_calls'],
    )
  })
})

describe('a request to an OpenAI-compatible endpoint', () => {
  const environment = {
    OPENAI_API_KEY: 'sk-of-another-endpoint',
    OPENAI_ADMIN_KEY: 'admin-of-another-endpoint',
    OPENAI_ORG_ID: 'org-from-environment',
    OPENAI_PROJECT_ID: 'project-from-environment',
    OPENAI_BASE_URL: 'http://127.0.0.1:9/wrong',
    OPENAI_CUSTOM_HEADERS: 'x-from-environment: 1',
    OPENAI_LOG: 'debug',
  }
  const before_ = new Map<string, string | undefined>()
  before(() => {
    for (const [name, value] of Object.entries(environment)) {
      before_.set(name, process.env[name])
      process.env[name] = value
    }
  })
  after(() => {
    for (const [name, value] of before_) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  })

  it('sends the key, the configured headers, and nothing from OPENAI_ variables of the environment', async () => {
    await using server = await ScriptedServer.start((response) => sendEvents(response, answer('Hi')))
    using model = openAiCompatibleModel({
      baseUrl: `${server.baseUrl}/`,
      model: 'm',
      apiKey: 'sk-ours',
      headers: { 'X-Team': 'blue' },
    })
    await eventsOf(model.stream(hello))
    const [request] = server.requests
    assert.ok(request)
    assert.equal(request.method, 'POST')
    assert.equal(request.path, '/v1/chat/completions')
    const { host, connection, 'content-length': length, ...headers } = request.headers
    assert.ok(host && connection && length)
    assert.deepEqual(headers, {
      accept: 'text/event-stream, application/json',
      'user-agent': 'holdfast',
      'content-type': 'application/json',
      authorization: 'Bearer sk-ours',
      'x-team': 'blue',
    })
  })

  it('sends no key where none is configured, as local servers want it', async () => {
    await using server = await ScriptedServer.start((response) => sendEvents(response, answer('Hi')))
    for (const options of [{}, { apiKey: '' }]) {
      using model = openAiCompatibleModel({ baseUrl: server.baseUrl, model: 'm', ...options })
      await eventsOf(model.stream(hello))
    }
    assert.deepEqual(
      server.requests.map((request) => request.headers.authorization),
      [undefined, undefined],
    )
  })

  it('asks for a stream with token counts, and for what the caller wants', async () => {
    await using server = await ScriptedServer.start((response) => sendEvents(response, answer('Hi')))
    using model = openAiCompatibleModel({ baseUrl: server.baseUrl, model: 'm' })
    await eventsOf(
      model.stream({
        ...hello,
        userId: 'ada',
        conversationId: 'c1',
        model: 'another',
        temperature: 0,
        maxOutputTokens: 64,
        stop: ['\n'],
        tools: [{ name: 'weather', description: 'Says the weather', parameters: { type: 'object' } }],
      }),
    )
    assert.deepEqual(server.requests[0]?.body, {
      model: 'another',
      messages: [{ role: 'user', content: 'Hello' }],
      stream: true,
      stream_options: { include_usage: true },
      temperature: 0,
      max_tokens: 64,
      stop: ['\n'],
      tools: [
        {
          type: 'function',
          function: { name: 'weather', description: 'Says the weather', parameters: { type: 'object' } },
        },
      ],
    })
  })

  it('is rejected when it has no messages', async () => {
    using model = openAiCompatibleModel({ baseUrl: 'http://127.0.0.1:9/v1', model: 'm' })
    await assert.rejects(eventsOf(model.stream({ messages: [] })), {
      code: 'INVALID_ARGUMENT',
      fields: [{ field: 'messages', description: 'is empty: send at least one message' }],
    })
  })

  it('uses one connection for one answer after the other', async () => {
    await using server = await ScriptedServer.start((response) => sendEvents(response, answer('Hi')))
    using model = openAiCompatibleModel({ baseUrl: server.baseUrl, model: 'm' })
    for (let i = 0; i < 5; i++) await eventsOf(model.stream(hello))
    assert.equal(server.connections, 1)
  })
})
