import { after } from 'node:test'
import { openDocumentStore } from '@holdfast/persistence'
import { type TestDatabase, postgresForTests } from '@holdfast/test-servers'
import { executionEngineConformance } from '../conformance/index.js'
import { stagesOfTenants } from './local-stage.test.support.js'

let database: Promise<TestDatabase> | undefined

executionEngineConformance(
  'local, on PostgreSQL',
  stagesOfTenants(async () => openDocumentStore((await (database ??= postgresForTests())).url), { processes: 2 }),
)

after(async () => (await database)?.[Symbol.asyncDispose]())
