import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Client } from 'pg'
import { createClients } from '@holdfast/grpc-clients'
import { ReplyStatus } from '@holdfast/protocol'
import { type TestDatabase, postgresForTests, startRelay } from '@holdfast/test-servers'
import { type ChatForTestsOptions, readReply, startChat, textIn, textPart } from './chat-for-tests.js'
import { rejects } from './rejects-for-tests.js'

let database: TestDatabase

before(async () => {
  database = await postgresForTests()
})

after(async () => {
  await database[Symbol.asyncDispose]()
})

/** One service process, as far as the database and other processes can tell. */
function startProcess(name: string, options: ChatForTestsOptions = {}) {
  return startChat({
    database: database.url,
    ...options,
    conversations: { processId: name, cancelPollMs: 50, ...options.conversations },
  })
}

const ask = (conversationId: string) => ({ conversationId, key: 'k', parts: [textPart('Hello?')] })

test('a reply that one process makes is read at another, live and after, with the same bytes', async () => {
  await using a = await startProcess('a')
  await using b = await startProcess('b')
  await a.clients.chat.createConversation({ conversationId: 'live' })
  const atA = readReply(a.clients.chat.streamChat(ask('live')))
  const question = await a.model.asked()
  const { conversation } = await b.clients.chat.getConversation({ conversationId: 'live' })
  const replyId = conversation?.activeReplyId ?? ''
  const atB = readReply(b.clients.chat.resumeStream({ replyId }))
  const withKeyAtB = readReply(b.clients.chat.streamChat(ask('live')))
  await rejects(readReply(b.clients.chat.streamChat({ ...ask('live'), key: 'other' })), {
    code: 'FAILED_PRECONDITION',
    reason: 'TURN_IN_PROGRESS',
  })
  for (let n = 0; n < 50; n += 1) {
    question.say(`𝄞\u0000 ${n} `)
    if (n % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  question.finish()
  const [one, two, three] = await Promise.all([atA, atB, withKeyAtB])
  assert.equal(one.text, Array.from({ length: 50 }, (_, n) => `𝄞\u0000 ${n} `).join(''))
  for (const { text, finished } of [two, three]) {
    assert.equal(text, one.text)
    assert.deepEqual(finished, one.finished)
  }
  assert.equal(one.replyId, replyId)
  assert.equal(three.replyId, replyId)
  for (const cursor of one.cursors) {
    const rest = await readReply(b.clients.chat.resumeStream({ replyId, after: cursor }))
    assert.equal(rest.text, one.text.slice(cursor))
  }
  assert.equal(b.chat.engine.activeReplies, 0)
})

test('a reply that one process makes is cancelled at another', async () => {
  await using a = await startProcess('a')
  await using b = await startProcess('b')
  await a.clients.chat.createConversation({ conversationId: 'cancel' })
  const stream = a.clients.chat.streamChat(ask('cancel'))
  let text = ''
  let cancelling: Promise<{ status: ReplyStatus }> | undefined
  let status: ReplyStatus | undefined
  for await (const { event } of stream) {
    if (event?.$case === 'started') (await a.model.asked()).say('Half')
    if (event?.$case === 'delta') {
      text += event.value.text
      const { conversation } = await b.clients.chat.getConversation({ conversationId: 'cancel' })
      cancelling = b.clients.chat.cancelReply({ replyId: conversation?.activeReplyId ?? '' })
    }
    if (event?.$case === 'finished') ({ status } = event.value)
  }
  assert.equal(text, 'Half')
  assert.equal(status, ReplyStatus.CANCELLED)
  assert.equal((await cancelling)?.status, ReplyStatus.CANCELLED)
  const { messages } = await b.clients.chat.getMessages({ conversationId: 'cancel' })
  assert.deepEqual(messages.map(textIn), ['Hello?', 'Half'])
})

test('a reply whose process is gone ends as interrupted at another, with what was durable', async () => {
  const { port } = new URL(database.url)
  await using relay = await startRelay(Number(port))
  const throughRelay = new URL(database.url)
  throughRelay.host = relay.address
  const dying = await startProcess('dying', { database: throughRelay.href, chat: { leaseMs: 600 } })
  await using b = await startProcess('b')
  // A client that knows both goes on at the other by itself.
  await using clients = createClients({ address: [dying.address, b.address] })
  await dying.clients.chat.createConversation({ conversationId: 'dying' })
  const stream = dying.clients.chat.streamChat(ask('dying'))[Symbol.asyncIterator]()
  await stream.next()
  const question = await dying.model.asked()
  question.say('Durable 𝄞')
  const { value } = await stream.next()
  assert.equal(value?.event?.$case === 'delta' ? value.event.value.text : '', 'Durable 𝄞')
  const { conversation } = await b.clients.chat.getConversation({ conversationId: 'dying' })
  const replyId = conversation?.activeReplyId ?? ''
  const readingAtB = readReply(b.clients.chat.resumeStream({ replyId }))
  relay.aim(undefined)
  relay.cut()
  question.say(' never written')
  const { text, finished } = await readingAtB
  assert.equal(text, 'Durable 𝄞')
  assert.equal(finished?.status, ReplyStatus.INTERRUPTED)
  assert.equal(textIn(finished.message), 'Durable 𝄞')
  await dying.server.stop()
  const again = await readReply(clients.chat.streamChat(ask('dying')))
  assert.equal(again.text, 'Durable 𝄞')
  assert.equal(again.replyId, replyId)
  assert.deepEqual(again.finished, finished)
  const next = readReply(b.clients.chat.streamChat({ ...ask('dying'), key: 'next' }))
  ;(await b.model.asked()).finish()
  assert.equal((await next).finished?.status, ReplyStatus.COMPLETE)
  relay.aim(Number(port))
  await dying[Symbol.asyncDispose]()
})

test('a subscription at one process sees what another one writes', async () => {
  await using a = await startProcess('a')
  await using b = await startProcess('b')
  await a.clients.chat.createConversation({ conversationId: 'watched' })
  await a.clients.chat.sendMessage({ conversationId: 'watched', parts: [textPart('one')] })
  const seen: string[] = []
  for await (const { event } of b.clients.chat.subscribeToConversation({ conversationId: 'watched' })) {
    seen.push(event?.$case ?? 'none')
    if (seen.length === 1) await a.clients.chat.sendMessage({ conversationId: 'watched', parts: [textPart('two')] })
    if (seen.length === 2)
      await a.clients.chat.updateMessage({ conversationId: 'watched', seq: 1, parts: [textPart('ONE')] })
    if (seen.length === 3) await a.clients.chat.deleteConversation({ conversationId: 'watched' })
  }
  assert.deepEqual(seen, ['message', 'message', 'messageEdited', 'conversationDeleted'])
})

test('an outage of the database is UNAVAILABLE, never an empty answer', async () => {
  const { port } = new URL(database.url)
  await using relay = await startRelay(Number(port))
  const throughRelay = new URL(database.url)
  throughRelay.host = relay.address
  await using cutOff = await startProcess('cut-off', { database: throughRelay.href, clients: { maxAttempts: 1 } })
  const { chat } = cutOff.clients
  await chat.createConversation({ conversationId: 'outage' })
  relay.aim(undefined)
  relay.cut()
  await rejects(chat.getMessages({ conversationId: 'outage' }), { code: 'UNAVAILABLE' })
  await rejects(chat.listConversations({}), { code: 'UNAVAILABLE' })
  await rejects(cutOff.chat.health(), { code: 'UNAVAILABLE' })
  relay.aim(Number(port))
  assert.deepEqual((await chat.getMessages({ conversationId: 'outage' })).messages, [])
})

test('a listing whose deadline has passed costs the database nothing more', async () => {
  await using a = await startProcess('a')
  await a.clients.chat.createConversation({ conversationId: 'listed' })
  const observer = new Client({ connectionString: database.url })
  await observer.connect()
  const waiting = async (): Promise<number> => {
    const text = `select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`
    return ((await observer.query<{ n: number }>(text)).rows[0] as { n: number }).n
  }
  try {
    // Whoever reads the table waits, as for any statement that takes long.
    await observer.query('begin; lock table holdfast.c_conversations in access exclusive mode')
    await rejects(a.clients.chat.listConversations({}, { deadlineMs: 300 }), { code: 'DEADLINE_EXCEEDED' })
    for (let n = 0; (await waiting()) > 0 && n < 100; n += 1) await new Promise((resolve) => setTimeout(resolve, 10))
    assert.equal(await waiting(), 0)
  } finally {
    await observer.end()
  }
})
