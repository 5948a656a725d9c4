import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { postgresForTests, type TestDatabase } from '@holdfast/test-servers'
import { collect, upTo } from '../conformance/suite.js'
import type { DocumentStore } from '../document-store.js'
import { openDocumentStore } from '../open.js'

describe('a move', () => {
  let origin: TestDatabase
  let other: TestDatabase
  let folder: string

  before(async () => {
    origin = await postgresForTests()
    other = await postgresForTests()
    folder = await mkdtemp(join(tmpdir(), 'holdfast-move-'))
  })

  after(async () => {
    await origin[Symbol.asyncDispose]()
    await other[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })

  it('takes along all that is written meanwhile, fences the source, and leads back', async () => {
    const from = await openDocumentStore(origin.url)
    const to = await openDocumentStore(`embedded:${join(folder, 'embedded')}`, { sweepIntervalMs: 0 })
    try {
      await fill(from)
      const writer = startWriting(from)
      // Copying alone changes nothing for those who write, and can be repeated.
      const copied = await from.moveTo(to, { until: 'copy' })
      assert.ok((copied.passes[0]?.written ?? 0) > 3_000 && !copied.fenced)
      const doing: string[] = []
      const report = await from.moveTo(to, { onProgress: (what) => void doing.push(what) })
      assert.deepEqual([report.fenced, new Set(doing).has('cutover')], [true, true])
      const refused = await writer.ended
      assert.deepEqual([refused.code, refused.reason], ['FAILED_PRECONDITION', 'READ_ONLY'])
      assert.match(refused.message, /has moved/)

      // What was acknowledged is there, what was deleted is not, and nothing else.
      const counters = to.collection<{ n: number }>('counters')
      assert.equal((await counters.get('counter'))?.data.n, writer.acknowledged)
      assert.equal((await to.log('counted').head('counter')).next - 1, writer.acknowledged)
      assert.equal(await counters.get('gone'), undefined)
      assert.ok((await collect(to.export())).join('') === (await collect(from.export())).join(''))

      // Everything that could write is refused; reading goes on.
      await assert.rejects(from.collection('new-collection').put('a', {}), { code: 'FAILED_PRECONDITION' })
      await assert.rejects(from.log('counted').append('s', [{ data: {} }]), { code: 'FAILED_PRECONDITION' })
      await assert.rejects(from.blobs.put(randomBytes(10)), { code: 'FAILED_PRECONDITION' })
      assert.equal((await from.collection<{ n: number }>('counters').get('counter'))?.data.n, writer.acknowledged)

      // Back: as it was, as long as nothing was written there; else the other way round.
      await counters.put('since', { n: 1 })
      const { sha256 } = await to.digest()
      await assert.rejects(from.endFence(sha256), { code: 'FAILED_PRECONDITION', reason: 'WRITTEN_SINCE' })
      await from.endFence()
      await from.collection('counters').put('stray', { n: 2 })
      await assert.rejects(to.moveTo(from), { reason: 'STORE_NOT_EMPTY' })
      await to.moveTo(from, { replace: true })
      assert.equal(await from.collection('counters').get('stray'), undefined)
      assert.deepEqual((await from.collection('counters').get('since'))?.data, { n: 1 })
      await from.collection('counters').put('after', { n: 3 })
    } finally {
      await from.close()
      await to.close()
    }
  })

  it('goes on after it was stopped, with unique values that changed places, and with blobs that came and went', async () => {
    await using from = await openDocumentStore(other.url)
    await using server = await postgresForTests()
    await using to = await openDocumentStore(server.url)
    const people = from.collection<{ email: string }>('people', { indexes: [{ on: 'email', unique: true }] })
    await people.load(upTo(1_500).map((n) => ({ id: `p-${n}`, data: { email: `${n}@example.org` } })))
    const gone = await from.blobs.put(randomBytes(300_000))
    await from.blobs.link(gone.hash, 'somebody')
    const stop = new AbortController()
    const onProgress = (_: string, rows: number): void => {
      if (rows >= 1_000) stop.abort()
    }
    await assert.rejects(from.moveTo(to, { signal: stop.signal, onProgress }), { code: 'CANCELLED' })
    await from.moveTo(to, { until: 'copy' })
    await people.put('p-1', { email: 'nobody@example.org' })
    await people.put('p-0', { email: '1@example.org' })
    await people.put('p-1', { email: '0@example.org' })
    await people.deleteMany({ email: { $regex: '^14' } })
    await from.blobs.unlink(gone.hash, 'somebody')
    await from.collectBlobs({ olderThanMs: 0 })
    const kept = await from.blobs.put(randomBytes(300_000))
    await from.blobs.link(kept.hash, 'somebody')
    const { fencedMs, sha256 } = await from.moveTo(to)
    assert.ok(fencedMs > 0)
    assert.equal(sha256, (await to.digest()).sha256)
    assert.deepEqual((await to.collection('people').get('p-0'))?.data, { email: '1@example.org' })
    assert.equal((await to.blobs.bytes(kept.hash)).length, 300_000)
    assert.equal(await to.blobs.stat(gone.hash), undefined)
  })
})

async function fill(store: DocumentStore): Promise<void> {
  await store
    .tenant('acme')
    .collection('notes')
    .load(upTo(3_000).map((n) => ({ id: `n-${n}`, data: { n } })))
  const log = store.tenant('acme').log('events')
  await log.append(
    's',
    upTo(100).map((n) => ({ key: `k${n}`, data: { n } })),
  )
  await log.fork('s', 10, 'a branch')
  await store.collection('counters').put('gone', { n: 0 })
}

/** Writes a document and an entry in one transaction each time, until it is refused. */
function startWriting(store: DocumentStore): { acknowledged: number; readonly ended: Promise<HoldfastError> } {
  const state = { acknowledged: 0 }
  const write = async (): Promise<HoldfastError> => {
    try {
      for (let n = 1; ; n += 1) {
        await store.transaction(async (tx) => {
          await tx.collection('counters').put('counter', { n })
          await tx.log('counted').append('counter', [{ key: `${n}`, data: { n } }])
        })
        state.acknowledged = n
        if (n === 3) await store.collection('counters').deleteOne('gone')
      }
    } catch (error) {
      if (error instanceof HoldfastError) return error
      throw error
    }
  }
  return Object.assign(state, { ended: write() })
}
