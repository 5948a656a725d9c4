import assert from 'node:assert/strict'
import { it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { ReplyStatus, StateScope, type StreamChatResponse, TurnPolicy } from '@holdfast/protocol'
import { startChat } from './chat-for-tests.js'

const text = (value: string) => [{ content: { $case: 'text', value } as const }]

async function collected(stream: AsyncIterable<StreamChatResponse>): Promise<StreamChatResponse[]> {
  const events: StreamChatResponse[] = []
  for await (const event of stream) events.push(event)
  return events
}

const endOf = (events: readonly StreamChatResponse[]) => {
  const event = events.at(-1)?.event
  return event?.$case === 'finished' ? event.value.status : undefined
}

it('rejects, queues or interrupts while another reply is being made', async () => {
  await using chat = await startChat()
  const { clients, model } = chat
  await clients.chat.createConversation({ conversationId: 'c' })
  const first = collected(clients.chat.streamChat({ conversationId: 'c', key: '1', parts: text('one') }))
  const one = await model.asked()
  one.say('Once upon ')
  await assert.rejects(
    collected(clients.chat.streamChat({ conversationId: 'c', key: 'x', parts: text('rejected') })),
    (error) => error instanceof HoldfastError && error.reason === 'TURN_IN_PROGRESS',
  )
  const turnPolicy = TurnPolicy.INTERRUPT
  const second = collected(clients.chat.streamChat({ conversationId: 'c', key: '2', parts: text('two'), turnPolicy }))
  const two = await model.asked()
  assert.equal(endOf(await first), ReplyStatus.CANCELLED)
  const waiting = { conversationId: 'c', parts: text('three'), turnPolicy: TurnPolicy.QUEUE }
  await assert.rejects(
    collected(clients.chat.streamChat({ ...waiting, key: 'y', waitMs: 50 })),
    (error) => error instanceof HoldfastError && error.reason === 'TURN_WAIT_ENDED',
  )
  const third = collected(clients.chat.streamChat({ ...waiting, key: '3' }))
  two.say('Two.')
  two.finish()
  assert.equal(endOf(await second), ReplyStatus.COMPLETE)
  const three = await model.asked()
  three.say('Three.')
  three.finish()
  assert.equal(endOf(await third), ReplyStatus.COMPLETE)
  const { messages } = await clients.chat.getMessages({ conversationId: 'c' })
  assert.equal(messages.length, 6)
})

it('keeps states in four scopes, lists by tags, searches and erases a user', async () => {
  await using chat = await startChat()
  const { clients } = chat
  const userId = 'ada'
  const { conversation } = await clients.chat.createConversation({ userId, tags: ['b', 'a', 'b'] })
  const conversationId = conversation?.id ?? ''
  assert.deepEqual(conversation?.tags, ['a', 'b'])
  const targets = [
    { scope: StateScope.APP },
    { scope: StateScope.USER, userId },
    { scope: StateScope.SESSION, conversationId },
    { scope: StateScope.TEMP, conversationId },
  ]
  for (const [n, target] of targets.entries()) {
    await clients.chat.patchState({ ...target, mergePatchJson: JSON.stringify({ n }) })
  }
  for (const [n, target] of targets.entries()) {
    assert.equal((await clients.chat.getState(target)).stateJson, JSON.stringify({ n }))
  }
  assert.equal((await clients.chat.getState({ conversationId })).stateJson, '{"n":2}')
  await assert.rejects(clients.chat.getState({ scope: StateScope.USER }), { code: 'INVALID_ARGUMENT' })

  const tagged = async (tag: string) => (await clients.chat.listConversations({ tag })).conversations.length
  assert.deepEqual([await tagged('a'), await tagged('c')], [1, 0])
  await clients.chat.updateConversation({ conversationId, tags: { tags: ['c'] } })
  assert.deepEqual([await tagged('a'), await tagged('c')], [0, 1])

  await clients.chat.sendMessage({ conversationId, key: 'm', parts: text('My dog is called Rex.') })
  const { hits } = await clients.chat.searchMessages({ userId, query: 'dog' })
  assert.deepEqual([hits.length, hits[0]?.conversationId, hits[0]?.message?.id], [1, conversationId, 'm'])

  const report = await clients.chat.eraseUser({ userId })
  assert.deepEqual([report.conversations, report.messages, report.states], [1, 1, 2])
  assert.equal((await clients.chat.searchMessages({ userId, query: 'dog' })).hits.length, 0)
  await assert.rejects(clients.chat.createConversation({ userId }), { reason: 'USER_ERASED' })
  await assert.rejects(clients.chat.eraseUser({}), { code: 'INVALID_ARGUMENT' })
})
