import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import type { ServerWritableStream } from '@grpc/grpc-js'
import { HoldfastError } from '@holdfast/errors'
import type { ChatServiceServer, StreamChatResponse } from '@holdfast/protocol'
import { startRelay } from '@holdfast/test-servers'
import { serviceError, startChatServer } from './chat-server-for-tests.js'
import { createClients } from './clients.js'

const pieces = Array.from({ length: 400 }, (_, index) => `${index % 5 === 0 ? 'größer 𝄞 ' : 'token '}${index} `)
const whole = pieces.join('')

/** Serves one reply in pieces, from any position, and calls `onPiece` before each; it may cut or stop there. */
function replyServer(onPiece: (cursor: number) => 'go' | 'stop') {
  const keys: string[] = []
  const resumedAfter: number[] = []
  async function serve(call: ServerWritableStream<unknown, Omit<StreamChatResponse, 'started'>>, after: number) {
    let cursor = after
    for (const text of whole.slice(after).match(/[^]{1,13}/gu) ?? []) {
      if (onPiece(cursor) === 'stop' || call.cancelled) return
      cursor += text.length
      if (!call.write({ event: { $case: 'delta', value: { text, cursor } } })) await once(call, 'drain')
    }
    call.write({ event: { $case: 'finished', value: { message: undefined, status: 2, cursor } } })
    call.end()
  }
  const methods: Partial<ChatServiceServer> = {
    streamChat: (call) => {
      keys.push(call.request.key)
      call.write({ event: { $case: 'started', value: { replyId: 'r1', userMessage: undefined } } })
      void serve(call, 0)
    },
    resumeStream: (call) => {
      resumedAfter.push(call.request.after)
      assert.equal(call.request.replyId, 'r1')
      void serve(call, call.request.after)
    },
  }
  return { methods, keys, resumedAfter }
}

async function textOf(stream: AsyncIterable<StreamChatResponse>): Promise<{ text: string; events: string[] }> {
  let text = ''
  const events: string[] = []
  for await (const { event } of stream) {
    if (event?.$case === 'delta') text += event.value.text
    else events.push(event?.$case ?? 'none')
  }
  return { text, events }
}

test('a reply stream that is cut again and again delivers each byte once', async () => {
  await using relay = await startRelay(undefined)
  let left = 0
  let cuts = 0
  const reply = replyServer(() => {
    left -= 1
    if (left > 0) return 'go'
    left = 5 + Math.floor(Math.random() * 60)
    cuts += 1
    relay.cut()
    return 'stop'
  })
  await using server = await startChatServer(reply.methods)
  relay.aim(server.port)
  await using clients = createClients({ address: relay.address })
  const { text, events } = await textOf(clients.chat.streamChat({ conversationId: 'c' }))
  assert.equal(text, whole)
  assert.deepEqual(events, ['started', 'finished'])
  assert.ok(cuts > 5)
})

test('a stream that is cut before `started` is asked for again with the same key', async () => {
  await using relay = await startRelay(undefined)
  const reply = replyServer(() => 'go')
  let calls = 0
  const keys: string[] = []
  await using server = await startChatServer({
    ...reply.methods,
    streamChat: (call) => {
      calls += 1
      keys.push(call.request.key)
      if (calls < 3) relay.cut()
      else reply.methods.streamChat?.(call)
    },
  })
  relay.aim(server.port)
  await using clients = createClients({ address: relay.address })
  const { text } = await textOf(clients.chat.streamChat({ conversationId: 'c' }))
  assert.equal(text, whole)
  assert.equal(keys.length, 3)
  assert.equal(new Set(keys).size, 1)
  assert.notEqual(keys[0], '')
})

test('a reply goes on after a restart of its server', async () => {
  let second: Promise<AsyncDisposable> | undefined
  const reply = replyServer((cursor) => {
    if (cursor <= 500 || second !== undefined) return 'go'
    second = restart()
    return 'stop'
  })
  const first = await startChatServer(reply.methods)
  const restart = async (): Promise<AsyncDisposable> => {
    await first[Symbol.asyncDispose]()
    return startChatServer(reply.methods, { port: first.port })
  }
  await using clients = createClients({ address: first.address })
  const { text, events } = await textOf(clients.chat.streamChat({ conversationId: 'c' }))
  assert.equal(text, whole)
  assert.deepEqual(events, ['started', 'finished'])
  await (await second)?.[Symbol.asyncDispose]()
})

