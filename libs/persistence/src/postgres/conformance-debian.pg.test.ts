import { after, describe, it } from 'node:test'
import { debianVersions, startPostgres } from '@holdfast/test-servers'
import { describeDocumentStore } from '../conformance/index.js'
import { openDocumentStore, type OpenOptions } from '../open.js'
import { plainRole } from '../row-security/plain-role.test.support.js'

const [version] = await debianVersions()
if (version === undefined) {
  describe('a document store on Debian’s PostgreSQL', () => {
    it('conforms', { skip: 'Debian’s PostgreSQL is not installed: apt-get install postgresql' }, () => {})
  })
} else {
  const server = await startPostgres({ source: 'debian', settings: { fsync: 'off' } })
  after(() => server.stop())
  const url = await plainRole(server.url)
  const open = (options?: OpenOptions) => openDocumentStore(url, { rowSecurity: true, ...options })
  // The newest version runs 300 random cases.
  const wide = { openAnother: open, cases: 60, seed: 15 }
  describeDocumentStore(`PostgreSQL ${version} with row-level security`, open, wide)
}
