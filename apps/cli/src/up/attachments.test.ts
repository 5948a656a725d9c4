import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { createClients } from '@holdfast/grpc-clients'
import { CliProcess } from '../cli-process.js'

const pictures = join(import.meta.dirname, '..', '..', '..', '..', 'libs', 'models', 'test-pictures')

test('says what is on a picture of a conversation, finds it by that, and knows what it was made from', async () => {
  const ports = ['--listen', '127.0.0.1:0', '--metrics', 'off']
  await using server = new CliProcess(['up', '--json', '--database', 'memory:', ...ports])
  const { grpc } = JSON.parse(await server.firstLine()) as { grpc: string }
  await using clients = createClients({ address: grpc })
  const content = await readFile(join(pictures, 'cat.jpg'))
  const { id: hash } = await clients.artifacts.upload(content, { contentType: 'image/jpeg', name: 'cat.jpg' })
  const { conversation } = await clients.chat.createConversation({ userId: 'ada' })
  const conversationId = conversation?.id ?? ''
  const blob = { hash, contentType: 'image/jpeg', name: 'cat.jpg' }
  const parts = [{ content: { $case: 'blob', value: blob } }, { content: { $case: 'text', value: 'Look!' } }] as const
  for await (const _ of clients.chat.streamChat({ conversationId, parts: [...parts] }));
  const { messages } = await clients.chat.getMessages({ conversationId })
  const made = messages[0]?.parts[1]
  assert.equal(made?.madeFrom, hash)
  assert.match(made?.content?.$case === 'text' ? made.content.value : '', /^\[cat\.jpg: .*\bcat\b.*\]$/s)
  const { hits } = await clients.chat.searchMessages({ userId: 'ada', query: 'cat' })
  assert.equal(hits[0]?.message?.seq, 1)
  const { madeFrom } = await clients.artifacts.getLineage({ id: `${conversationId}/1` })
  assert.ok(JSON.stringify(madeFrom).includes(hash))
  assert.equal(await server.end('SIGTERM'), 0)
})
