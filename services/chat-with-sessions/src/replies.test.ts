import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { ReplyStatus } from '@holdfast/protocol'
import { PuppetModel, readReply, startChat, textIn, textPart } from './chat-for-tests.js'
import { rejects } from './rejects-for-tests.js'

const ask = (text: string, key = '') => ({ conversationId: 'c', key, parts: [textPart(text)] })

async function startWithConversation(options: Parameters<typeof startChat>[0] = {}) {
  const running = await startChat(options)
  await running.clients.chat.createConversation({ conversationId: 'c', userId: 'ada' })
  return running
}

test('streams the reply that is stored: started, deltas, finished', async () => {
  await using running = await startWithConversation()
  const { chat } = running.clients
  const reading = readReply(chat.streamChat(ask('How are you?', 'k1')))
  const question = await running.model.asked()
  assert.deepEqual(question.request.messages, [
    { role: 'user', parts: [{ type: 'text', text: 'How are you?' }], seq: 1 },
  ])
  assert.equal(question.request.conversationId, 'c')
  assert.equal(question.request.userId, undefined, 'a language model is not told who asks')
  question.emit({ type: 'reasoning', text: 'let me see' })
  question.say('Fine', ', thank', ' you\u0000 𝄞')
  question.emit({ type: 'tool-call', id: 't1', name: 'smile', argumentsJson: '{"wide":true}' })
  question.finish({ usage: { inputTokens: 5, outputTokens: 7 }, reason: 'length' })
  const { text, finished, cursors } = await reading
  assert.equal(text, 'Fine, thank you\u0000 𝄞')
  assert.equal(finished?.status, ReplyStatus.COMPLETE)
  assert.equal(finished.cursor, cursors.at(-1))
  const { message } = finished
  assert.equal(textIn(message), text)
  assert.equal(message?.seq, 2)
  assert.deepEqual(message?.reply, {
    id: message?.reply?.id,
    status: ReplyStatus.COMPLETE,
    model: 'puppet',
    usage: { inputTokens: 5, outputTokens: 7 },
    finishReason: 'length',
    error: undefined,
  })
  assert.deepEqual(
    message.parts.map(({ content }) => content?.$case),
    ['reasoning', 'text', 'toolCall'],
  )
  const { messages } = await chat.getMessages({ conversationId: 'c' })
  assert.deepEqual(messages[1], message)
  assert.equal(messages[0]?.id, 'k1')
  assert.equal((await chat.getConversation({ conversationId: 'c' })).conversation?.activeReplyId, '')
})

test('text reaches the reader before the model goes on', async () => {
  await using running = await startWithConversation()
  const stream = running.clients.chat.streamChat(ask('Go'))[Symbol.asyncIterator]()
  assert.equal((await stream.next()).value?.event?.$case, 'started')
  const question = await running.model.asked()
  for (const text of ['one', 'two', 'three']) {
    question.say(text)
    const { value } = await stream.next()
    assert.deepEqual(value?.event?.$case === 'delta' && value.event.value.text, text)
  }
  question.finish()
  assert.equal((await stream.next()).value?.event?.$case, 'finished')
  assert.equal((await stream.next()).done, true)
})

test('a second question while a reply is made is refused and leaves nothing behind', async () => {
  await using running = await startWithConversation()
  const { chat } = running.clients
  const reading = readReply(chat.streamChat(ask('First', 'k1')))
  const question = await running.model.asked()
  const { conversation } = await chat.getConversation({ conversationId: 'c' })
  const refused = await rejects(readReply(chat.streamChat(ask('Second', 'k2'))), {
    code: 'FAILED_PRECONDITION',
    reason: 'TURN_IN_PROGRESS',
  })
  assert.equal(refused.metadata['replyId'], conversation?.activeReplyId)
  question.finish()
  const { finished, replyId } = await reading
  assert.equal(replyId, conversation?.activeReplyId)
  assert.equal(finished?.status, ReplyStatus.COMPLETE)
  const { messages } = await chat.getMessages({ conversationId: 'c' })
  assert.deepEqual(messages.map(textIn), ['First', ''])
})

