import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Conversation } from '@holdfast/protocol'
import { examplesOf, runExampleHere } from '@holdfast/test-servers'
import { startChatServer } from './chat-server-for-tests.js'
import { createClients } from './clients.js'

test('the example in the README runs', async () => {
  await using server = await startChatServer({
    createConversation: ({ request }, answer) =>
      answer(null, { conversation: Conversation.fromPartial({ id: 'c1', title: request.title }) }),
    streamChat: (call) => {
      assert.equal(call.request.conversationId, 'c1')
      call.write({ event: { $case: 'started', value: { replyId: 'r1', userMessage: undefined } } })
      call.write({ event: { $case: 'delta', value: { text: 'At seven', cursor: 8 } } })
      call.write({ event: { $case: 'delta', value: { text: '?', cursor: 9 } } })
      call.write({ event: { $case: 'finished', value: { message: undefined, status: 2, cursor: 9 } } })
      call.end()
    },
  })
  const [example = ''] = await examplesOf(new URL('../README.md', import.meta.url))
  assert.ok(example.includes('127.0.0.1:9095'))
  // Node 20 does not know `await using` yet; the compiler is not here at run time.
  const runnable = `${example.replace('127.0.0.1:9095', server.address).replace('await using', 'const')}\nclients.close()`
  const printed = await runExampleHere(runnable, { createClients })
  assert.deepEqual(printed.flat(), ['At seven?', 2])
})
