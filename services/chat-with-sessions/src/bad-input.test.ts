import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Metadata, credentials, status } from '@grpc/grpc-js'
import { type HoldfastError, codeOfGrpcStatus } from '@holdfast/errors'
import { ChatServiceClient, GetMessagesRequest, Role, SendMessageRequest, errorFromGrpc } from '@holdfast/protocol'
import { type ChatForTests, readReply, startChat, textIn, textPart } from './chat-for-tests.js'
import { type Expected, rejects } from './rejects-for-tests.js'

type Chat = ChatForTests['clients']['chat']

async function startWithConversation() {
  const running = await startChat()
  await running.clients.chat.createConversation({ conversationId: 'c' })
  return running
}

const conversationId = 'c'
const text = (value: string) => [textPart(value)]

const absurdIds = ['', ' ', 'a b', 'a/b', '\u0000', 'x'.repeat(201), 'line\nbreak', 'rtl\u202e', '\ufeff']

test('refuses absurd ids by name', async () => {
  await using running = await startWithConversation()
  const { chat } = running.clients
  for (const id of absurdIds) {
    const ofConversation = { code: 'INVALID_ARGUMENT', field: 'conversation_id' } as const
    await rejects(chat.getConversation({ conversationId: id }), ofConversation)
    await rejects(chat.getMessages({ conversationId: id }), ofConversation)
    await rejects(chat.sendMessage({ conversationId: id, parts: text('x') }), ofConversation)
    await rejects(chat.deleteConversation({ conversationId: id }), ofConversation)
    await rejects(chat.getState({ conversationId: id }), ofConversation)
    await rejects(readReply(chat.streamChat({ conversationId: id, parts: text('x') })), ofConversation)
    await rejects(first(chat.subscribeToConversation({ conversationId: id })), ofConversation)
    if (id === '') continue
    await rejects(chat.createConversation({ conversationId: id }), ofConversation)
    // What is not part of another id may hold a slash.
    if (id !== 'a/b') {
      await rejects(chat.createConversation({ userId: id }), { code: 'INVALID_ARGUMENT', field: 'user_id' })
      await rejects(chat.createConversation({ key: id }), { code: 'INVALID_ARGUMENT', field: 'key' })
      await rejects(chat.sendMessage({ conversationId, key: id, parts: text('x') }), {
        code: 'INVALID_ARGUMENT',
        field: 'key',
      })
    }
    await rejects(chat.forkConversation({ conversationId, newConversationId: id }), {
      code: 'INVALID_ARGUMENT',
      field: 'new_conversation_id',
    })
  }
})

