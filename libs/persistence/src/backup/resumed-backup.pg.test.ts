import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { postgresForTests, type TestDatabase } from '@holdfast/test-servers'
import { collect, upTo } from '../conformance/suite.js'
import { openDocumentStore } from '../open.js'
import { verifyBackup } from './restore-backup.js'

describe('a backup of a store in use', () => {
  let database: TestDatabase
  let folder: string

  before(async () => {
    database = await postgresForTests()
    folder = await mkdtemp(join(tmpdir(), 'holdfast-backup-'))
  })

  after(async () => {
    await database[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })

  it('is of one moment, goes on after it was stopped, and so does its restore', async () => {
    await using store = await openDocumentStore(database.url)
    const file = join(folder, 'backup')
    await store.collection('a-first').load(upTo(3_000).map((n) => ({ id: `f-${n}`, data: { n } })))
    const gone = await store.blobs.put(randomBytes(800_000))
    for (const _ of upTo(8)) await store.blobs.put(randomBytes(800_000))

    const stop = new AbortController()
    const onProgress = ({ bytes }: { readonly bytes: number }): void => {
      if (bytes > 3_000_000) stop.abort()
    }
    await assert.rejects(store.backup(file, { signal: stop.signal, onProgress }), { code: 'CANCELLED' })
    // What comes and goes meanwhile; an upload is not collected in the minute in which it came unless it is said.
    await store.collectBlobs({ olderThanMs: 0 })
    await store.blobs.put(randomBytes(800_000))
    assert.equal(await store.blobs.stat(gone.hash), undefined)
    const kept = await store.blobs.put(randomBytes(800_000))

    let isOver = false
    let acknowledged = 0
    const writing = (async () => {
      for (let n = 1; !isOver; n += 1) {
        await store.transaction(async (tx) => {
          await tx.collection('a-first').put('zz-counter', { n })
          await tx.log('m-middle').append('counter', [{ key: `${n}`, data: { n } }])
          await tx.collection('z-last').put('counter', { n })
        })
        acknowledged = n
      }
    })()
    while (acknowledged < 3) await new Promise((resolve) => setTimeout(resolve, 5))
    const before = acknowledged
    const report = await store.backup(file).finally(() => {
      isOver = true
    })
    await writing
    assert.ok(report.resumedBlobs >= 2, `Only ${report.resumedBlobs} blobs were taken over`)
    assert.deepEqual(await readdir(folder), ['backup'])
    assert.equal((await verifyBackup(file)).id, report.id)

    await using copyOf = await postgresForTests()
    await using copy = await openDocumentStore(copyOf.url)
    const halt = new AbortController()
    const until = (progress: { readonly frames: number }): void => {
      if (progress.frames === report.frames - 1) halt.abort()
    }
    await assert.rejects(copy.restore(file, { signal: halt.signal, onProgress: until }), { code: 'CANCELLED' })
    await using other = await openDocumentStore('memory:')
    await other.backup(join(folder, 'other'))
    await assert.rejects(copy.restore(join(folder, 'other')), { reason: 'STORE_NOT_EMPTY' })
    const restored = await copy.restore(file)
    assert.equal(restored.compared, true)
    const [first, last] = [
      await copy.collection('a-first').get('zz-counter'),
      await copy.collection('z-last').get('counter'),
    ]
    const head = (await copy.log('m-middle').head('counter')).next - 1
    assert.deepEqual(first?.data, last?.data)
    assert.deepEqual(first?.data, { n: head })
    assert.ok(head >= before && head <= acknowledged)
    assert.equal((await copy.blobs.bytes(kept.hash)).length, 800_000)
    // Blobs that were gone when all the rest was taken are none of it.
    assert.equal(await copy.blobs.stat(gone.hash), undefined)

    const again = join(folder, 'again')
    await copy.backup(again)
    await using third = await openDocumentStore('memory:')
    await third.restore(again)
    assert.ok((await collect(third.export())).join('') === (await collect(copy.export())).join(''))
  })
})
