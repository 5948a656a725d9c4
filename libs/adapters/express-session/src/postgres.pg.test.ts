import assert from 'node:assert/strict'
import { it } from 'node:test'
import { openDocumentStore } from '@holdfast/persistence'
import { openSessionStore } from '@holdfast/session'
import { postgresForTests, startRelay } from '@holdfast/test-servers'
import { HoldfastStore } from './holdfast-store.js'
import { openShop } from './shop.test.support.js'
import { describeHoldfastStore } from './store-suite.test.support.js'

describeHoldfastStore('express sessions on PostgreSQL', async () => {
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

it('answers an outage with an error, and never with a request without a session', async () => {
  await using database = await postgresForTests()
  const url = new URL(database.url)
  const port = Number(url.port)
  await using relay = await startRelay(port)
  url.hostname = '127.0.0.1'
  url.port = relay.address.split(':')[1] ?? ''
  await using documents = await openDocumentStore(url.href, { connectTimeoutMs: 1_000 })
  await using sessions = await openSessionStore({ store: documents })
  const failures: unknown[] = []
  const store = new HoldfastStore({ sessions })
  await using shop = await openShop(store)
  const browser = shop.browser()
  await browser.get('/login/ada')

  relay.aim(1)
  relay.cut()
  const away = await browser.get('/show')
  assert.deepEqual(away, { status: 500, body: 'UNAVAILABLE', sets: false })
  store.on('error', (error: unknown) => failures.push(error))
  store.destroy(browser.sessionId)
  while (failures.length === 0) await new Promise((resolve) => setTimeout(resolve, 10))

  relay.aim(port)
  assert.equal((await browser.get('/show')).body, '{"user":"ada"}')
})