const bad: [string, Expected, (chat: Chat) => Promise<unknown>][] = [
  [
    'a message without parts',
    { code: 'INVALID_ARGUMENT', field: 'parts' },
    (chat) => chat.sendMessage({ conversationId, parts: [] }),
  ],
  [
    'a part without content',
    { code: 'INVALID_ARGUMENT', field: 'parts[1]' },
    (chat) => chat.sendMessage({ conversationId, parts: [textPart('x'), {}] }),
  ],
  [
    '101 parts',
    { code: 'INVALID_ARGUMENT', field: 'parts' },
    (chat) => chat.sendMessage({ conversationId, parts: Array.from({ length: 101 }, () => textPart('x')) }),
  ],
  [
    'a text of 10 MB',
    { code: 'INVALID_ARGUMENT', field: 'parts[0].text' },
    (chat) => chat.sendMessage({ conversationId, parts: text('x'.repeat(10_000_000)) }),
  ],
  [
    'a question of 10 MB',
    { code: 'INVALID_ARGUMENT', field: 'parts[0].text' },
    (chat) => readReply(chat.streamChat({ conversationId, parts: text('x'.repeat(10_000_000)) })),
  ],
  [
    'an edit of 10 MB',
    { code: 'INVALID_ARGUMENT', field: 'parts[0].text' },
    (chat) => chat.updateMessage({ conversationId, seq: 1, parts: text('x'.repeat(10_000_000)) }),
  ],
  [
    'more than the server takes at once',
    { code: 'RESOURCE_EXHAUSTED' },
    (chat) => chat.sendMessage({ conversationId, parts: text('x'.repeat(21 * 1024 * 1024)) }),
  ],
  [
    'half of a surrogate pair',
    { code: 'INVALID_ARGUMENT' },
    (chat) => chat.sendMessage({ conversationId, parts: text('\ud834') }),
  ],
  [
    'an unknown role',
    { code: 'INVALID_ARGUMENT', field: 'role' },
    (chat) => chat.sendMessage({ conversationId, role: 77 as Role, parts: text('x') }),
  ],
  [
    'a key of 201 characters',
    { code: 'INVALID_ARGUMENT', field: 'key' },
    (chat) => chat.sendMessage({ conversationId, key: 'k'.repeat(201), parts: text('x') }),
  ],
  [
    'a key that only replies have',
    { code: 'INVALID_ARGUMENT', field: 'key' },
    (chat) => chat.sendMessage({ conversationId, key: 'reply:c.1.1', parts: text('x') }),
  ],
  [
    'a hash that is none',
    { code: 'INVALID_ARGUMENT', field: 'parts[0].blob.hash' },
    (chat) =>
      chat.sendMessage({
        conversationId,
        parts: [{ content: { $case: 'blob', value: { hash: 'abc', contentType: 'image/png' } } }],
      }),
  ],
  [
    'a hash of nothing that is stored',
    { code: 'INVALID_ARGUMENT', field: 'parts[0].blob.hash' },
    (chat) =>
      chat.sendMessage({
        conversationId,
        parts: [{ content: { $case: 'blob', value: { hash: 'a'.repeat(64), contentType: 'image/png' } } }],
      }),
  ],
  [
    'a media type that is none',
    { code: 'INVALID_ARGUMENT', field: 'parts[0].blob.content_type' },
    (chat) =>
      chat.sendMessage({
        conversationId,
        parts: [{ content: { $case: 'blob', value: { hash: 'a'.repeat(64), contentType: 'png' } } }],
      }),
  ],
  [
    'tool arguments that are not JSON',
    { code: 'INVALID_ARGUMENT', field: 'parts[0].tool_call.arguments_json' },
    (chat) =>
      chat.sendMessage({
        conversationId,
        parts: [{ content: { $case: 'toolCall', value: { id: 't', name: 'n', argumentsJson: '{' } } }],
      }),
  ],
  [
    'a tool result for no call',
    { code: 'INVALID_ARGUMENT', field: 'parts[0].tool_result.tool_call_id' },
    (chat) =>
      chat.sendMessage({
        conversationId,
        parts: [{ content: { $case: 'toolResult', value: { toolCallId: '', content: 'x' } } }],
      }),
  ],
  [
    'reasoning without end',
    { code: 'INVALID_ARGUMENT', field: 'parts[0].reasoning.text' },
    (chat) =>
      chat.sendMessage({
        conversationId,
        parts: [{ content: { $case: 'reasoning', value: { text: 'x'.repeat(2_000_000) } } }],
      }),
  ],
  [
    'a title of 1,001 characters',
    { code: 'INVALID_ARGUMENT', field: 'title' },
    (chat) => chat.createConversation({ title: 'x'.repeat(1001) }),
  ],
  [
    '65 labels',
    { code: 'INVALID_ARGUMENT', field: 'metadata' },
    (chat) => chat.createConversation({ metadata: new Map(Array.from({ length: 65 }, (_, n) => [`k${n}`, 'v'])) }),
  ],
  [
    'a label that is too long',
    { code: 'INVALID_ARGUMENT', field: 'metadata["teamName"]' },
    (chat) => chat.createConversation({ metadata: new Map([['teamName', 'x'.repeat(4097)]]) }),
  ],
  [
    'an update of nothing',
    { code: 'INVALID_ARGUMENT', field: 'title' },
    (chat) => chat.updateConversation({ conversationId }),
  ],
  [
    'a negative version',
    { code: 'INVALID_ARGUMENT', field: 'if_version' },
    (chat) => chat.updateConversation({ conversationId, title: 'x', ifVersion: -1 }),
  ],
  [
    'a negative bound',
    { code: 'INVALID_ARGUMENT', field: 'after_seq' },
    (chat) => chat.getMessages({ conversationId, afterSeq: -1 }),
  ],
  [
    'another negative bound',
    { code: 'INVALID_ARGUMENT', field: 'before_seq' },
    (chat) => chat.getMessages({ conversationId, beforeSeq: -1 }),
  ],
  [
    'a negative page',
    { code: 'INVALID_ARGUMENT', field: 'page_size' },
    (chat) => chat.getMessages({ conversationId, pageSize: -1 }),
  ],
  [
    'a temperature of 3',
    { code: 'INVALID_ARGUMENT', field: 'options.temperature' },
    (chat) => readReply(chat.streamChat({ conversationId, parts: text('x'), options: { temperature: 3 } })),
  ],
  [
    'a temperature that is no number',
    { code: 'INVALID_ARGUMENT', field: 'options.temperature' },
    (chat) => readReply(chat.streamChat({ conversationId, parts: text('x'), options: { temperature: Number.NaN } })),
  ],
  [
    'no output tokens',
    { code: 'INVALID_ARGUMENT', field: 'options.max_output_tokens' },
    (chat) => readReply(chat.streamChat({ conversationId, parts: text('x'), options: { maxOutputTokens: 0 } })),
  ],
  [
    'a system prompt of 2 MiB',
    { code: 'INVALID_ARGUMENT', field: 'options.system_prompt' },
    (chat) =>
      readReply(
        chat.streamChat({ conversationId, parts: text('x'), options: { systemPrompt: 'x'.repeat(2 * 1024 * 1024) } }),
      ),
  ],
  [
    'state that is not JSON',
    { code: 'INVALID_ARGUMENT', field: 'merge_patch_json' },
    (chat) => chat.patchState({ conversationId, mergePatchJson: '{"a":' }),
  ],
  [
    'empty state',
    { code: 'INVALID_ARGUMENT', field: 'merge_patch_json' },
    (chat) => chat.patchState({ conversationId, mergePatchJson: '' }),
  ],
  [
    'state that is no object',
    { code: 'INVALID_ARGUMENT', field: 'merge_patch_json' },
    (chat) => chat.patchState({ conversationId, mergePatchJson: '[1]' }),
  ],
  [
    'state that is 10,000 levels deep',
    { code: 'INVALID_ARGUMENT', field: 'merge_patch_json' },
    (chat) => chat.patchState({ conversationId, mergePatchJson: `{"a":${'['.repeat(10_000)}1${']'.repeat(10_000)}}` }),
  ],
  [
    'objects 10,000 levels deep',
    { code: 'INVALID_ARGUMENT', field: 'merge_patch_json' },
    (chat) => chat.patchState({ conversationId, mergePatchJson: '{"a":'.repeat(10_000) + '1' + '}'.repeat(10_000) }),
  ],
  [
    'a number beyond 2^53',
    { code: 'INVALID_ARGUMENT', field: 'merge_patch_json.a.n[1]' },
    (chat) => chat.patchState({ conversationId, mergePatchJson: '{"a":{"n":[1,12345678901234567890]}}' }),
  ],
  [
    'a number beyond all numbers',
    { code: 'INVALID_ARGUMENT', field: 'merge_patch_json.n' },
    (chat) => chat.patchState({ conversationId, mergePatchJson: '{"n":1e400}' }),
  ],
  [
    'a patch of 2 MiB',
    { code: 'INVALID_ARGUMENT', field: 'merge_patch_json' },
    (chat) => chat.patchState({ conversationId, mergePatchJson: JSON.stringify({ a: 'x'.repeat(2 * 1024 * 1024) }) }),
  ],
  ['a message that is not there', { code: 'NOT_FOUND' }, (chat) => chat.deleteMessage({ conversationId, seq: 1 })],
  [
    'a conversation that is not there',
    { code: 'NOT_FOUND' },
    (chat) => chat.sendMessage({ conversationId: 'none', parts: text('x') }),
  ],
  [
    'a question to a conversation that is not there',
    { code: 'NOT_FOUND' },
    (chat) => readReply(chat.streamChat({ conversationId: 'none', parts: text('x') })),
  ],
  [
    'a deadline that has passed',
    { code: 'DEADLINE_EXCEEDED' },
    (chat) => chat.getState({ conversationId }, { deadlineMs: -1 }),
  ],
]

