import { openDocumentStore } from '@holdfast/persistence'
import { describeHoldfastStore } from './store-suite.test.support.js'

describeHoldfastStore('express sessions in memory', async () => {
  const documents = await openDocumentStore('memory:')
  return { documents, stop: () => documents.close() }
})