test('a reply goes on at another address when its own goes away', async () => {
  let served = 0
  const cutOff = replyServer((cursor) => (cursor > 300 ? 'stop' : 'go'))
  const other = replyServer(() => 'go')
  await using relay = await startRelay(undefined)
  const dying = await startChatServer({
    ...cutOff.methods,
    resumeStream: (call) => {
      served += 1
      call.emit('error', serviceError(new HoldfastError('UNAVAILABLE', 'The server is draining')))
    },
  })
  relay.aim(dying.port)
  await using living = await startChatServer(other.methods)
  await using clients = createClients({ address: [relay.address, living.address] })
  for (let run = 0; run < 2; run += 1) {
    // One of the two runs starts at the address that stops after 300.
    const stream = clients.chat.streamChat({ conversationId: 'c' })
    let text = ''
    for await (const { event } of stream) {
      if (event?.$case !== 'delta') continue
      text += event.value.text
      if (event.value.cursor > 300 && cutOff.keys.length > 0) {
        relay.aim(undefined)
        relay.cut()
      }
    }
    assert.equal(text, whole)
  }
  assert.ok(served <= 1)
  await dying[Symbol.asyncDispose]()
})

test('a stream that ends without `finished` is resumed', async () => {
  let ended = false
  const reply = replyServer(() => 'go')
  await using server = await startChatServer({
    ...reply.methods,
    streamChat: (call) => {
      call.write({ event: { $case: 'started', value: { replyId: 'r1', userMessage: undefined } } })
      call.write({ event: { $case: 'delta', value: { text: whole.slice(0, 10), cursor: 10 } } })
      ended = true
      call.end()
    },
  })
  await using clients = createClients({ address: server.address })
  assert.equal((await textOf(clients.chat.streamChat({}))).text, whole)
  assert.ok(ended)
  assert.deepEqual(reply.resumedAfter, [10])
})

test('a slow reader of a stream that is cut gets each byte once', async () => {
  await using relay = await startRelay(undefined)
  let cut = false
  const reply = replyServer((cursor) => {
    if (cursor < 3000 || cut) return 'go'
    cut = true
    relay.cut()
    return 'stop'
  })
  await using server = await startChatServer(reply.methods)
  relay.aim(server.port)
  await using clients = createClients({ address: relay.address })
  let text = ''
  for await (const { event } of clients.chat.streamChat({})) {
    await new Promise(setImmediate)
    if (event?.$case === 'delta') text += event.value.text
  }
  assert.equal(text, whole)
  assert.ok(cut)
})

test('resumeStream delivers the rest after a cursor across cuts', async () => {
  await using relay = await startRelay(undefined)
  let cuts = 0
  const reply = replyServer((cursor) => {
    if (cursor < 900 * (cuts + 1)) return 'go'
    cuts += 1
    relay.cut()
    return 'stop'
  })
  await using server = await startChatServer(reply.methods)
  relay.aim(server.port)
  await using clients = createClients({ address: relay.address })
  const { text } = await textOf(clients.chat.resumeStream({ replyId: 'r1', after: 7 }))
  assert.equal(text, whole.slice(7))
  assert.ok(cuts > 1)
})

test('leaving the loop ends the call at the server', async () => {
  let cancelled: Promise<unknown> | undefined
  await using server = await startChatServer({
    streamChat: (call) => {
      cancelled = once(call, 'cancelled')
      call.write({ event: { $case: 'started', value: { replyId: 'r1', userMessage: undefined } } })
    },
  })
  await using clients = createClients({ address: server.address })
  for await (const { event } of clients.chat.streamChat({})) {
    assert.equal(event?.$case, 'started')
    break
  }
  await cancelled
})

test('aborting ends a stream with CANCELLED, also while it waits to reconnect', async () => {
  const reply = replyServer(() => 'stop')
  await using server = await startChatServer(reply.methods)
  await using relay = await startRelay(server.port)
  await using clients = createClients({ address: relay.address })
  const abort = new AbortController()
  await assert.rejects(async () => {
    for await (const _ of clients.chat.streamChat({}, { signal: abort.signal })) {
      relay.aim(undefined)
      relay.cut()
      setTimeout(() => abort.abort(), 150)
    }
  }, isCode('CANCELLED'))
})

