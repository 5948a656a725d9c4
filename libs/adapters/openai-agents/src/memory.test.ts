import { openDocumentStore } from '@holdfast/persistence'
import { describeHoldfastSession } from './session-suite.test.support.js'

describeHoldfastSession(
  'agent sessions in memory',
  async () => {
    const documents = await openDocumentStore('memory:')
    return { documents, stop: () => documents.close() }
  },
  { oracleRuns: 100 },
)
