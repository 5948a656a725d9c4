import { openDocumentStore } from '@holdfast/persistence'
import { describeConversationStore } from './conformance/index.js'

describeConversationStore('conversations in memory', async () => {
  const documents = await openDocumentStore('memory:')
  return { documents, stop: () => documents.close() }
})