test('a stream whose server stays away ends with UNAVAILABLE after reconnectMs', async () => {
  const reply = replyServer(() => 'stop')
  await using server = await startChatServer(reply.methods)
  await using relay = await startRelay(server.port)
  await using clients = createClients({ address: relay.address, reconnectMs: 300 })
  const startedAt = performance.now()
  await assert.rejects(async () => {
    for await (const _ of clients.chat.streamChat({})) {
      relay.aim(undefined)
      relay.cut()
    }
  }, isCode('UNAVAILABLE'))
  assert.ok(performance.now() - startedAt < 5_000)
})

test('a stream ends with DEADLINE_EXCEEDED when its time as a whole is over', async () => {
  const reply = replyServer(() => 'stop')
  await using server = await startChatServer(reply.methods)
  await using clients = createClients({ address: server.address })
  await assert.rejects(textOf(clients.chat.streamChat({}, { deadlineMs: 200 })), isCode('DEADLINE_EXCEEDED'))
})

test('the server’s own error ends a stream at once, as it was thrown', async () => {
  let calls = 0
  await using server = await startChatServer({
    streamChat: (call) => {
      calls += 1
      const error = new HoldfastError('FAILED_PRECONDITION', 'Reply r0 is being made', { reason: 'TURN_IN_PROGRESS' })
      call.emit('error', serviceError(error))
    },
  })
  await using clients = createClients({ address: server.address })
  await assert.rejects(textOf(clients.chat.streamChat({})), (error: HoldfastError) => {
    assert.equal(error.reason, 'TURN_IN_PROGRESS')
    return isCode('FAILED_PRECONDITION')(error)
  })
  assert.equal(calls, 1)
})

test('a subscription goes on behind its last cursor after a cut and ends when the conversation is deleted', async () => {
  await using relay = await startRelay(undefined)
  const cursors: string[] = []
  await using server = await startChatServer({
    subscribeToConversation: (call) => {
      cursors.push(call.request.cursor)
      const from = Number(call.request.cursor || '0')
      for (let n = from + 1; n <= 5; n += 1) {
        call.write({ cursor: String(n), event: { $case: 'conversationDeleted', value: { conversationId: String(n) } } })
      }
      call.end()
    },
  })
  relay.aim(server.port)
  await using clients = createClients({ address: relay.address })
  const seen: string[] = []
  for await (const { cursor } of clients.chat.subscribeToConversation({ conversationId: 'c', cursor: '2' })) {
    seen.push(cursor)
  }
  assert.deepEqual(seen, ['3'])
  assert.deepEqual(cursors, ['2'])
})

test('a subscription resumes behind the last message that it delivered', async () => {
  await using relay = await startRelay(undefined)
  const cursors: string[] = []
  await using server = await startChatServer({
    subscribeToConversation: (call) => {
      cursors.push(call.request.cursor)
      const n = Number(call.request.cursor || '0') + 1
      call.write({
        cursor: String(n),
        event: n < 4 ? undefined : { $case: 'conversationDeleted', value: { conversationId: 'c' } },
      })
    },
  })
  relay.aim(server.port)
  await using clients = createClients({ address: relay.address })
  const seen: string[] = []
  for await (const { cursor } of clients.chat.subscribeToConversation({ conversationId: 'c' })) {
    seen.push(cursor)
    relay.cut()
  }
  assert.deepEqual(seen, ['1', '2', '3', '4'])
  assert.deepEqual(cursors, ['', '1', '2', '3'])
})

test('a subscription with nothing to say outlives more cuts than a call has attempts', async () => {
  await using relay = await startRelay(undefined)
  let calls = 0
  await using server = await startChatServer({
    subscribeToConversation: (call) => {
      calls += 1
      if (calls < 6) setTimeout(() => relay.cut(), 150)
      else call.write({ cursor: '1', event: { $case: 'conversationDeleted', value: { conversationId: 'c' } } })
    },
  })
  relay.aim(server.port)
  await using clients = createClients({ address: relay.address, maxAttempts: 2, reconnectMs: 400 })
  const seen: string[] = []
  for await (const { cursor } of clients.chat.subscribeToConversation({ conversationId: 'c' })) seen.push(cursor)
  assert.deepEqual(seen, ['1'])
  assert.equal(calls, 6)
})

function isCode(code: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof HoldfastError, String(error))
    assert.equal(error.code, code, error.message)
    return true
  }
}
