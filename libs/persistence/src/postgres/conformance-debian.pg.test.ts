import { after, describe, it } from 'node:test'
import { debianVersions, startPostgres } from '@holdfast/test-servers'
import { describeDocumentStore } from '../conformance/index.js'
import { openDocumentStore, type OpenOptions } from '../open.js'

const [version] = await debianVersions()
if (version === undefined) {
  describe('a document store on Debian’s PostgreSQL', () => {
    it('conforms', { skip: 'Debian’s PostgreSQL is not installed: apt-get install postgresql' }, () => {})
  })
} else {
  const server = await startPostgres({ source: 'debian', settings: { fsync: 'off' } })
  after(() => server.stop())
  const url = await server.createDatabase()
  const open = (options?: OpenOptions) => openDocumentStore(url, options)
  // The newest version runs 300 random cases.
  describeDocumentStore(`PostgreSQL ${version}`, open, { openAnother: open, cases: 60, seed: 15 })
}
