import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMetrics } from '@holdfast/server'
import { readReply, startChat, textPart } from './chat-for-tests.js'

test('counts replies, tokens, flushes and the time to the first token', async () => {
  const metrics = createMetrics()
  await using running = await startChat({ chat: { metrics } })
  const { chat } = running.clients
  await chat.createConversation({ conversationId: 'c' })
  const read = async (name: string): Promise<number> => {
    const line = (await metrics.text()).split('\n').find((each) => each.startsWith(`${name} `))
    return Number(line?.split(' ')[1])
  }
  const reading = readReply(chat.streamChat({ conversationId: 'c', parts: [textPart('Hi')] }))
  const question = await running.model.asked()
  assert.equal(await read('holdfast_chat_replies_active'), 1)
  question.say('one', 'two', 'three')
  question.finish()
  const { cursors } = await reading
  while (running.chat.engine.activeReplies > 0) await new Promise(setImmediate)
  assert.equal(await read('holdfast_chat_replies_active'), 0)
  assert.equal(await read('holdfast_chat_replies_total{status="complete"}'), 1)
  assert.equal(await read('holdfast_chat_reply_pieces_total'), 3)
  assert.equal(await read('holdfast_chat_reply_characters_total'), 11)
  assert.equal(await read('holdfast_chat_reply_flushes_total'), cursors.length)
  assert.equal(await read('holdfast_chat_reply_first_token_seconds_count'), 1)
  assert.equal(await read('holdfast_chat_reply_duration_seconds_count'), 1)
})
