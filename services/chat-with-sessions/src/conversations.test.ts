import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { createClients } from '@holdfast/grpc-clients'
import { Part, Role } from '@holdfast/protocol'
import { startChat, textIn, textPart } from './chat-for-tests.js'
import { rejects } from './rejects-for-tests.js'

test('creates, reads, lists, changes and deletes conversations', async () => {
  await using running = await startChat()
  const { chat } = running.clients
  const metadata = new Map([
    ['team', 'blue'],
    ['__proto__', 'p'],
    ['constructor', 'c'],
  ])
  const { conversation } = await chat.createConversation({
    conversationId: 'c1',
    userId: 'ada',
    title: 'Tea',
    metadata,
  })
  assert.equal(conversation?.version, 1)
  assert.deepEqual(conversation?.metadata, metadata)
  assert.ok(conversation?.createTime instanceof Date)
  assert.deepEqual((await chat.getConversation({ conversationId: 'c1' })).conversation, conversation)

  await chat.createConversation({ conversationId: 'c2', userId: 'ada' })
  await chat.createConversation({ conversationId: 'c3', userId: 'bob' })
  const mine = await chat.listConversations({ userId: 'ada' })
  assert.deepEqual(mine.conversations.map(({ id }) => id).toSorted(), ['c1', 'c2'])
  assert.equal(mine.nextPageToken, '')

  const updated = await chat.updateConversation({ conversationId: 'c1', title: 'Coffee', ifVersion: 1 })
  assert.equal(updated.conversation?.title, 'Coffee')
  assert.equal(updated.conversation?.version, 2)
  assert.equal(updated.conversation?.metadata.get('team'), 'blue')
  await rejects(chat.updateConversation({ conversationId: 'c1', title: 'Cake', ifVersion: 1 }), { code: 'ABORTED' })
  const replaced = await chat.updateConversation({ conversationId: 'c1', metadata: { entries: new Map([['a', 'b']]) } })
  assert.deepEqual(replaced.conversation?.metadata, new Map([['a', 'b']]))
  assert.equal(replaced.conversation?.title, 'Coffee')

  await chat.deleteConversation({ conversationId: 'c1' })
  await chat.deleteConversation({ conversationId: 'c1' })
  await rejects(chat.getConversation({ conversationId: 'c1' }), { code: 'NOT_FOUND' })
  await rejects(chat.createConversation({ conversationId: 'c1' }), {
    code: 'FAILED_PRECONDITION',
    reason: 'CONVERSATION_DELETED',
  })
  await rejects(chat.sendMessage({ conversationId: 'c1', parts: [textPart('late')] }), {
    code: 'FAILED_PRECONDITION',
    reason: 'CONVERSATION_DELETED',
  })
})

test('creating twice by key or id makes one conversation, and refuses other content', async () => {
  await using running = await startChat()
  const { chat } = running.clients
  const first = await chat.createConversation({ key: 'k', title: 'One' })
  const again = await chat.createConversation({ key: 'k', title: 'One' })
  assert.equal(again.conversation?.id, first.conversation?.id)
  await rejects(chat.createConversation({ key: 'k', title: 'Two' }), { code: 'ALREADY_EXISTS' })
  await chat.createConversation({ conversationId: 'c', userId: 'u' })
  await rejects(chat.createConversation({ conversationId: 'c', userId: 'v' }), { code: 'ALREADY_EXISTS' })
})

