import assert from 'node:assert/strict'
import { it } from 'node:test'
import { openDocumentStore } from '@holdfast/persistence'
import { postgresForTests, startRelay } from '@holdfast/test-servers'
import { HoldfastSaver } from './holdfast-saver.js'
import { describeHoldfastSaver, next, thread } from './saver-suite.test.support.js'

describeHoldfastSaver('LangGraph checkpoints on PostgreSQL', async () => {
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

it('answers an outage with an error, and never with a thread that has no checkpoint', async () => {
  await using database = await postgresForTests()
  const url = new URL(database.url)
  const port = Number(url.port)
  await using relay = await startRelay(port)
  url.hostname = '127.0.0.1'
  url.port = relay.address.split(':')[1] ?? ''
  await using store = await openDocumentStore(url.href, { connectTimeoutMs: 1_000 })
  const saver = new HoldfastSaver({ store })
  const config = await next(saver, thread('t'), { a: 1 })
  relay.aim(undefined)
  relay.cut()
  await assert.rejects(saver.getTuple(thread('t')), { code: 'UNAVAILABLE' })
  await assert.rejects(next(saver, config, { a: 2 }), { code: 'UNAVAILABLE' })
  await assert.rejects(saver.list(thread('t')).next(), { code: 'UNAVAILABLE' })
  relay.aim(port)
  assert.equal((await saver.getTuple(thread('t')))?.checkpoint.channel_values['a'], 1)
})
