import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { postgresForTests } from '@holdfast/test-servers'
import { openDocumentStore } from '../open.js'
import { migrations } from './migrations/index.js'

const run = promisify(execFile)
const processes = 10

/** Opens a store, makes two collections and a log, and writes one document. */
const program = `
  const { openDocumentStore } = await import(process.argv[1])
  const store = await openDocumentStore(process.argv[2])
  const { applied } = await store.migrate()
  const people = store.collection('people', { indexes: [{ on: 'email', unique: true }, { on: ['team', 'at'] }] })
  await people.put(process.argv[3], { email: process.argv[3] })
  await store.collection('others').put(process.argv[3], {})
  await store.log('events').append('s', [{ key: process.argv[3], data: 1 }])
  await store.close()
  console.log(applied.length)
`

describe('an empty database', () => {
  it('is set up by ten processes that start at once, each migration once', async () => {
    await using database = await postgresForTests()
    const index = new URL('../index.js', import.meta.url).href
    const url = new URL(database.url)
    await Promise.all(
      Array.from({ length: processes }, (_, n) =>
        run(process.execPath, ['--input-type=module', '-e', program, index, url.href, `p${n}`], { timeout: 120_000 }),
      ),
    )
    await using store = await openDocumentStore(database.url)
    assert.equal(await store.collection('people').count(), processes)
    assert.equal(await store.collection('others').count(), processes)
    assert.equal((await store.log('events').head('s')).next, processes + 1)
    assert.equal((await store.migrate()).version, Math.max(...migrations.map(({ version }) => version)))
    assert.deepEqual((await store.migrate()).applied, [])
  })
})
