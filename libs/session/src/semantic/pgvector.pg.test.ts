import { after, before, describe, it } from 'node:test'
import { openDocumentStore } from '@holdfast/persistence'
import { debianVersions, startPostgres } from '@holdfast/test-servers'
import { meaningTests } from '../conformance/meanings.js'
import { Stage } from '../conformance/stage.js'
import { shapesOf } from '../shapes.js'

const [version] = await debianVersions()
const server = version === undefined ? undefined : await startPostgres({ source: 'debian', settings: { fsync: 'off' } })
after(() => server?.stop())
const url = await server?.createDatabase()

async function hasPgvector(): Promise<boolean> {
  if (url === undefined) return false
  await using documents = await openDocumentStore(url)
  const options = { filter: { model: '' }, limit: 1 }
  return (await shapesOf(documents).vectors.nearest('vector', '[1]', options)) !== undefined
}

if (url !== undefined && (await hasPgvector())) {
  describe('search by meaning with pgvector', () => {
    const stage = new Stage(async () => {
      const documents = await openDocumentStore(url)
      return { documents, stop: () => documents.close() }
    })
    before(() => stage.start())
    after(() => stage.stop())
    meaningTests(stage)
  })
} else {
  it('search by meaning with pgvector', { skip: 'pgvector is not installed beside Debian’s PostgreSQL' }, () => {})
}
