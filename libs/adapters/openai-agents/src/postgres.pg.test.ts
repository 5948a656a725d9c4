import assert from 'node:assert/strict'
import { it } from 'node:test'
import { openDocumentStore } from '@holdfast/persistence'
import { postgresForTests, startRelay } from '@holdfast/test-servers'
import { HoldfastSession } from './holdfast-session.js'
import { outline, said } from './scripted-model.test.support.js'
import { describeHoldfastSession, isError } from './session-suite.test.support.js'

describeHoldfastSession(
  'agent sessions on PostgreSQL',
  async () => {
    const database = await postgresForTests()
    const documents = await openDocumentStore(database.url)
    return {
      documents,
      stop: async () => {
        await documents.close()
        await database[Symbol.asyncDispose]()
      },
    }
  },
  { oracleRuns: 15 },
)

it('answers an outage with an error, never with an empty history, and goes on behind it', async () => {
  await using database = await postgresForTests()
  const url = new URL(database.url)
  const port = Number(url.port)
  await using relay = await startRelay(port)
  url.hostname = '127.0.0.1'
  url.port = relay.address.split(':')[1] ?? ''
  await using store = await openDocumentStore(url.href, { connectTimeoutMs: 1_000 })
  const session = new HoldfastSession({ store, sessionId: 'a' })
  await session.addItems([said('one')])

  relay.aim(1)
  relay.cut()
  await assert.rejects(session.getItems(), isError('UNAVAILABLE'))
  await assert.rejects(session.popItem(), isError('UNAVAILABLE'))

  relay.aim(port)
  await session.addItems([said('two')])
  assert.deepEqual(outline(await session.getItems()), ['user: one', 'user: two'])
})
