import { openDocumentStore } from '@holdfast/persistence'
import { describeHoldfastSaver } from './saver-suite.test.support.js'

describeHoldfastSaver('LangGraph checkpoints in memory', async () => {
  const documents = await openDocumentStore('memory:')
  return { documents, stop: () => documents.close() }
})
