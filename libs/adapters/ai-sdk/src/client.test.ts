import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { it } from 'node:test'
import {
  AbstractChat,
  convertToModelMessages,
  DefaultChatTransport,
  pipeUIMessageStreamToResponse,
  streamText,
  type ChatState,
  type UIMessage,
  type UIMessageChunk,
} from 'ai'
import { openDocumentStore } from '@holdfast/persistence'
import { HoldfastChats } from './holdfast-chats.js'
import { scriptedModel, source, textOf, textStep, until } from './scripted-model.test.support.js'

/** What `useChat` is in a browser. */
class BrowserChat extends AbstractChat<UIMessage> {
  constructor(id: string, api: string, messages: UIMessage[]) {
    const state: ChatState<UIMessage> = {
      status: 'ready',
      error: undefined,
      messages,
      pushMessage: (message) => state.messages.push(message),
      popMessage: () => state.messages.pop(),
      replaceMessage: (index, message) => (state.messages[index] = message),
      snapshot: structuredClone,
    }
    const transport = new DefaultChatTransport<UIMessage>({
      api,
      prepareSendMessagesRequest: ({ messages: all }) => ({ body: { id, message: all.at(-1) } }),
      prepareReconnectToStreamRequest: () => ({ api: `${api}/${id}/stream?after=${state.messages.at(-1)?.id}` }),
    })
    super({ id, transport, state })
  }
}

it('serves a real client: a chat, and a page that is loaded again while a reply is running', async () => {
  await using store = await openDocumentStore('memory:')
  const chats = new HoldfastChats({ store })
  let slow: ReadableStream<UIMessageChunk> | undefined
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method === 'GET') {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost')
      const stream = await chats.resume(pathname.split('/')[2] ?? '', { after: searchParams.get('after') ?? '' })
      if (stream === undefined) response.writeHead(204).end()
      else await pipeUIMessageStreamToResponse({ response, stream })
      return
    }
    const { id, message } = (await json(request)) as { readonly id: string; readonly message: UIMessage }
    await chats.append(id, [message])
    const messages = await chats.load(id)
    const result = streamText({
      model: scriptedModel(textStep('You said ', `${messages.length} things.`)),
      messages: await convertToModelMessages(messages),
    })
    const stream = slow ?? result.toUIMessageStream({ originalMessages: messages })
    await pipeUIMessageStreamToResponse({ response, stream: chats.record(id, stream) })
  }
  const server = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}/chat`
  try {
    const first = new BrowserChat('c', api, [])
    await first.sendMessage({ text: 'Hello.' })
    await first.sendMessage({ text: 'And again.' })
    assert.deepEqual(first.messages.map(textOf), ['Hello.', 'You said 1 things.', 'And again.', 'You said 3 things.'])
    const stored = await chats.load('c')
    assert.equal(JSON.stringify(stored), JSON.stringify(first.messages))

    const { stream, writer } = source()
    slow = stream
    const sending = first.sendMessage({ text: 'Slowly.' })
    for (const chunk of [{ type: 'start' as const }, { type: 'text-start' as const, id: 't' }])
      await writer.write(chunk)
    await writer.write({ type: 'text-delta', id: 't', delta: 'Slow ' })
    await until(async () => textOf(first.lastMessage) === 'Slow ')
    const again = new BrowserChat('c', api, await chats.load('c'))
    assert.equal(textOf(again.lastMessage), 'Slowly.')
    const resuming = again.resumeStream()
    await until(async () => textOf(again.lastMessage) === 'Slow ')
    await writer.write({ type: 'text-delta', id: 't', delta: 'answer.' })
    await writer.write({ type: 'text-end', id: 't' })
    await writer.close()
    await Promise.all([sending, resuming])
    assert.equal(textOf(again.lastMessage), 'Slow answer.')
    assert.equal(JSON.stringify(again.messages), JSON.stringify(first.messages))
    assert.equal(JSON.stringify(await chats.load('c')), JSON.stringify(first.messages))
    assert.equal(await chats.resume('c'), undefined)

    // It was loaded before the reply ended, and asks afterwards.
    const late = new BrowserChat('c', api, first.messages.slice(0, -1))
    await late.resumeStream()
    assert.equal(JSON.stringify(late.messages), JSON.stringify(first.messages))
    await late.resumeStream()
    assert.equal(JSON.stringify(late.messages), JSON.stringify(first.messages))
  } finally {
    server.closeAllConnections()
    server.close()
  }
})
