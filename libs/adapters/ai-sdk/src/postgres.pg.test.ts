import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { it } from 'node:test'
import { openDocumentStore } from '@holdfast/persistence'
import { postgresForTests, startRelay } from '@holdfast/test-servers'
import { describeHoldfastChats, isError, words } from './chats-suite.test.support.js'
import { HoldfastChats } from './holdfast-chats.js'
import { collect, said, source, textOf, until } from './scripted-model.test.support.js'

describeHoldfastChats('chats on PostgreSQL', async () => {
  const database = await postgresForTests()
  const documents = await openDocumentStore(database.url)
  return {
    documents,
    stop: async () => {
      await documents.close()
      await database[Symbol.asyncDispose]()
    },
  }
})

it('keeps what was durable of a reply whose process was killed, tells who waits for it, and lets the chat go on', async () => {
  await using database = await postgresForTests()
  await using store = await openDocumentStore(database.url)
  const chats = new HoldfastChats({ store, leaseMs: 1_000 })
  await chats.append('story', [said('u', 'Tell me a story without an end.')])
  const program = join(import.meta.dirname, 'killed-process.test.child.js')
  const child = spawn(process.execPath, [program, database.url, 'story'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  let durable = 0
  let waiting: ReturnType<typeof collect> | undefined
  for await (const line of createInterface({ input: child.stdout })) {
    durable = Number(line)
    if (durable === 10) waiting = collect((await chats.resume('story')) ?? assert.fail('nothing is running'))
    if (durable === 25) child.kill('SIGKILL')
  }
  await exited
  assert(durable >= 25)

  const chunks = (await waiting) ?? []
  assert.equal(chunks.at(-1)?.type, 'error')
  const [question, reply] = await chats.load('story')
  assert.equal(question?.id, 'u')
  const text = textOf(reply)
  assert.equal(text, chunks.map((chunk) => (chunk.type === 'text-delta' ? chunk.delta : '')).join(''))
  const kept = text.trimEnd().split(' ')
  assert(kept.length >= durable, `${kept.length} words are left of ${durable} that were durable`)
  assert.deepEqual(
    kept,
    kept.map((_, index) => `word${index + 1}`),
  )
  assert.deepEqual(await chats.lastReply('story'), { messageId: 'm', status: 'interrupted' })
  assert.equal(await chats.resume('story'), undefined)
  await chats.append('story', [said('u2', 'Thank you.')])
  assert.equal((await chats.load('story')).length, 3)
})

it('outlasts an outage in the middle of a reply, and answers others with an error meanwhile', async () => {
  await using database = await postgresForTests()
  const url = new URL(database.url)
  const port = Number(url.port)
  await using relay = await startRelay(port)
  url.hostname = '127.0.0.1'
  url.port = relay.address.split(':')[1] ?? ''
  await using store = await openDocumentStore(url.href, { connectTimeoutMs: 1_000 })
  const chats = new HoldfastChats({ store })
  const { stream, writer } = source()
  const reading = collect(chats.record('chat', stream))
  const chunks = words(['a', 'b', 'c', 'd'])
  for (const chunk of chunks.slice(0, 3)) await writer.write(chunk)
  await until(async () => textOf((await chats.load('chat', { running: true }))[0]) === 'a b ')

  relay.aim(1)
  relay.cut()
  for (const chunk of chunks.slice(3)) await writer.write(chunk)
  await assert.rejects(chats.load('chat'), isError('UNAVAILABLE'))
  relay.aim(port)
  await writer.close()
  assert.deepEqual((await reading).slice(1), chunks)
  assert.deepEqual((await chats.load('chat')).map(textOf), ['a b c d '])
})
