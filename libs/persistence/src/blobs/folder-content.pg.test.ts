import assert from 'node:assert/strict'
import { readdir, rm, stat, writeFile } from 'node:fs/promises'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { after, describe, it } from 'node:test'
import { postgresForTests } from '@holdfast/test-servers'
import { openDocumentStore } from '../open.js'
import { openPostgresDriver } from '../postgres/driver.js'
import { openSqlBackend } from '../sql/sql-backend.js'
import { BlobContents } from './blob-content.js'
import { describeBlobs } from './contents.test.support.js'
import { openFolderContent } from './folder-content.js'
import { StoredBlobs } from './stored-blobs.js'
import { tenantFolder } from './tenant-folder.js'

const root = mkdtempSync(join(tmpdir(), 'holdfast-blobs-'))
const database = await postgresForTests()
after(async () => {
  await database[Symbol.asyncDispose]()
  await rm(root, { recursive: true, force: true })
})

async function filesIn(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true })
  return found.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)))
}

for (const [name, url] of [
  ['memory', 'memory:'],
  ['embedded', `embedded:${join(root, 'embedded')}`],
  ['PostgreSQL', database.url],
] as const) {
  const folder = join(root, `blobs of ${name}`)
  describeBlobs(`blobs in a folder, records on ${name}`, () => openDocumentStore(url, { blobs: { folder } }))
}

describe('a folder of blobs', () => {
  const folder = join(root, 'one')
  const open = () => openDocumentStore(database.url, { blobs: { folder } })

  it('holds a file for each blob and nothing else, and none when they are gone', async () => {
    const own = join(root, 'own')
    await using store = await openDocumentStore(database.url, { blobs: `file:${own}` })
    const tenant = store.tenant('../../etc')
    const put = await Promise.all([tenant.blobs.put(Buffer.alloc(300_000, 1)), tenant.blobs.put(Buffer.from('small'))])
    await Promise.all([tenant.blobs.put(Buffer.alloc(300_000, 1)), tenant.blobs.put(Buffer.from('small'))])
    const files = await filesIn(own)
    assert.equal(files.length, 2)
    for (const file of files) assert.match(file, /^-etc\.[0-9a-f]{32}\/[0-9a-f]{2}\/[0-9a-f-]{36}$/)
    await tenant.blobs.remove(put[0].hash)
    assert.equal((await filesIn(own)).length, 1)
    await tenant.blobs.collect({ olderThanMs: 0 })
    assert.deepEqual(await filesIn(own), [])
  })

  it('is read by a store that puts elsewhere only if it was opened with it', async () => {
    await using store = await open()
    const { hash } = await store.tenant('reading').blobs.put(Buffer.alloc(300_000, 1))
    await using other = await openDocumentStore(database.url)
    const { blobs } = other.tenant('reading')
    assert.equal((await blobs.stat(hash))?.sizeBytes, 300_000)
    await assert.rejects(blobs.bytes(hash), { code: 'FAILED_PRECONDITION', reason: 'BLOB_CONTENT_NOT_OPEN' })
    // The record goes, and the bytes with the next collection by a store that reaches them.
    assert.equal(await blobs.remove(hash), true)
    assert.equal((await blobs.collect({ olderThanMs: 0 })).unreachable, 1)
    assert.equal((await filesIn(folder)).length, 1)
    await store.tenant('reading').blobs.collect({ olderThanMs: 0 })
    assert.deepEqual(await filesIn(folder), [])
  })

  it('tells damage from absence', async () => {
    await using store = await open()
    const { blobs } = store.tenant('damaged')
    const { hash } = await blobs.put(Buffer.alloc(700_000, 'x'))
    const [file = ''] = await filesIn(folder)
    const damaged = { code: 'DATA_LOSS', reason: 'BLOB_DAMAGED' }
    await writeFile(join(folder, file), Buffer.alloc(700_000, 'y'))
    await assert.rejects(blobs.bytes(hash), damaged)
    await writeFile(join(folder, file), Buffer.alloc(1_000, 'x'))
    await assert.rejects(blobs.bytes(hash), damaged)
    await rm(join(folder, file))
    await assert.rejects(blobs.bytes(hash), damaged)
    assert.equal(await blobs.remove(hash), true)
    await assert.rejects(blobs.bytes(hash), { code: 'NOT_FOUND' })
  })

  it('goes on with the bytes of another put when those it began with are gone', async () => {
    await using store = await open()
    const { blobs } = store.tenant('moved')
    const bytes = Buffer.alloc(700_000, 'x')
    const { hash } = await blobs.put(bytes)
    // What others do between the reader's look at the record and its look at the file.
    const mishaps: (() => Promise<unknown>)[] = []
    await using content = await openFolderContent(folder)
    const contents = new BlobContents({
      name: 'folder',
      open: (...call) => content.open(...call),
      async *read(...call) {
        await mishaps.shift()?.()
        yield* content.read(...call)
      },
      remove: (upload) => content.remove(upload),
      forgetTenant: (tenant) => content.forgetTenant(tenant),
      [Symbol.asyncDispose]: async () => {},
    })
    const driver = await openPostgresDriver(database.url, { maxConnections: 1 })
    try {
      const reader = new StoredBlobs('moved', openSqlBackend(driver).blobs, contents)
      mishaps.push(async () => {
        await blobs.remove(hash)
        await blobs.put(bytes)
      })
      assert.ok(bytes.equals(await reader.bytes(hash)))
      mishaps.push(() => blobs.remove(hash))
      await assert.rejects(reader.bytes(hash), { code: 'NOT_FOUND' })
      assert.equal(mishaps.length, 0)
    } finally {
      await driver.close()
    }
  })

  it('can be read by nobody else on the machine', async () => {
    await using store = await open()
    const { blobs } = store.tenant('modes')
    await blobs.put(Buffer.from('private'))
    const [file = ''] = await filesIn(folder)
    assert.equal((await stat(join(folder, file))).mode & 0o077, 0)
    await blobs.collect({ olderThanMs: 0 })
  })

  it('is made with its parents, or refused with a reason', async () => {
    await using content = await openFolderContent(join(root, 'a/b/c'))
    assert.equal(content.name, 'folder')
    await writeFile(join(root, 'file'), '')
    await assert.rejects(openDocumentStore('memory:', { blobs: { folder: join(root, 'file') } }), {
      code: 'PERMISSION_DENIED',
      reason: 'BLOB_FOLDER_REFUSED',
    })
  })
})

describe('the folder of a tenant', () => {
  it('is one name, different for every tenant', () => {
    const tenants = [
      'acme',
      'ACME',
      '.',
      '..',
      '../acme',
      '/etc',
      'a/b',
      'a\\b',
      'a-b',
      'ä',
      '\u{1F600}',
      'C:',
      'x'.repeat(128),
    ]
    const names = tenants.map(tenantFolder)
    for (const name of names) assert.match(name, /^[a-z0-9-]{0,32}\.[0-9a-f]{32}$/)
    assert.equal(new Set(names.map((name) => name.toLowerCase())).size, tenants.length)
  })
})
