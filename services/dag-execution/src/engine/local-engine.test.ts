import { openDocumentStore } from '@holdfast/persistence'
import { executionEngineConformance } from '../conformance/index.js'
import { localStage } from './local-stage.test.support.js'

executionEngineConformance('local, in memory', async (options) =>
  localStage(await openDocumentStore('memory:'), options),
)
