import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { untyped } from './conformance/suite.js'
import { getDocumentStore, openDocumentStore } from './open.js'

describe('opening a store', () => {
  it('refuses what is no url of a store', async () => {
    for (const url of ['', 'mysql://localhost/x', 'embedded:', 'memory', 'postgres:/x', 5, null]) {
      await assert.rejects(openDocumentStore(untyped(url)), { code: 'INVALID_ARGUMENT' }, String(url))
    }
  })

  it('refuses an option that it does not know', async () => {
    const options = untyped({ encrytion: { keys: [] } })
    await assert.rejects(openDocumentStore('memory:', options), { code: 'INVALID_ARGUMENT', message: /^encrytion / })
    await assert.rejects(openDocumentStore('memory:', untyped(null)), { code: 'INVALID_ARGUMENT' })
  })

  it('says that a server is away, and does not show the password', async () => {
    const opening = openDocumentStore('postgres://ada:the-password@127.0.0.1:1/x', { connectTimeoutMs: 500 })
    await assert.rejects(opening, (error: Error & { code?: string }) => {
      assert.equal(error.code, 'UNAVAILABLE')
      assert.ok(!`${error.stack} ${String(error.cause)}`.includes('the-password'))
      return true
    })
  })
})

describe('the store of the process', () => {
  it('is the one that the environment names, the same for all until it is closed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-open-'))
    const before = process.env['HOLDFAST_DATABASE_URL']
    try {
      process.env['HOLDFAST_DATABASE_URL'] = `embedded:${join(folder, 'data')}`
      const [store, same] = await Promise.all([getDocumentStore(), getDocumentStore()])
      assert.equal(store, same)
      await store.collection('notes').put('a', { n: 1 })
      await store.close()
      const again = await getDocumentStore()
      assert.notEqual(again, store)
      assert.equal((await again.collection('notes').get('a'))?.version, 1)
      await again.close()
      process.env['HOLDFAST_DATABASE_URL'] = 'nonsense'
      await assert.rejects(getDocumentStore(), { code: 'INVALID_ARGUMENT' })
      process.env['HOLDFAST_DATABASE_URL'] = 'memory:'
      const memory = await getDocumentStore()
      assert.equal(memory.kind, 'memory')
      await memory.close()
    } finally {
      if (before === undefined) delete process.env['HOLDFAST_DATABASE_URL']
      else process.env['HOLDFAST_DATABASE_URL'] = before
      await rm(folder, { recursive: true, force: true })
    }
  })
})
