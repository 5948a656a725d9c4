import assert from 'node:assert/strict'
import { EventEmitter, getEventListeners, once } from 'node:events'
import { describe, it } from 'node:test'
import type { ChatRequest } from '../chat-model.js'
import { openAiCompatibleModel } from './openai-compatible-model.js'
import { ScriptedServer, answer, chunk, eventsOf, sendError, sendEvents, startEvents } from './scripted-server.js'

const hello: ChatRequest = { messages: [{ role: 'user', parts: [{ type: 'text', text: 'Hello' }] }] }

describe('cancelling an answer', () => {
  it('closes the connection and throws CANCELLED with what the caller gave as the reason', async () => {
    await using server = await ScriptedServer.start((response) => {
      startEvents(response)
      response.write(chunk({ content: 'one' }))
    })
    using model = openAiCompatibleModel({ baseUrl: server.baseUrl, model: 'm' })
    const abort = new AbortController()
    const reason = new Error('the user pressed stop')
    const texts: string[] = []
    await assert.rejects(
      async () => {
        for await (const one of model.stream(hello, { signal: abort.signal })) {
          if (one.type === 'text') texts.push(one.text)
          abort.abort(reason)
        }
      },
      { code: 'CANCELLED', cause: reason },
    )
    assert.deepEqual(texts, ['one'])
    await server.connectionsClosed(1)
  })

  it('works while the model has not said anything yet', async () => {
    const arrived = new EventEmitter()
    await using server = await ScriptedServer.start(() => void arrived.emit('request'))
    using model = openAiCompatibleModel({ baseUrl: server.baseUrl, model: 'm' })
    const abort = new AbortController()
    const answered = eventsOf(model.stream(hello, { signal: abort.signal }))
    const rejected = assert.rejects(answered, { code: 'CANCELLED' })
    await once(arrived, 'request')
    abort.abort()
    await rejected
    await server.connectionsClosed(1)
    assert.equal(server.requests.length, 1)
  })

  it('before it began sends nothing', async () => {
    await using server = await ScriptedServer.start((response) => sendEvents(response, answer('Hi')))
    using model = openAiCompatibleModel({ baseUrl: server.baseUrl, model: 'm' })
    await assert.rejects(eventsOf(model.stream(hello, { signal: AbortSignal.abort() })), { code: 'CANCELLED' })
    assert.equal(server.requests.length, 0)
  })

  it('ends the wait before a retry', async () => {
    const abort = new AbortController()
    await using server = await ScriptedServer.start((response) => {
      response.once('finish', () => setImmediate(() => abort.abort()))
      sendError(response, 503, { message: '' })
    })
    using model = openAiCompatibleModel({ baseUrl: server.baseUrl, model: 'm', retryDelayMs: 600_000 })
    await assert.rejects(eventsOf(model.stream(hello, { signal: abort.signal })), { code: 'CANCELLED' })
    assert.equal(server.requests.length, 1)
  })

  it('after the last word, but before the end, is still CANCELLED', async () => {
    const abort = new AbortController()
    await using server = await ScriptedServer.start((response) => {
      startEvents(response)
      response.write(chunk({ content: 'all' }) + chunk({}, 'stop'), () => setImmediate(() => abort.abort()))
    })
    using model = openAiCompatibleModel({ baseUrl: server.baseUrl, model: 'm' })
    await assert.rejects(eventsOf(model.stream(hello, { signal: abort.signal })), { code: 'CANCELLED' })
  })

  it('concerns only its own answer', async () => {
    const release = new EventEmitter()
    await using server = await ScriptedServer.start(async (response) => {
      startEvents(response)
      response.write(chunk({ content: 'one' }))
      await Promise.race([once(release, 'go'), once(response, 'close')])
      if (!response.destroyed) response.end(chunk({ content: ' two' }, 'stop'))
    })
    using model = openAiCompatibleModel({ baseUrl: server.baseUrl, model: 'm' })
    const abort = new AbortController()
    const started = new EventEmitter()
    const kept = (async () => {
      let text = ''
      for await (const one of model.stream(hello)) {
        if (one.type === 'text') text += one.text
        started.emit('started')
      }
      return text
    })()
    await once(started, 'started')
    await assert.rejects(async () => {
      for await (const one of model.stream(hello, { signal: abort.signal })) if (one.type === 'text') abort.abort()
    })
    release.emit('go')
    assert.equal(await kept, 'one two')
  })

  it('by leaving the loop closes the connection too', async () => {
    await using server = await ScriptedServer.start((response) => {
      startEvents(response)
      response.write(chunk({ content: 'one' }))
    })
    using model = openAiCompatibleModel({ baseUrl: server.baseUrl, model: 'm' })
    for await (const one of model.stream(hello)) if (one.type === 'text') break
    await server.connectionsClosed(1)
  })

  it('leaves nothing on a signal that lives longer', async () => {
    await using server = await ScriptedServer.start((response) => sendEvents(response, answer('Hi')))
    using model = openAiCompatibleModel({ baseUrl: server.baseUrl, model: 'm' })
    const { signal } = new AbortController()
    for (let i = 0; i < 3; i++) await eventsOf(model.stream(hello, { signal }))
    await model.check({ signal })
    assert.deepEqual(getEventListeners(signal, 'abort'), [])
  })
})

describe('a model that is disposed of', () => {
  it('closes its idle connections', async () => {
    await using server = await ScriptedServer.start((response) => sendEvents(response, answer('Hi')))
    {
      using model = openAiCompatibleModel({ baseUrl: server.baseUrl, model: 'm' })
      await eventsOf(model.stream(hello))
    }
    await server.connectionsClosed(1)
  })
})
