import { after } from 'node:test'
import { postgresForTests } from '@holdfast/test-servers'
import { describeDocumentStore } from '../conformance/index.js'
import { openDocumentStore, type OpenOptions } from '../open.js'
import { describePortability } from '../portability/statements.test.support.js'
import { recordStatements } from '../telemetry/statement-journal.js'

const statements = recordStatements()
const database = await postgresForTests()
after(() => database[Symbol.asyncDispose]())

const open = (options?: OpenOptions) => openDocumentStore(database.url, options)
describeDocumentStore('PostgreSQL', open, { openAnother: open })
describePortability(statements)
