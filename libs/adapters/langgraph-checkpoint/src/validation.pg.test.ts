import { it } from 'node:test'
import { postgresForTests } from '@holdfast/test-servers'
import { validateSaver } from './validation-suite.test.support.js'

it("passes LangGraph's validation of checkpoint savers, on PostgreSQL", async () => {
  await using database = await postgresForTests()
  await validateSaver(database.url)
})
