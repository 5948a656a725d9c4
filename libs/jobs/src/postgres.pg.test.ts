import { openDocumentStore } from '@holdfast/persistence'
import { postgresForTests } from '@holdfast/test-servers'
import { describeJobs } from './conformance/index.js'

describeJobs('jobs on PostgreSQL', async () => {
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
