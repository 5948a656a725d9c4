import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import { type Relay, type TestDatabase, postgresForTests, startRelay } from '@holdfast/test-servers'
import { follow, takeTurn, textsOf, until, upTo, user } from './conformance/stage.js'
import type { ConversationStore } from './conversation-store.js'
import { openConversationStore } from './open-conversation-store.js'

describe('conversations on a PostgreSQL whose connections break', () => {
  let database: TestDatabase
  let relay: Relay
  let port: number
  let documents: DocumentStore
  let store: ConversationStore
  const failures: string[] = []

  before(async () => {
    database = await postgresForTests()
    const url = new URL(database.url)
    port = Number(url.port)
    relay = await startRelay(port)
    url.hostname = '127.0.0.1'
    url.port = relay.address.split(':')[1] ?? ''
    documents = await openDocumentStore(url.href, { connectTimeoutMs: 2000 })
    store = await openConversationStore(documents, {
      maintenanceIntervalMs: 0,
      onBackgroundError: (doing) => failures.push(doing),
    })
  })
  after(async () => {
    relay.aim(port)
    await store.close()
    await documents.close()
    await relay[Symbol.asyncDispose]()
    await database[Symbol.asyncDispose]()
  })

  it('stores every word of a reply once while connections are cut again and again', async () => {
    const { id } = await store.create()
    const turn = await takeTurn(store, id, { messages: [user('q')] })
    const following = follow(store, turn.replyId)
    const words = upTo(200).map((n) => `${n} `)
    for (const [index, word] of words.entries()) {
      turn.write(word)
      if (index % 10 === 5) relay.cut()
      else if (index % 3 === 0) await turn.flushed()
    }
    const finished = turn.finish({ status: 'complete' })
    relay.cut()
    const message = await finished
    assert.deepEqual(textsOf([message]), [words.join('')])
    assert.equal((await following).text, words.join(''))
    assert.equal(
      (await follow(await openConversationStore(documents, { maintenanceIntervalMs: 0 }), turn.replyId)).text,
      words.join(''),
    )
  })

  it('loses no acknowledged message and has none twice when writers repeat with their keys', async () => {
    const { id } = await store.create()
    const acknowledged = new Set<string>()
    let writing = 8
    const writers = upTo(writing).map(async (writer) => {
      for (const n of upTo(15)) {
        const key = `${writer}.${n}`
        await until(async () => {
          try {
            await store.append(id, [{ ...user(key), key }])
            acknowledged.add(key)
            return true
          } catch (error) {
            assert(['UNKNOWN', 'UNAVAILABLE'].includes((error as { code: string }).code), String(error))
            return false
          }
        }, 30_000)
      }
      writing -= 1
    })
    while (writing > 0) {
      relay.cut()
      await new Promise((resolve) => setTimeout(resolve, 30))
    }
    await Promise.all(writers)
    const messages = await store.messages(id, { limit: 1000 })
    assert.deepEqual(
      messages.map(({ seq }) => seq),
      upTo(120).map((n) => n + 1),
    )
    assert.deepEqual(new Set(textsOf(messages)), acknowledged)
  })

  it('answers UNAVAILABLE while the database is away, never an empty list, and then writes what it owes', async () => {
    const userId = 'patient'
    const { id, lastActivityAt } = await store.create({ userId })
    await store.append(id, [user('hello')])
    relay.aim(undefined)
    relay.cut()
    const calls = [store.list({ userId }), store.get(id), store.messages(id), store.search(userId, 'hello')]
    for (const outcome of await Promise.allSettled(calls)) {
      assert.equal(outcome.status === 'rejected' && outcome.reason.code, 'UNAVAILABLE')
    }
    assert(failures.includes('Writing activity times'))
    relay.aim(port)
    await until(async () => (await store.list({ userId }).catch(() => ({ items: [] }))).items.length === 1)
    const stored = await documents.collection<{ lastActivityAt: number }>('conversations').get(id)
    assert((stored?.data.lastActivityAt ?? 0) > lastActivityAt.getTime())
  })
})
