import { openDocumentStore } from '@holdfast/persistence'
import { postgresForTests } from '@holdfast/test-servers'
import { describeSessionStore } from './conformance/index.js'
import { openDirectBackend } from './direct-backend.js'
import { openSessionStore } from './open-session-store.js'

describeSessionStore('sessions in the legacy table', async () => {
  const database = await postgresForTests()
  const store = await openDocumentStore(database.url)
  return {
    open: async () => openSessionStore({ store, backend: await openDirectBackend(database.url) }),
    stop: async () => {
      await store.close()
      await database[Symbol.asyncDispose]()
    },
  }
})