test('the same key streams the same reply from its start, while it is made and after', async () => {
  await using running = await startWithConversation()
  const { chat } = running.clients
  const first = readReply(chat.streamChat(ask('Question', 'k1')))
  const question = await running.model.asked()
  question.say('Once')
  const second = readReply(chat.streamChat(ask('Question', 'k1')))
  question.say(' only')
  question.finish()
  const [one, two] = await Promise.all([first, second])
  const three = await readReply(chat.streamChat(ask('Question', 'k1')))
  for (const { text, replyId, finished } of [one, two, three]) {
    assert.equal(text, 'Once only')
    assert.equal(replyId, one.replyId)
    assert.deepEqual(finished?.message, one.finished?.message)
  }
  await rejects(readReply(chat.streamChat(ask('Another question', 'k1'))), { code: 'ALREADY_EXISTS' })
  assert.equal((await chat.getMessages({ conversationId: 'c' })).messages.length, 2)
})

test('a reader that goes away does not stop the reply', async () => {
  await using running = await startWithConversation()
  const { chat } = running.clients
  let replyId = ''
  for await (const { event } of chat.streamChat(ask('Go on'))) {
    if (event?.$case === 'started') ({ replyId } = event.value)
    break
  }
  const question = await running.model.asked()
  question.say('Still', ' here')
  question.finish()
  const { text, finished } = await readReply(chat.resumeStream({ replyId }))
  assert.equal(text, 'Still here')
  assert.equal(finished?.status, ReplyStatus.COMPLETE)
  assert.equal(question.signal?.aborted, false)
})

test('a reply resumes after any cursor with the same bytes', async () => {
  await using running = await startWithConversation()
  const { chat } = running.clients
  const reading = readReply(chat.streamChat(ask('Go')))
  const question = await running.model.asked()
  const pieces = Array.from({ length: 40 }, (_, index) => `${index % 3 === 0 ? '𝄞' : 'x'}${index} `)
  for (const piece of pieces) {
    question.say(piece)
    await new Promise(setImmediate)
  }
  question.finish()
  const { text, cursors, replyId, finished } = await reading
  assert.equal(text, pieces.join(''))
  for (const after of [0, ...cursors]) {
    const rest = await readReply(chat.resumeStream({ replyId, after }))
    assert.equal(rest.text, text.slice(after))
    assert.deepEqual(rest.finished, finished)
  }
  await rejects(readReply(chat.resumeStream({ replyId, after: text.length + 1 })), { code: 'OUT_OF_RANGE' })
  await rejects(readReply(chat.resumeStream({ replyId, after: -1 })), { code: 'INVALID_ARGUMENT', field: 'after' })
  await rejects(readReply(chat.resumeStream({ replyId: `${replyId}7` })), { code: 'NOT_FOUND' })
  await rejects(readReply(chat.resumeStream({ replyId: 'rubbish' })), { code: 'NOT_FOUND' })
})

test('cancelling keeps what was durable, and the conversation goes on', async () => {
  await using running = await startWithConversation()
  const { chat } = running.clients
  const stream = chat.streamChat(ask('Tell me all'))
  let replyId = ''
  let text = ''
  let status: ReplyStatus | undefined
  for await (const { event } of stream) {
    if (event?.$case === 'started') {
      ;({ replyId } = event.value)
      ;(await running.model.asked()).say('Half')
    }
    if (event?.$case === 'delta') {
      text += event.value.text
      const cancelled = await chat.cancelReply({ replyId })
      assert.equal(cancelled.status, ReplyStatus.CANCELLED)
      assert.equal(textIn(cancelled.message), 'Half')
    }
    if (event?.$case === 'finished') ({ status } = event.value)
  }
  assert.equal(status, ReplyStatus.CANCELLED)
  assert.equal(text, 'Half')
  assert.equal((await chat.cancelReply({ replyId })).status, ReplyStatus.CANCELLED)
  await rejects(chat.cancelReply({ replyId: 'c.9.9' }), { code: 'NOT_FOUND' })
  const next = readReply(chat.streamChat(ask('Go on')))
  const question = await running.model.asked()
  assert.deepEqual(
    question.request.messages.map(({ role }) => role),
    ['user', 'assistant', 'user'],
  )
  question.finish()
  assert.equal((await next).finished?.status, ReplyStatus.COMPLETE)
})

