import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClients } from '@holdfast/grpc-clients'
import { ReplyStatus } from '@holdfast/protocol'
import { startRelay } from '@holdfast/test-servers'
import { type Question, readReply, startChat, textIn, textPart } from './chat-for-tests.js'

const pieces = Array.from({ length: 400 }, (_, index) => `${index % 5 === 0 ? 'größer 𝄞\u0000' : 'token'} ${index} `)
const whole = pieces.join('')

const atOnce = 8
const cutsWanted = 40

/** Says some pieces, one by one, so that more than one flush is made of them. */
async function saySome(question: Question, from: number): Promise<void> {
  for (const piece of pieces.slice(from, from + atOnce)) {
    question.say(piece)
    await new Promise(setImmediate)
  }
  if (from + atOnce >= pieces.length) question.finish()
}

test('a client whose connection is cut 40 times reads what one reads whose was not, and what is stored', async () => {
  await using running = await startChat()
  await using relay = await startRelay(running.server.port)
  await using cutClients = createClients({ address: relay.address })
  await running.clients.chat.createConversation({ conversationId: 'c' })
  const request = { conversationId: 'c', key: 'k', parts: [textPart('Tell me all')] }
  const uncut = readReply(running.clients.chat.streamChat(request))
  const question = await running.model.asked()
  const events: string[] = []
  let text = ''
  let said = 0
  let cuts = 0
  for await (const { event } of cutClients.chat.streamChat(request)) {
    events.push(event?.$case ?? 'none')
    if (event?.$case === 'delta') text += event.value.text
    // The model goes on when all that it said was read, and is cut off at any point of what it says then.
    if (event?.$case === 'finished' || text.length < pieces.slice(0, said).join('').length) continue
    const saying = saySome(question, said)
    said += atOnce
    if (cuts < cutsWanted) {
      cuts += 1
      for (let ticks = Math.floor(Math.random() * 2 * atOnce); ticks > 0; ticks -= 1) await new Promise(setImmediate)
      relay.cut()
    }
    await saying
  }
  const { text: expected, finished } = await uncut
  assert.equal(expected, whole)
  assert.equal(text, whole)
  assert.equal(textIn(finished?.message), whole)
  assert.equal(events[0], 'started')
  assert.equal(events.at(-1), 'finished')
  assert.equal(events.filter((event) => event !== 'delta').length, 2)
  assert.equal(cuts, cutsWanted)
})

test('a question whose answer was lost with the connection is asked once', async () => {
  await using running = await startChat()
  await using relay = await startRelay(running.server.port)
  await using clients = createClients({ address: relay.address })
  await running.clients.chat.createConversation({ conversationId: 'c' })
  const reading = readReply(clients.chat.streamChat({ conversationId: 'c', parts: [textPart('Hello?')] }))
  const question = await running.model.asked()
  relay.cut()
  question.say('Hi')
  question.finish()
  const { text, finished } = await reading
  assert.equal(text, 'Hi')
  assert.equal(finished?.status, ReplyStatus.COMPLETE)
  assert.equal((await running.conversations.get('c')).lastSeq, 2)
})

test('16 writers that retry with their keys through a cut network lose nothing and store nothing twice', async () => {
  await using running = await startChat()
  await using relay = await startRelay(running.server.port)
  await using clients = createClients({ address: relay.address, maxAttempts: 100 })
  await running.clients.chat.createConversation({ conversationId: 'c' })
  const perWriter = 20
  let done = 0
  const write = async (writer: number): Promise<void> => {
    for (let n = 0; n < perWriter; n += 1) {
      const key = `${writer}-${n}`
      const { message } = await clients.chat.sendMessage({ conversationId: 'c', key, parts: [textPart(key)] })
      assert.equal(message?.id, key)
      done += 1
      if (done % 25 === 0) relay.cut()
    }
  }
  await Promise.all(Array.from({ length: 16 }, (_, writer) => write(writer)))
  const { messages } = await running.clients.chat.getMessages({ conversationId: 'c', pageSize: 1000 })
  assert.deepEqual(
    messages.map(({ seq }) => seq),
    messages.map((_, index) => index + 1),
  )
  assert.equal(messages.length, 16 * perWriter)
  assert.equal(new Set(messages.map(({ id }) => id)).size, messages.length)
})
