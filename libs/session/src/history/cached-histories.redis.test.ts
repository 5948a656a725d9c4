import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import {
  postgresForTests,
  type RedisServer,
  startRedis,
  startRedisCluster,
  type TestDatabase,
  whyNoRedis,
} from '@holdfast/test-servers'
import { textsOf, upTo, user } from '../conformance/stage.js'
import type { ConversationStore } from '../conversation-store.js'
import { openConversationStore } from '../open-conversation-store.js'
import { storm } from './storm.test.support.js'

const relations = new Set(['conversations', 'messages', 'message-changes', 'turns', 'conversation-states'])

describe('cached histories', { skip: await whyNoRedis() }, () => {
  let database: TestDatabase
  let redis: RedisServer
  const opened: AsyncDisposable[] = []
  before(async () => {
    const servers = await Promise.all([postgresForTests(), startRedis()])
    database = servers[0]
    redis = servers[1]
  })
  after(async () => {
    for (const one of opened.toReversed()) await one[Symbol.asyncDispose]()
    await redis.stop()
    await database[Symbol.asyncDispose]()
  })
  const open = async (trustMs = 100): Promise<{ store: ConversationStore; documents: DocumentStore }> => {
    const documents = await openDocumentStore(database.url)
    const store = await openConversationStore(documents, {
      maintenanceIntervalMs: 0,
      cache: { redis: redis.url, trustMs },
    })
    opened.push(documents, store)
    return { store, documents }
  }
  const commands = async (): Promise<number> => {
    const info = await redis.command('INFO', 'stats')
    return Number(/total_commands_processed:(\d+)/.exec(info)?.[1])
  }
  /** Without what runs in the background: the row of the fleet, sweeps. */
  const statements = (documents: DocumentStore): number =>
    documents
      .stats()
      .statements.filter(({ collection }) => relations.has(collection ?? ''))
      .reduce((sum, { count }) => sum + count, 0)

  it('take one round trip to the cache on a hit, and one to the database on a miss', async () => {
    const { store, documents } = await open(500)
    const { id } = await store.create()
    await store.append(
      id,
      upTo(100).map((n) => user(`${n}`)),
    )
    // Writes the activity time.
    await store.list({ limit: 1 })
    const before = { statements: statements(documents), commands: await commands() }
    await store.history(id)
    assert.equal(statements(documents) - before.statements, 1)
    const filled = { statements: statements(documents), commands: await commands() }
    for (const _ of upTo(10)) await store.history(id)
    assert.equal(statements(documents) - filled.statements, 0)
    // The command that asks is counted as well.
    assert.equal((await commands()) - filled.commands, 10 + 1)
  })

  it('cost an append nothing as long as nobody has read the conversation', async () => {
    const { store } = await open(500)
    const { id } = await store.create()
    const before = await commands()
    for (const n of upTo(10)) await store.append(id, [user(`${n}`)])
    // The command that asks is counted as well.
    assert.equal((await commands()) - before, 1)
    await store.history(id)
    const filled = await commands()
    await store.append(id, [user('told')])
    assert.equal((await commands()) - filled > 1, true)
    assert.equal((await store.history(id)).messages.length, 11)
  })

  it('grow with appends in place, up to their limits, and are not read anew', async () => {
    const { store, documents } = await open(500)
    const { id } = await store.create()
    await store.append(id, [user('first')])
    await store.history(id)
    await store.append(
      id,
      upTo(400).map((n) => user(`${n}`)),
    )
    await store.append(id, [user('last')])
    await store.list({ limit: 1 })
    const before = statements(documents)
    const { messages, conversation } = await store.history(id, { last: 50 })
    assert.equal(statements(documents) - before, 0)
    assert.equal(conversation.lastSeq, 402)
    assert.deepEqual(textsOf(messages).slice(-2), ['399', 'last'])
    await store.append(id, [user('x'.repeat(300_000))])
    assert.deepEqual(
      (await store.history(id, { last: 3 })).messages.map(({ seq }) => seq),
      [401, 402, 403],
    )
  })

  it('show every process at once what two append, edit and rename', async () => {
    const { store } = await open()
    const { id } = await store.create({ title: '0' })
    await store.append(id, [user('edit 0'), user('edit 0')])
    const reports = await storm(database.url, redis.url, id, 1_500)
    assert.deepEqual(
      reports.flatMap(({ violations }) => violations),
      [],
    )
    for (const { appends, edits, reads } of reports) assert.ok(appends > 5 && edits > 0 && reads > 20)
  })

  it('do so while Redis is emptied, paused, killed and started again', async () => {
    const { store } = await open()
    const { id } = await store.create({ title: '0' })
    await store.append(id, [user('edit 0'), user('edit 0')])
    const faults = async (): Promise<void> => {
      await delay(1_200)
      await redis.command('FLUSHALL')
      await delay(400)
      redis.pause()
      await delay(900)
      redis.resume()
      await delay(700)
      await redis.restart()
    }
    const [reports] = await Promise.all([storm(database.url, redis.url, id, 5_000), faults()])
    assert.deepEqual(
      reports.flatMap(({ violations }) => violations),
      [],
    )
    for (const { appends, reads } of reports) assert.ok(appends > 5 && reads > 20)
  })

  it('are listed from the database while Redis is away', async () => {
    const { store } = await open()
    const { id } = await store.create()
    await store.append(
      id,
      upTo(5).map((n) => user(`${n}`)),
    )
    await redis.kill()
    try {
      assert.deepEqual(textsOf(await store.messages(id, { after: 1, limit: 3 })), ['1', '2', '3'])
      assert.deepEqual(textsOf(await store.messages(id, { limit: 1, reverse: true })), ['4'])
    } finally {
      await redis.restart()
    }
  })

  it('stay deleted under 16 late writers, in both processes', async () => {
    const [here, there] = [await open(), await open()]
    const { id } = await here.store.create()
    await here.store.append(
      id,
      upTo(5).map((n) => user(`${n}`)),
    )
    let isDeleted = false
    const seen: string[] = []
    const write = async (n: number): Promise<void> => {
      const { store } = n % 2 === 0 ? here : there
      for (let late = 0; late < 20;) {
        const wasDeleted = isDeleted
        if (wasDeleted) late += 1
        const tries = [
          () => store.append(id, [user('late')]),
          () => store.edit(id, 1, [{ type: 'text', text: 'late' }]),
          () => store.update(id, { title: 'late' }),
          () => store.history(id),
          () => store.messages(id),
          () => store.patchState(id, { late: true }),
        ] as const
        await tries[(n + late) % tries.length]?.().then(
          () => wasDeleted && seen.push('came late and went through'),
          () => undefined,
        )
      }
    }
    const remove = async (): Promise<void> => {
      await delay(100)
      await here.store.delete(id)
      isDeleted = true
    }
    await Promise.all([...upTo(16).map(write), remove()])
    assert.deepEqual(seen, [])
    for (const { store } of [here, there]) {
      await assert.rejects(store.get(id), { code: 'NOT_FOUND' })
      await assert.rejects(store.history(id), { code: 'NOT_FOUND' })
      await assert.rejects(store.create({ id }), { code: 'FAILED_PRECONDITION', reason: 'CONVERSATION_DELETED' })
    }
  })

  it('are those of one database, whoever else uses the same Redis', async () => {
    const { store } = await open()
    await using other = await postgresForTests()
    await using documents = await openDocumentStore(other.url)
    await using stranger = await openConversationStore(documents, { cache: { redis: redis.url, trustMs: 100 } })
    const { id } = await store.create()
    await store.append(id, [user('mine')])
    await stranger.create({ id, title: 'another' })
    for (const _ of upTo(2)) {
      assert.deepEqual(textsOf((await store.history(id)).messages), ['mine'])
      assert.deepEqual((await stranger.history(id)).messages, [])
    }
  })

  it('are shared by a cluster', async () => {
    await using cluster = await startRedisCluster()
    await using documents = await openDocumentStore(database.url)
    const cache = { redisCluster: cluster.urls, trustMs: 100 }
    await using store = await openConversationStore(documents, { cache })
    const made = await Promise.all(upTo(8).map((n) => store.create({ title: `${n}` })))
    for (const round of upTo(3)) {
      for (const { id } of made) {
        await store.append(id, [user(`${round}`)])
        assert.deepEqual(textsOf((await store.history(id)).messages), upTo(round + 1).map(String))
      }
    }
  })
})