test('cancelling withdraws the question from the model', async () => {
  await using running = await startWithConversation()
  const { chat } = running.clients
  const reading = readReply(chat.streamChat(ask('Tell me all')))
  const { signal } = await running.model.asked()
  const { conversation } = await chat.getConversation({ conversationId: 'c' })
  await chat.cancelReply({ replyId: conversation?.activeReplyId ?? '' })
  assert.equal(signal?.aborted, true)
  assert.equal((await reading).finished?.status, ReplyStatus.CANCELLED)
})

test('a model that fails ends the reply as failed, with what it said, and the question stays', async () => {
  await using running = await startWithConversation()
  const { chat } = running.clients
  const reading = readReply(chat.streamChat(ask('Hello?')))
  const question = await running.model.asked()
  question.say('Well')
  question.fail(new HoldfastError('UNAVAILABLE', 'The model endpoint is away', { reason: 'MODEL_UNREACHABLE' }))
  const { text, finished } = await reading
  assert.equal(text, 'Well')
  assert.equal(finished?.status, ReplyStatus.FAILED)
  assert.deepEqual(finished.message?.reply?.error, { code: 'UNAVAILABLE', message: 'The model endpoint is away' })
  const { messages } = await chat.getMessages({ conversationId: 'c' })
  assert.deepEqual(messages.map(textIn), ['Hello?', 'Well'])
})

for (const [what, misbehave] of [
  ['throws something odd', (question) => question.fail(new Error('boom'))],
  [
    'calls a tool with what is not JSON',
    (question) => question.emit({ type: 'tool-call', id: 't', name: 'n', argumentsJson: '{' }),
  ],
  [
    'names a tool without end',
    (question) => {
      question.emit({ type: 'tool-call', id: 't', name: 'n'.repeat(1000), argumentsJson: '{}' })
      question.finish()
    },
  ],
  ['writes more than a reply may hold', (question) => question.say('x'.repeat(2 * 1024 * 1024))],
] satisfies [string, (question: Awaited<ReturnType<PuppetModel['asked']>>) => void][]) {
  test(`a model that ${what} ends the reply as failed`, async () => {
    await using running = await startWithConversation()
    const { chat } = running.clients
    const reading = readReply(chat.streamChat(ask('Hello?')))
    const question = await running.model.asked()
    question.say('A')
    misbehave(question)
    const { text, finished } = await reading
    assert.equal(finished?.status, ReplyStatus.FAILED)
    assert.equal(text, 'A')
    assert.notEqual(finished.message?.reply?.error?.message, '')
    assert.equal(running.chat.engine.activeReplies, 0)
  })
}

test('regenerating answers a stored message once more, at the end', async () => {
  await using running = await startWithConversation()
  const { chat } = running.clients
  for (const text of ['First', 'Second']) {
    const reading = readReply(chat.streamChat(ask(text)))
    const question = await running.model.asked()
    question.say(`Answer to ${text}`)
    question.finish()
    await reading
  }
  const again = { conversationId: 'c', key: 'again', regenerateFromSeq: 1 }
  const reading = readReply(chat.streamChat(again))
  const question = await running.model.asked()
  assert.deepEqual(
    question.request.messages.map(({ seq }) => seq),
    [1],
  )
  question.say('Better')
  question.finish()
  const first = await reading
  assert.equal(first.finished?.message?.seq, 5)
  assert.equal((await readReply(chat.streamChat(again))).replyId, first.replyId)
  await rejects(readReply(chat.streamChat({ ...again, key: 'k', regenerateFromSeq: 2 })), {
    code: 'FAILED_PRECONDITION',
    reason: 'NOT_A_USER_MESSAGE',
  })
  await rejects(readReply(chat.streamChat({ ...again, key: 'k', regenerateFromSeq: 9 })), { code: 'NOT_FOUND' })
  await rejects(readReply(chat.streamChat({ ...again, key: 'k', regenerateFromSeq: 0 })), {
    code: 'INVALID_ARGUMENT',
    field: 'regenerate_from_seq',
  })
  await rejects(readReply(chat.streamChat({ ...again, key: 'k', parts: [textPart('x')] })), {
    code: 'INVALID_ARGUMENT',
    field: 'parts',
  })
})

