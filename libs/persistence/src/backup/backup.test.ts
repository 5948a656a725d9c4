import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { collect, upTo } from '../conformance/suite.js'
import type { DocumentStore } from '../document-store.js'
import { openDocumentStore } from '../open.js'
import type { BackupOptions } from './backup-options.js'
import { verifyBackup } from './restore-backup.js'

const key = randomBytes(32).toString('base64')

describe('a backup', () => {
  let folder: string
  let store: DocumentStore

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-backup-'))
    store = await filled()
  })

  after(async () => {
    await store.close()
    await rm(folder, { recursive: true, force: true })
  })

  const at = (name: string): string => join(folder, name)

  it('holds all tenants, and a store that it was restored into exports the same', async () => {
    for (const options of [{}, { key }] satisfies BackupOptions[]) {
      const report = await store.backup(at('all'), options)
      const manifest = await verifyBackup(at('all'), options)
      assert.deepEqual({ ...report }, { ...manifest, resumedBlobs: 0 })
      assert.deepEqual([manifest.counts.documents, manifest.counts.blobs], [200, 5])
      assert.equal(manifest.contentSha256, (await store.digest()).sha256)
      await using copy = await openDocumentStore('memory:')
      const restored = await copy.restore(at('all'), options)
      assert.deepEqual([restored.compared, restored.written.blobs], [true, 5])
      assert.deepEqual(await collect(copy.export()), await collect(store.export()))
    }
    assert.deepEqual(await readdir(folder), ['all'])
  })

  it('goes to and comes from streams', async () => {
    const pieces: Uint8Array[] = []
    await store.backup({ write: async (bytes) => void pieces.push(bytes) })
    await using copy = await openDocumentStore('memory:')
    await copy.restore(
      (async function* bytes() {
        yield* pieces
      })(),
    )
    assert.equal((await copy.digest()).sha256, (await store.digest()).sha256)
  })

  it('is of one tenant if that is wanted', async () => {
    await store.backup(at('acme'), { tenant: 'acme' })
    await using copy = await openDocumentStore('memory:')
    assert.equal((await copy.restore(at('acme'))).compared, true)
    assert.equal((await copy.digest()).counts.documents, 100)
  })

  it('shows nothing of what it holds without the key, and says that the key is missing or wrong', async () => {
    const { sizeBytes } = await store.backup(at('sealed'), { key })
    const bytes = await readFile(at('sealed'))
    assert.equal(bytes.length, sizeBytes)
    for (const [secret, reason] of [
      [undefined, 'BACKUP_KEY_MISSING'],
      [randomBytes(32), 'BACKUP_KEY_WRONG'],
    ] as const) {
      const options = secret === undefined ? {} : { key: secret }
      await assert.rejects(verifyBackup(at('sealed'), options), { code: 'FAILED_PRECONDITION', reason })
    }
    await assert.rejects(store.backup(at('never'), { key: 'short' }), { code: 'INVALID_ARGUMENT' })
  })

  it('is found to be damaged whichever byte was changed and wherever it was cut off, encrypted or not', async () => {
    await using small = await openDocumentStore('memory:')
    await small.collection('notes').put('one', { text: 'one' })
    await small.blobs.put(Buffer.from('some bytes'))
    for (const options of [{}, { key }] satisfies BackupOptions[]) {
      await small.backup(at('small'), options)
      const whole = await readFile(at('small'))
      const isDamaged = async (bytes: Buffer, how: string): Promise<void> => {
        const source = (async function* () {
          yield bytes
        })()
        const outcome = await verifyBackup(source, options).then(
          () => 'passed',
          (error: { readonly code?: string }) => error.code,
        )
        assert.equal(outcome, 'DATA_LOSS', how)
      }
      for (const place of whole.keys()) {
        const changed = Buffer.from(whole)
        changed[place] = (changed[place] ?? 0) ^ (1 << (place % 8))
        await isDamaged(changed, `byte ${place} of ${whole.length} was changed`)
        if (place % 7 === 0) await isDamaged(whole.subarray(0, place), `all from byte ${place} was cut off`)
      }
      await isDamaged(Buffer.concat([whole, Buffer.alloc(1)]), 'a byte came to it')
    }
  })

  it('whose frames were changed together with their digests is told by the key', async () => {
    const { frames } = await store.backup(at('forged'), { key })
    assert.ok(frames > 3)
    const { chainStart, nextFrame, readFrames, magic } = await import('./frames.js')
    const original = await collect(
      readFrames(
        (async function* () {
          yield await readFile(at('forged'))
        })(),
      ),
    )
    // Two frames change places, and everything is chained anew, as one would who has no key.
    const [header, first, second, ...rest] = original
    if (header === undefined || first === undefined || second === undefined) throw new Error('It has too few frames')
    let point = chainStart
    const forged: Uint8Array[] = [magic]
    for (const { kind, payload } of [header, second, first, ...rest]) {
      const next = nextFrame(point, kind, payload)
      forged.push(next.bytes)
      point = next.point
    }
    await writeFile(at('forged'), Buffer.concat(forged))
    await assert.rejects(verifyBackup(at('forged'), { key }), { code: 'DATA_LOSS' })
  })

  it('is not put into a store that holds something, unless that is wanted', async () => {
    await store.backup(at('again'))
    await using copy = await openDocumentStore('memory:')
    await copy.tenant('acme').collection('notes').put('1', { mine: true })
    await assert.rejects(copy.restore(at('again')), { code: 'FAILED_PRECONDITION', reason: 'STORE_NOT_EMPTY' })
    await assert.rejects(copy.restore(at('again'), { into: 'fail' }), { code: 'ALREADY_EXISTS' })
    const skipped = await copy.restore(at('again'), { into: 'skip' })
    assert.deepEqual([skipped.skipped.documents, skipped.compared], [1, false])
    await copy.restore(at('again'), { into: 'replace' })
    assert.equal((await copy.digest()).sha256, (await store.digest()).sha256)
  })
})

/** With blobs of more than a frame, which do not compress. */
async function filled(): Promise<DocumentStore> {
  const store = await openDocumentStore('memory:')
  for (const id of ['acme', 'ü 😀']) {
    const tenant = store.tenant(id)
    await tenant.collection('notes').load(upTo(100).map((n) => ({ id: `${n}`, data: { n, text: 'NUL \0' } })))
    await tenant.log('events').append(
      's',
      upTo(30).map((n) => ({ key: `k${n}`, data: { n } })),
    )
    await tenant.log('events').fork('s', 10, 'a branch')
    const { hash } = await tenant.blobs.put(randomBytes(700_000))
    await tenant.blobs.link(hash, 'somebody')
    await tenant.blobs.put(Buffer.alloc(0))
  }
  await store.blobs.put(randomBytes(5_000_000))
  await store.log('empty').head('none')
  return store
}
