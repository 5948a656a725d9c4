import { openDocumentStore } from '@holdfast/persistence'
import { executionEngineConformance } from '../conformance/index.js'
import { stagesOfTenants } from './local-stage.test.support.js'

executionEngineConformance(
  'local, in memory',
  stagesOfTenants(() => openDocumentStore('memory:'), { processes: 1 }),
)