test('deleting the conversation ends its reply', async () => {
  await using running = await startWithConversation()
  const { chat } = running.clients
  const reading = rejects(readReply(chat.streamChat(ask('Hello?'))), { code: 'NOT_FOUND' })
  const question = await running.model.asked()
  question.say('Well')
  await chat.deleteConversation({ conversationId: 'c' })
  await reading
  assert.equal(question.signal?.aborted, true)
})

test('a stop waits for running replies and lets their readers see the end', async () => {
  const running = await startWithConversation()
  const { chat } = running.clients
  const reading = readReply(chat.streamChat(ask('Hello?')))
  const question = await running.model.asked()
  question.say('Nearly')
  const drained = running.chat.drain(5_000)
  const stopped = running.server.stop()
  question.say(' done')
  question.finish()
  const { text, finished } = await reading
  assert.equal(text, 'Nearly done')
  assert.equal(finished?.status, ReplyStatus.COMPLETE)
  assert.deepEqual(await drained, { finished: 1, interrupted: 0 })
  assert.deepEqual(await stopped, { drained: 1, aborted: 0 })
  await running[Symbol.asyncDispose]()
})

test('a stop waits for a reply whose turn is just being begun', async (t) => {
  const running = await startWithConversation()
  const { conversations } = running
  const begin = conversations.beginTurn.bind(conversations)
  let goOn = (): void => {}
  const held = new Promise<void>((resolve) => (goOn = resolve))
  const beginning = t.mock.method(conversations, 'beginTurn', async (...args: Parameters<typeof begin>) => {
    await held
    return begin(...args)
  })
  const reading = readReply(running.clients.chat.streamChat(ask('Hello?')))
  while (beginning.mock.callCount() === 0) await new Promise(setImmediate)
  const drained = running.chat.drain(5_000)
  const stopped = running.server.stop()
  await new Promise(setImmediate)
  goOn()
  const question = await running.model.asked()
  question.say('In time')
  question.finish()
  const { text, finished } = await reading
  assert.equal(text, 'In time')
  assert.equal(finished?.status, ReplyStatus.COMPLETE)
  assert.deepEqual(await drained, { finished: 1, interrupted: 0 })
  assert.deepEqual(await stopped, { drained: 1, aborted: 0 })
  await running[Symbol.asyncDispose]()
})

test('a stop that runs out of time ends replies as interrupted, with what they have', async () => {
  const running = await startWithConversation()
  const { chat } = running.clients
  const reading = readReply(chat.streamChat(ask('Hello?')))
  const question = await running.model.asked()
  question.say('Half')
  while (!(await running.conversations.get('c')).activeReplyId) await new Promise(setImmediate)
  const [report] = await Promise.all([running.chat.drain(50), running.server.stop()])
  assert.deepEqual(report, { finished: 0, interrupted: 1 })
  const { text, finished } = await reading
  assert.equal(text, 'Half')
  assert.equal(finished?.status, ReplyStatus.INTERRUPTED)
  const [, message] = await running.conversations.messages('c')
  assert.equal(message?.reply?.status, 'interrupted')
  const refused = running.chat.engine.streamChat({ conversationId: 'c' }).next()
  await rejects(refused, { code: 'UNAVAILABLE', reason: 'DRAINING' })
  await running[Symbol.asyncDispose]()
})

