import { openDocumentStore } from '@holdfast/persistence'
import { describeHoldfastChats } from './chats-suite.test.support.js'

describeHoldfastChats('chats in memory', async () => {
  const documents = await openDocumentStore('memory:')
  return { documents, stop: () => documents.close() }
})
