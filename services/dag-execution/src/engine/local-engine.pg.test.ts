import { openDocumentStore } from '@holdfast/persistence'
import { postgresForTests } from '@holdfast/test-servers'
import { executionEngineConformance } from '../conformance/index.js'
import { localStage } from './local-stage.test.support.js'

executionEngineConformance('local, on PostgreSQL', async (options) => {
  const database = await postgresForTests()
  const open = () => openDocumentStore(database.url)
  return localStage(await open(), options, open, async () => database[Symbol.asyncDispose]())
})
