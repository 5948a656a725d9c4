import { describe, it } from 'node:test'
import { debianVersions, startPostgres } from '@holdfast/test-servers'
import { describePlans } from './plans.test.support.js'

// An older planner: it cannot skip over the first fields of an index, for one.
const [version] = await debianVersions()
if (version === undefined) {
  describe('declared indexes on Debian’s PostgreSQL', () => {
    it('serve', { skip: 'Debian’s PostgreSQL is not installed: apt-get install postgresql' }, () => {})
  })
} else {
  describePlans(`PostgreSQL ${version}`, async () => {
    const server = await startPostgres({ source: 'debian', settings: { fsync: 'off' } })
    return { url: await server.createDatabase(), [Symbol.asyncDispose]: () => server.stop() }
  })
}
