import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { postgresForTests } from '@holdfast/test-servers'
import { openDocumentStore } from '../open.js'
import { plainRole } from '../row-security/plain-role.test.support.js'

const database = await postgresForTests()
const folder = await mkdtemp(join(tmpdir(), 'holdfast-walled-'))
after(async () => {
  await rm(folder, { recursive: true, force: true })
  await database[Symbol.asyncDispose]()
})

describe('a backup by a role that policies hold', () => {
  const file = join(folder, 'all.backup')

  it('has what all tenants have, and goes into a database behind a wall of its own', async () => {
    const source = await plainRole(database.url)
    await using from = await openDocumentStore(source, { rowSecurity: true, sweepIntervalMs: 0 })
    for (const tenant of ['acme', 'other']) {
      const scope = from.tenant(tenant)
      const notes = Array.from({ length: 300 }, (_, n) => ({ id: `n${n}`, data: { n, of: tenant } }))
      await scope.collection('notes').insertMany(notes)
      await scope.log('events').append('s', [{ data: tenant }])
      await scope.blobs.put(Buffer.from(`bytes of ${tenant}`), { contentType: 'text/plain' })
    }
    const { counts } = await from.backup(file)
    // As commands open it: whether there is a wall they find out.
    await using command = await openDocumentStore(source, { sweepIntervalMs: 0 })
    assert.deepEqual((await command.backup(join(folder, 'by-command.backup'))).counts, counts)
    const target = await plainRole(database.url)
    await (await openDocumentStore(target, { rowSecurity: true, sweepIntervalMs: 0 })).close()
    await using into = await openDocumentStore(target, { sweepIntervalMs: 0 })
    await into.restore(file)
    for (const tenant of ['acme', 'other']) {
      const scope = into.tenant(tenant)
      assert.equal(await scope.collection('notes').count({ of: tenant }), 300)
      assert.equal(await scope.collection('notes').count({}), 300)
      assert.deepEqual(
        (await scope.log('events').read('s')).map(({ data }) => data),
        [tenant],
      )
    }
    const again = join(folder, 'again.backup')
    assert.deepEqual((await into.backup(again)).counts, counts)
  })

  it('fails with what is missing if the role has no rights, and leaves no file', async () => {
    const owner = await plainRole(database.url)
    await (await openDocumentStore(owner, { rowSecurity: true, sweepIntervalMs: 0 })).close()
    const stranger = new URL(await plainRole(database.url))
    stranger.pathname = new URL(owner).pathname
    const denied = { code: 'PERMISSION_DENIED' }
    await assert.rejects(async () => {
      await using store = await openDocumentStore(stranger.href, { sweepIntervalMs: 0 })
      await store.backup(join(folder, 'denied.backup'))
    }, denied)
    await assert.rejects(readFile(join(folder, 'denied.backup')), { code: 'ENOENT' })
  })
})
