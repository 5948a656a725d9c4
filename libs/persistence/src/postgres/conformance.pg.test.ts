import { after } from 'node:test'
import { postgresForTests } from '@holdfast/test-servers'
import { describeDocumentStore } from '../conformance/index.js'
import { openDocumentStore } from '../open.js'

const database = await postgresForTests()
after(() => database[Symbol.asyncDispose]())

const open = () => openDocumentStore(database.url)
describeDocumentStore('PostgreSQL', open, { openAnother: open })