test('refuses bad input by the name of its field, and nothing of it is stored', async (context) => {
  await using running = await startWithConversation()
  const { chat } = running.clients
  for (const [what, expected, call] of bad) {
    await context.test(what, async () => {
      await rejects(call(chat), expected)
    })
  }
  assert.equal((await chat.getConversation({ conversationId })).conversation?.lastSeq, 0)
  assert.deepEqual(await chat.getState({ conversationId }), { stateJson: '{}', version: 0 })
  assert.deepEqual(
    (await chat.listConversations({})).conversations.map(({ id }) => id),
    ['c'],
  )
})

test('takes what is just within the limits', async () => {
  await using running = await startWithConversation()
  const { chat } = running.clients
  const mebibyte = '𝄞'.repeat(256 * 1024)
  const { message } = await chat.sendMessage({ conversationId, parts: text(mebibyte) })
  assert.equal(textIn(message), mebibyte)
  const deep = `{"a":${'['.repeat(98)}${']'.repeat(98)}}`
  assert.equal((await chat.patchState({ conversationId, mergePatchJson: deep })).stateJson, deep)
})

/** A client that sends what ours would not. */
function rawClient(address: string) {
  const client = new ChatServiceClient(address, credentials.createInsecure())
  const call = (path: string, bytes: Buffer): Promise<HoldfastError | Buffer> =>
    new Promise((resolve) => {
      const asItIs = (value: Buffer) => value
      client.makeUnaryRequest(path, asItIs, asItIs, bytes, new Metadata(), {}, (error, response) =>
        resolve(error === null ? (response ?? Buffer.alloc(0)) : errorFromGrpc(error)),
      )
    })
  return { call, [Symbol.dispose]: () => client.close() }
}