test('lists conversations page by page; a token of another listing is refused by name', async () => {
  await using running = await startChat()
  const { chat } = running.clients
  for (let n = 0; n < 7; n += 1) await chat.createConversation({ conversationId: `c${n}`, userId: 'ada' })
  const seen: string[] = []
  let pageToken = ''
  do {
    const page = await chat.listConversations({ userId: 'ada', pageSize: 3, pageToken })
    seen.push(...page.conversations.map(({ id }) => id))
    pageToken = page.nextPageToken
  } while (pageToken !== '')
  assert.deepEqual([...seen].toSorted(), ['c0', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6'])
  const { nextPageToken } = await chat.listConversations({ userId: 'ada', pageSize: 3 })
  for (const request of [
    { userId: 'bob', pageToken: nextPageToken },
    { pageToken: nextPageToken },
    { userId: 'ada', pageToken: 'rubbish' },
  ]) {
    await rejects(chat.listConversations(request), { code: 'INVALID_ARGUMENT', field: 'page_token' })
  }
  await rejects(chat.listConversations({ pageSize: -1 }), { code: 'INVALID_ARGUMENT', field: 'page_size' })
})

test('keeps every kind of part and every character, NUL bytes too', async () => {
  await using running = await startChat()
  const { chat } = running.clients
  await chat.createConversation({ conversationId: 'c' })
  const { hash } = await running.store.blobs.put(Buffer.from('a picture'), { contentType: 'image/png' })
  const parts = [
    textPart('NUL \u0000, emoji 𝄞, U+FDD0 \ufdd0, RTL \u202e, line\r\nbreak, replacement \ufffd'),
    textPart(''),
    { content: { $case: 'blob', value: { hash, contentType: 'image/png', name: 'cat.png', sizeBytes: 9 } } },
    { content: { $case: 'reasoning', value: { text: 'hm\u0000' } } },
    { content: { $case: 'toolCall', value: { id: 't1', name: 'look', argumentsJson: '{"b":1,"a":[1.50]}' } } },
    { content: { $case: 'toolResult', value: { toolCallId: 't1', content: 'found \u0000' } } },
  ] as const
  const { message } = await chat.sendMessage({ conversationId: 'c', key: 'k', role: Role.ASSISTANT, parts: [...parts] })
  assert.deepEqual(
    message?.parts,
    parts.map((part) => Part.fromPartial(part)),
  )
  assert.equal(message?.seq, 1)
  assert.equal(message?.id, 'k')
  assert.equal(message?.role, Role.ASSISTANT)
  const { messages } = await chat.getMessages({ conversationId: 'c' })
  assert.deepEqual(messages, [message])
})

test('sending twice with one key stores one message; other content with it is refused', async () => {
  await using running = await startChat()
  const { chat } = running.clients
  await chat.createConversation({ conversationId: 'c' })
  const send = (text: string) => chat.sendMessage({ conversationId: 'c', key: 'k1', parts: [textPart(text)] })
  assert.deepEqual(await send('hi'), await send('hi'))
  await rejects(send('ho'), { code: 'ALREADY_EXISTS' })
  assert.equal((await chat.getMessages({ conversationId: 'c' })).messages.length, 1)
})

test('reads messages in both directions, within bounds, page by page', async () => {
  await using running = await startChat()
  const { chat } = running.clients
  await chat.createConversation({ conversationId: 'c' })
  for (let n = 1; n <= 10; n += 1) await chat.sendMessage({ conversationId: 'c', parts: [textPart(`m${n}`)] })

  const read = async (request: object): Promise<number[]> => {
    const seen: number[] = []
    let pageToken = ''
    do {
      const page = await chat.getMessages({ conversationId: 'c', pageSize: 3, ...request, pageToken })
      assert.ok(page.messages.length <= 3)
      seen.push(...page.messages.map(({ seq }) => seq))
      pageToken = page.nextPageToken
    } while (pageToken !== '')
    return seen
  }
  assert.deepEqual(await read({}), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  assert.deepEqual(await read({ newestFirst: true }), [10, 9, 8, 7, 6, 5, 4, 3, 2, 1])
  assert.deepEqual(await read({ afterSeq: 2, beforeSeq: 9 }), [3, 4, 5, 6, 7, 8])
  assert.deepEqual(await read({ afterSeq: 2, beforeSeq: 9, newestFirst: true }), [8, 7, 6, 5, 4, 3])
  assert.deepEqual(await read({ afterSeq: 10 }), [])
  assert.deepEqual(await read({ beforeSeq: 1 }), [])
  const last = await chat.getMessages({ conversationId: 'c', pageSize: 10 })
  assert.equal(last.nextPageToken, '', 'a full last page has no next one')
})

test('a page token of another conversation, direction or bound is refused by name', async () => {
  await using running = await startChat()
  const { chat } = running.clients
  for (const conversationId of ['c', 'd']) {
    await chat.createConversation({ conversationId })
    for (let n = 0; n < 3; n += 1) await chat.sendMessage({ conversationId, parts: [textPart('x')] })
  }
  const { nextPageToken: pageToken } = await chat.getMessages({ conversationId: 'c', pageSize: 1 })
  for (const request of [
    { conversationId: 'd', pageToken },
    { conversationId: 'c', newestFirst: true, pageToken },
    { conversationId: 'c', afterSeq: 1, pageToken },
    { conversationId: 'c', beforeSeq: 3, pageToken },
    { conversationId: 'c', pageToken: `${pageToken}x` },
    { conversationId: 'c', pageToken: '\u0000' },
    { conversationId: 'c', pageToken: Buffer.from(`999999999999999999.${randomUUID()}`).toString('base64url') },
  ]) {
    await rejects(chat.getMessages(request), { code: 'INVALID_ARGUMENT', field: 'page_token' })
  }
})

test('a page is cut before it is too large for a gRPC message, and nothing is left out', async () => {
  await using running = await startChat({ chat: { pageBytes: 5_000 }, clients: { maxResponseBytes: 8_000 } })
  const { chat } = running.clients
  await chat.createConversation({ conversationId: 'c' })
  const texts = [1000, 3000, 7000, 10, 10, 4000, 4000].map((length, index) => `${index}`.repeat(length))
  for (const text of texts) await chat.sendMessage({ conversationId: 'c', parts: [textPart(text)] })
  const pages: string[][] = []
  let pageToken = ''
  do {
    const page = await chat.getMessages({ conversationId: 'c', pageToken })
    pages.push(page.messages.map(textIn))
    pageToken = page.nextPageToken
  } while (pageToken !== '')
  assert.deepEqual(pages.flat(), texts)
  assert.ok(pages.length >= 4)
})

test('edits and redacts a message; what was redacted is gone', async () => {
  await using running = await startChat()
  const { chat } = running.clients
  await chat.createConversation({ conversationId: 'c' })
  await chat.sendMessage({ conversationId: 'c', key: 'k', parts: [textPart('wrong')] })
  const edited = await chat.updateMessage({ conversationId: 'c', seq: 1, parts: [textPart('right')] })
  assert.equal(textIn(edited.message), 'right')
  assert.equal(edited.message?.id, 'k')
  assert.ok(edited.message?.editTime instanceof Date)
  const redacted = await chat.deleteMessage({ conversationId: 'c', seq: 1 })
  assert.deepEqual(redacted.message?.parts, [])
  assert.equal(redacted.message?.redacted, true)
  assert.deepEqual((await chat.deleteMessage({ conversationId: 'c', seq: 1 })).message?.parts, [])
  assert.deepEqual((await chat.getMessages({ conversationId: 'c' })).messages[0]?.parts, [])
  await rejects(chat.updateMessage({ conversationId: 'c', seq: 1, parts: [textPart('again')] }), {
    code: 'FAILED_PRECONDITION',
    reason: 'MESSAGE_REDACTED',
  })
  await rejects(chat.updateMessage({ conversationId: 'c', seq: 2, parts: [textPart('x')] }), { code: 'NOT_FOUND' })
  await rejects(chat.deleteMessage({ conversationId: 'c', seq: 0 }), { code: 'INVALID_ARGUMENT', field: 'seq' })
})

test('state: merge patches, versions, and keys that JavaScript treats specially', async () => {
  await using running = await startChat()
  const { chat } = running.clients
  await chat.createConversation({ conversationId: 'c' })
  assert.deepEqual(await chat.getState({ conversationId: 'c' }), { stateJson: '{}', version: 0 })
  const patch = (mergePatchJson: string, ifVersion?: number) =>
    chat.patchState({ conversationId: 'c', mergePatchJson, ifVersion })
  const first = await patch('{"a":{"x":1,"y":2},"__proto__":{"evil":true},"constructor":"c","nul":"\\u0000"}', 0)
  assert.equal(first.version, 1)
  const second = await patch('{"a":{"x":null,"z":9007199254740991}}')
  assert.deepEqual(JSON.parse(second.stateJson)['a'], { y: 2, z: Number.MAX_SAFE_INTEGER })
  assert.deepEqual(await chat.getState({ conversationId: 'c' }), second)
  assert.match(second.stateJson, /"__proto__":\{"evil":true\}/)
  assert.match(second.stateJson, /"nul":"\\u0000"/)
  await rejects(patch('{"b":1}', 1), { code: 'ABORTED' })
})

test('a fork shares the past and goes its own way', async () => {
  await using running = await startChat()
  const { chat } = running.clients
  await chat.createConversation({ conversationId: 'c', userId: 'ada', title: 'T' })
  await chat.patchState({ conversationId: 'c', mergePatchJson: '{"n":1}' })
  for (const text of ['one', 'two', 'three']) await chat.sendMessage({ conversationId: 'c', parts: [textPart(text)] })
  const request = { conversationId: 'c', atSeq: 2, newConversationId: 'f' }
  const { conversation } = await chat.forkConversation(request)
  assert.deepEqual(conversation?.parent, { conversationId: 'c', seq: 2 })
  assert.equal(conversation?.userId, 'ada')
  assert.equal(conversation?.lastSeq, 2)
  assert.deepEqual((await chat.forkConversation(request)).conversation, conversation)
  await chat.sendMessage({ conversationId: 'f', parts: [textPart('else')] })
  const texts = async (conversationId: string) => (await chat.getMessages({ conversationId })).messages.map(textIn)
  assert.deepEqual(await texts('f'), ['one', 'two', 'else'])
  assert.deepEqual(await texts('c'), ['one', 'two', 'three'])
  assert.equal((await chat.getState({ conversationId: 'f' })).stateJson, '{"n":1}')
  await rejects(chat.forkConversation({ conversationId: 'c', atSeq: 4 }), { code: 'OUT_OF_RANGE', field: 'at_seq' })
  await rejects(chat.updateMessage({ conversationId: 'f', seq: 1, parts: [textPart('x')] }), {
    code: 'FAILED_PRECONDITION',
    reason: 'MESSAGE_SHARED',
  })
})

test('a subscription tells what happened and what happens, in order, each thing once, and ends with the deletion', async () => {
  await using running = await startChat()
  const { chat } = running.clients
  await chat.createConversation({ conversationId: 'c' })
  await chat.sendMessage({ conversationId: 'c', parts: [textPart('before')] })
  const seen: string[] = []
  const cursors: string[] = []
  for await (const { event, cursor } of chat.subscribeToConversation({ conversationId: 'c' })) {
    cursors.push(cursor)
    if (event?.$case === 'conversationDeleted') seen.push('deleted')
    else if (event !== undefined) seen.push(`${event.$case} ${event.value.seq} ${textIn(event.value)}`)
    if (seen.length === 1) await chat.sendMessage({ conversationId: 'c', parts: [textPart('live')] })
    if (seen.length === 2) await chat.updateMessage({ conversationId: 'c', seq: 1, parts: [textPart('edited')] })
    if (seen.length === 3) await chat.deleteMessage({ conversationId: 'c', seq: 2 })
    if (seen.length === 4) await chat.deleteConversation({ conversationId: 'c' })
  }
  assert.deepEqual(seen, [
    'message 1 before',
    'message 2 live',
    'messageEdited 1 edited',
    'messageRedacted 2 ',
    'deleted',
  ])
  assert.equal(new Set(cursors.slice(0, 4)).size, 4)
})

test('a subscription goes on after a cursor, and refuses one of another conversation by name', async () => {
  await using running = await startChat()
  const { chat } = running.clients
  for (const conversationId of ['c', 'd']) {
    await chat.createConversation({ conversationId })
    for (const text of ['one', 'two']) await chat.sendMessage({ conversationId, parts: [textPart(text)] })
  }
  const first = async (conversationId: string, cursor: string) => {
    for await (const response of chat.subscribeToConversation({ conversationId, cursor })) return response
    return undefined
  }
  const one = await first('c', '')
  const two = await first('c', one?.cursor ?? '')
  assert.equal(two?.event?.$case === 'message' ? textIn(two.event.value) : '', 'two')
  for (const cursor of ['rubbish', (await first('d', ''))?.cursor ?? '']) {
    await rejects(first('c', cursor), { code: 'INVALID_ARGUMENT', field: 'cursor' })
  }
  await rejects(first('none', ''), { code: 'NOT_FOUND' })
})

test('a stop of the server ends subscriptions at once, so that clients go elsewhere', async () => {
  const running = await startChat()
  await running.clients.chat.createConversation({ conversationId: 'c' })
  await running.clients.chat.sendMessage({ conversationId: 'c', parts: [textPart('x')] })
  await using clients = createClients({ address: running.address, reconnectMs: 100 })
  const startedAt = performance.now()
  await rejects(
    (async () => {
      for await (const _ of clients.chat.subscribeToConversation({ conversationId: 'c' })) void running.server.stop()
    })(),
    { code: 'UNAVAILABLE' },
  )
  await running.server.stop()
  assert.ok(performance.now() - startedAt < 900, 'the drain time was not used up')
  await running[Symbol.asyncDispose]()
})
