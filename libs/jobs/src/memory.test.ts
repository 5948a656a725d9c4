import { openDocumentStore } from '@holdfast/persistence'
import { describeJobs } from './conformance/index.js'

describeJobs('jobs in memory', async () => {
  const documents = await openDocumentStore('memory:')
  return { documents, stop: () => documents.close() }
})