test('the model reads the system prompt and the newest messages that fit', async () => {
  await using running = await startWithConversation({
    chat: { systemPrompt: 'Be kind.', prompt: { maxMessages: 4, maxBytes: 30 } },
  })
  const { chat } = running.clients
  for (const [key, text] of [
    ['a', 'long ago'],
    ['b', 'a text of some length'],
    ['d', 'newer'],
    ['e', 'gone'],
  ] as const) {
    await chat.sendMessage(ask(text, key))
  }
  await chat.deleteMessage({ conversationId: 'c', seq: 4 })
  const reading = readReply(chat.streamChat(ask('And now?')))
  const question = await running.model.asked()
  assert.deepEqual(
    question.request.messages.map(({ parts, seq }) => [seq, parts[0]?.type === 'text' && parts[0].text]),
    [
      [undefined, 'Be kind.'],
      [3, 'newer'],
      [5, 'And now?'],
    ],
  )
  question.finish()
  await reading
  const options = { model: 'large', temperature: 0.5, maxOutputTokens: 7, systemPrompt: 'Be brief.' }
  const other = readReply(chat.streamChat({ ...ask('Again'), options }))
  const { request, finish } = bound(await running.model.asked())
  assert.deepEqual(request.messages[0], { role: 'system', parts: [{ type: 'text', text: 'Be brief.' }] })
  assert.equal(request.model, 'large')
  assert.equal(request.temperature, 0.5)
  assert.equal(request.maxOutputTokens, 7)
  finish()
  assert.equal((await other).finished?.message?.reply?.model, 'large')
})

test('the model sees images, and reads the names of what it cannot see', async () => {
  await using running = await startWithConversation({ chat: { prompt: { maxImageBytes: 10 } } })
  const { chat } = running.clients
  const put = async (text: string) => (await running.store.blobs.put(Buffer.from(text))).hash
  const blob = (hash: string, contentType: string, name: string) =>
    ({ content: { $case: 'blob', value: { hash, contentType, name } } }) as const
  const parts = [
    blob(await put('small'), 'image/png', 'a.png'),
    blob(await put('far too large'), 'image/png', 'b.png'),
    blob(await put('sound'), 'audio/ogg', ''),
  ]
  const reading = readReply(chat.streamChat({ conversationId: 'c', parts }))
  const question = await running.model.asked()
  const seen = question.request.messages[0]?.parts.map((part) =>
    'bytes' in part ? { ...part, bytes: Buffer.from(part.bytes).toString() } : part,
  )
  assert.deepEqual(seen, [
    { type: 'image', bytes: 'small', contentType: 'image/png' },
    { type: 'text', text: '[image b.png, image/png]' },
    { type: 'text', text: '[audio, audio/ogg]' },
  ])
  question.finish()
  await reading
})

test('recall is told whose words it may quote, and has no other model', async () => {
  await using running = await startWithConversation({ model: new PuppetModel('recall') })
  const { chat } = running.clients
  await rejects(readReply(chat.streamChat({ ...ask('Hi'), options: { model: 'gpt' } })), {
    code: 'NOT_FOUND',
    field: 'options.model',
  })
  const reading = readReply(chat.streamChat({ ...ask('Hi'), options: { model: 'puppet' } }))
  const question = await running.model.asked()
  assert.equal(question.request.userId, 'ada')
  question.finish()
  await reading
})

function bound(question: Awaited<ReturnType<PuppetModel['asked']>>) {
  return { request: question.request, finish: () => question.finish() }
}

test('keeps nothing of a reply that is over', async (t) => {
  // What Node 20 keeps of it for as long as one of the signals lives, which here is as long as the process.
  const any = t.mock.method(AbortSignal, 'any')
  await using running = await startWithConversation()
  const reading = readReply(running.clients.chat.streamChat(ask('Again?')))
  const question = await running.model.asked()
  question.say('Again.')
  question.finish()
  assert.equal((await reading).finished?.status, ReplyStatus.COMPLETE)
  const long = any.mock.calls.filter(({ arguments: [signals] }) => [...signals].some((one) => !one.aborted))
  assert.deepEqual(long, [])
})
