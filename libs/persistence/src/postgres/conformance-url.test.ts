import { describe, it } from 'node:test'
import { describeDocumentStore } from '../conformance/index.js'
import { openDocumentStore, type OpenOptions } from '../open.js'

// Any server that speaks PostgreSQL; the database should be an empty one.
const url = process.env['HOLDFAST_TEST_DATABASE_URL'] ?? ''
if (url === '') {
  describe('a document store on the server of HOLDFAST_TEST_DATABASE_URL', () => {
    it('conforms', { skip: 'HOLDFAST_TEST_DATABASE_URL is not set' }, () => {})
  })
} else {
  const open = (options?: OpenOptions) => openDocumentStore(url, options)
  describeDocumentStore('the server of HOLDFAST_TEST_DATABASE_URL', open, { openAnother: open })
}