test('answers bytes that are no request with INVALID_ARGUMENT and skips fields that it does not know', async () => {
  await using running = await startWithConversation()
  using raw = rawClient(running.address)
  const path = '/holdfast.chat.v1.ChatService/SendMessage'
  for (const bytes of [Buffer.from([0xff, 0xff, 0xff]), Buffer.from([0x0a, 0x7f, 0x61]), Buffer.alloc(1000, 0x22)]) {
    const answer = await raw.call(path, bytes)
    assert.ok(answer instanceof Error, 'was taken')
    assert.equal(answer.code, 'INVALID_ARGUMENT', answer.message)
  }
  const known = SendMessageRequest.encode(
    SendMessageRequest.fromPartial({ conversationId: 'c', parts: text('known') }),
  ).finish()
  // Field 999, a string.
  const unknown = Buffer.concat([known, Buffer.from([0xba, 0x3e, 0x02, 0x68, 0x69])])
  assert.ok(Buffer.isBuffer(await raw.call(path, unknown)))
  const answer = await raw.call('/holdfast.chat.v1.ChatService/NoSuchMethod', Buffer.alloc(0))
  assert.ok(answer instanceof Error)
  assert.equal(answer.code, codeOfGrpcStatus(status.UNIMPLEMENTED))
})

test('a sequence number beyond 2^53 on the wire is refused, not rounded', async () => {
  await using running = await startWithConversation()
  using raw = rawClient(running.address)
  const bytes = GetMessagesRequest.encode(GetMessagesRequest.fromPartial({ conversationId: 'c' })).finish()
  // Field 2, after_seq: 2^60.
  const huge = Buffer.concat([bytes, Buffer.from([0x10, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10])])
  const answer = await raw.call('/holdfast.chat.v1.ChatService/GetMessages', huge)
  assert.ok(answer instanceof Error)
  assert.equal(answer.code, 'INVALID_ARGUMENT', answer.message)
})

async function first<T>(stream: AsyncIterable<T>): Promise<T | undefined> {
  for await (const each of stream) return each
  return undefined
}
