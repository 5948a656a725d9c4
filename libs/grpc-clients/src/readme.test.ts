import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { Conversation } from '@holdfast/protocol'
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
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const example = /```ts\nimport [^\n]+\n([^]+?)```/.exec(readme)?.[1]?.replace('127.0.0.1:9095', server.address)
  assert.ok(example !== undefined && example.includes(server.address))
  // Node 20 does not know `await using` yet; the compiler is not here at run time.
  const runnable = `${example.replace('await using', 'const')}\nclients.close()`
  const AsyncFunction = (async () => {}).constructor as new (
    ...source: string[]
  ) => (clients: typeof createClients, console: { log(...values: unknown[]): void }) => Promise<void>
  const printed: unknown[] = []
  await new AsyncFunction('createClients', 'console', runnable)(createClients, {
    log: (...each) => printed.push(...each),
  })
  assert.deepEqual(printed, ['At seven?', 2])
})
