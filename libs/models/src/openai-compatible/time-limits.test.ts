import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ChatEvent, ChatRequest } from '../chat-model.js'
import { openAiCompatibleModel } from './openai-compatible-model.js'
import type { OpenAiCompatibleOptions } from './options.js'
import {
  type Script,
  ScriptedServer,
  answer,
  chunk,
  done,
  eventsOf,
  sendEvents,
  startEvents,
} from './scripted-server.js'

const hello: ChatRequest = { messages: [{ role: 'user', parts: [{ type: 'text', text: 'Hello' }] }] }

/** Limits in these tests are long enough for a busy machine to do in time what is in time.
 *  Asserts that the limit ends the answer, closes its connection, and is not retried. */
async function endsBy(limits: Partial<OpenAiCompatibleOptions>, message: RegExp, script: Script): Promise<ChatEvent[]> {
  await using server = await ScriptedServer.start(script)
  using model = openAiCompatibleModel({ baseUrl: server.baseUrl, model: 'm', retryDelayMs: 1, ...limits })
  const events: ChatEvent[] = []
  await assert.rejects(
    async () => {
      for await (const one of model.stream(hello)) events.push(one)
    },
    { code: 'DEADLINE_EXCEEDED', reason: 'MODEL_TIMEOUT', message },
  )
  await server.connectionsClosed(1)
  assert.equal(server.requests.length, 1)
  return events
}

describe('the time limit for the first token', () => {
  const limits = { firstTokenTimeoutMs: 500 }
  const message = /did not begin its answer within 500 ms/

  it('ends an answer without headers', async () => {
    await endsBy(limits, message, () => undefined)
  })

  it('ends an answer that has headers and no more', async () => {
    await endsBy(limits, message, startEvents)
  })

  it('does not count keep-alive comments and role-only chunks as tokens', async () => {
    await endsBy(limits, message, async (response) => {
      startEvents(response)
      while (!response.destroyed) {
        response.write(': keep-alive\n\n' + chunk({ role: 'assistant', content: '' }))
        await sleep(10)
      }
    })
  })

  it('does not hold once there is one, be it reasoning or a piece of a tool call', async () => {
    for (const delta of [{ reasoning: 'hm' }, { tool_calls: [{ index: 0, id: 'a', function: { name: 'f' } }] }]) {
      await using server = await ScriptedServer.start(async (response) => {
        startEvents(response)
        response.write(chunk(delta))
        await sleep(1200)
        response.end(chunk({ content: 'late' }, 'stop') + done)
      })
      using model = openAiCompatibleModel({ baseUrl: server.baseUrl, model: 'm', firstTokenTimeoutMs: 1000 })
      assert.equal((await eventsOf(model.stream(hello))).at(-1)?.type, 'finish')
    }
  })
})

describe('the time limit between tokens', () => {
  it('ends an answer that stands still, after what came', async () => {
    const events = await endsBy({ idleTimeoutMs: 500 }, /did not go on with its answer within 500 ms/, (response) => {
      startEvents(response)
      response.write(chunk({ content: 'half' }))
    })
    assert.deepEqual(events, [{ type: 'text', text: 'half' }])
  })

  it('does not count the time that the caller takes', async () => {
    await using server = await ScriptedServer.start((response) => sendEvents(response, answer('a', 'b', 'c')))
    using model = openAiCompatibleModel({ baseUrl: server.baseUrl, model: 'm', idleTimeoutMs: 300 })
    let last: ChatEvent | undefined
    for await (const one of model.stream(hello)) {
      await sleep(400)
      last = one
    }
    assert.equal(last?.type, 'finish')
  })
})

describe('the time limit for the whole answer', () => {
  it('ends an answer that never ends', async () => {
    await endsBy({ totalTimeoutMs: 1000 }, /did not finish its answer within 1000 ms/, async (response) => {
      startEvents(response)
      while (!response.destroyed) {
        response.write(chunk({ content: 'and ' }))
        await sleep(5)
      }
    })
  })

  it('holds over all attempts and the waits between them', async () => {
    await using server = await ScriptedServer.start((response) => void response.writeHead(503).end())
    using model = openAiCompatibleModel({
      baseUrl: server.baseUrl,
      model: 'm',
      totalTimeoutMs: 1000,
      retryDelayMs: 60_000,
    })
    await assert.rejects(eventsOf(model.stream(hello)), { code: 'DEADLINE_EXCEEDED' })
  })
})

describe('the time limit for connecting', () => {
  it('is UNAVAILABLE: nothing was asked yet, and a retry may succeed', async () => {
    // Takes the TCP connection and leaves the TLS handshake unanswered.
    const sockets: net.Socket[] = []
    const server = net.createServer((socket) => sockets.push(socket.on('error', () => undefined)))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as net.AddressInfo
    using model = openAiCompatibleModel({
      baseUrl: `https://127.0.0.1:${port}/v1`,
      model: 'm',
      connectTimeoutMs: 50,
      maxRetries: 1,
      retryDelayMs: 1,
    })
    await assert.rejects(eventsOf(model.stream(hello)), {
      code: 'UNAVAILABLE',
      reason: 'MODEL_UNREACHABLE',
      message: /did not take a connection within 50 ms/,
    })
    assert.equal(sockets.length, 2)
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
})
