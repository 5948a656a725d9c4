import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { DocumentStore, TenantStore } from '../document-store.js'
import { openDocumentStore } from '../open.js'
import { testEncryption } from './encryption.js'
import { collect, faultOf, type Json, type Suite, untyped, upTo } from './suite.js'

const nothing = { keys: 0, documents: 0, streams: 0, entries: 0, blobs: 0, links: 0 }

/** The first difference is enough to see. */
function assertSame(actual: readonly string[], expected: readonly string[]): void {
  const at = actual.findIndex((line, index) => line !== expected[index])
  if (at >= 0) assert.equal(actual[at], expected[at], `line ${at + 1}`)
  assert.equal(actual.length, expected.length)
}

export function testExports(suite: Suite): void {
  const collection = 'conformance-exports'
  const removable = 'conformance-exports-removable'
  const log = 'conformance-exports'
  /** Declarations are part of an export, and all tests share them. */
  const indexed = { indexes: [{ on: 'n' }] }
  const linesOf = (store: DocumentStore, tenant: string) => collect(store.export({ tenant }))
  const nasty = 'NUL \0, halves \ud800 and \udc00, a pair 😀, \ufdd0, "quotes", \\back\\slashes\\,"data":{} \u2028'

  /** Something of everything, in forms that are easy to lose. */
  async function fill(tenant: TenantStore): Promise<void> {
    const documents = tenant.collection<Json>(collection, indexed)
    await documents.load(upTo(1_200).map((n) => ({ id: `d-${n}`, data: { n, b: 1, a: [{ z: 1, y: null }] } })))
    await documents.put('ü 😀 "\\', { text: nasty, [nasty]: 1, 10: 1, 9: 1, big: 1e21, small: 1.5e-9 })
    for (const n of upTo(3)) await documents.put('d-7', { n, again: true })
    await documents.deleteOne('d-8')
    const tombstones = tenant.collection<Json>(removable, { softDelete: true })
    await tombstones.insertMany([
      { id: 'gone', data: { n: 1 } },
      { id: 'here', data: { n: 2 } },
    ])
    await tombstones.deleteOne('gone')
    const streams = tenant.log<Json>(log)
    await streams.append(
      'plain',
      upTo(1_500).map((n) => ({ key: `k-${n}`, data: { n } })),
    )
    await streams.append('text', [{ data: { text: nasty } }, { key: nasty.slice(5, 9), data: {} }])
    await streams.create('empty')
    await streams.append(
      'trimmed',
      upTo(10).map((n) => ({ data: { n } })),
    )
    await streams.trim('trimmed', { keepLast: 3 })
    await streams.fork('plain', 3, 'a-branch')
    await streams.append('a-branch', [{ key: 'own', data: { own: 1 } }])
    await streams.fork('a-branch', 2, 'z-branch-of-branch')
    await streams.append(
      'removed',
      upTo(5).map((n) => ({ data: { n } })),
    )
    await streams.fork('removed', 4, 'heir')
    await streams.remove('removed')
    await streams.amend('plain', 1, { n: 'amended' })
    await streams.amend('plain', 2, { n: 'forgotten' }, { forget: true })
    const large = await tenant.blobs.put(Buffer.alloc(600_000, 'holdfast'), { contentType: 'image/png' })
    await tenant.blobs.put(Buffer.alloc(0))
    await tenant.blobs.link(large.hash, { collection, id: 'd-7' })
    await tenant.blobs.link(large.hash, { log, stream: 'plain', seq: 3 })
  }

  describe('an export', () => {
    it('is byte-identical after an import into another store, and into this one', async () => {
      const tenant = suite.tenant()
      await fill(tenant)
      const lines = await linesOf(suite.store, tenant.tenantId)
      await using other = await openDocumentStore('memory:')
      const { read, written, skipped } = await other.import(lines)
      assert.deepEqual(read, {
        keys: 0,
        collections: 2,
        documents: 1_202,
        logs: 1,
        streams: 8,
        entries: 1_500 + 2 + 3 + 1 + 4,
        blobs: 2,
        links: 2,
      })
      const { collections: _, logs: __, ...contents } = read
      assert.deepEqual(written, contents)
      assert.deepEqual(skipped, { documents: 0, streams: 0 })
      assertSame(await linesOf(other, tenant.tenantId), lines)
      // What is there is there, in every detail.
      assert.deepEqual((await suite.store.import(lines)).written, nothing)

      const elsewhere = other.tenant(suite.tenant().tenantId)
      await fill(elsewhere)
      const foreign = await linesOf(other, elsewhere.tenantId)
      await suite.store.import(foreign)
      assertSame(await linesOf(suite.store, elsewhere.tenantId), foreign)
    })

    it('brings everything back as it was, and as it behaves', async () => {
      const tenant = suite.tenant()
      await using source = await openDocumentStore('memory:')
      await fill(source.tenant(tenant.tenantId))
      await suite.store.import(source.export())
      const before = source.tenant(tenant.tenantId)
      const documents = tenant.collection<Json>(collection)
      assert.deepEqual(await documents.get('d-7'), await before.collection<Json>(collection).get('d-7'))
      assert.equal((await documents.get('d-7'))?.version, 4)
      assert.equal((await documents.get('ü 😀 "\\'))?.data['text'], nasty)
      await assert.rejects(tenant.collection(removable, { softDelete: true }).put('gone', {}), {
        reason: 'DOCUMENT_REMOVED',
      })
      const streams = tenant.log<Json>(log)
      for (const stream of ['plain', 'text', 'empty', 'trimmed', 'a-branch', 'z-branch-of-branch', 'heir', 'removed']) {
        assert.deepEqual(await streams.head(stream), await before.log(log).head(stream), stream)
        assert.deepEqual(await streams.read(stream), await before.log(log).read(stream), stream)
      }
      await assert.rejects(streams.append('removed', [{ data: {} }]), { code: 'FAILED_PRECONDITION' })
      // The keys answer repeated appends of what was appended first, whatever it was amended to.
      assert.deepEqual((await streams.append('plain', [{ key: 'k-0', data: { n: 0 } }]))[0]?.data, { n: 'amended' })
      await assert.rejects(streams.append('plain', [{ key: 'k-0', data: { n: 1 } }]), { code: 'ALREADY_EXISTS' })
      assert.deepEqual((await streams.append('plain', [{ key: 'k-1', data: { any: 1 } }]))[0]?.data, { n: 'forgotten' })
      const [next] = await streams.append('plain', [{ data: { n: 'next' } }])
      assert.equal(next?.seq, 1_501)
      const [blob] = (await collect(source.export())).filter((line) => line.startsWith('{"type":"blob"'))
      const { hash } = JSON.parse(blob ?? '{}') as { hash: string }
      assert.deepEqual(await tenant.blobs.stat(hash), await before.blobs.stat(hash))
      assert.deepEqual(Buffer.from(await tenant.blobs.bytes(hash)), Buffer.from(await before.blobs.bytes(hash)))
      await assert.rejects(tenant.blobs.remove(await linked(tenant)), { reason: 'BLOB_LINKED' })
    })

    async function linked(tenant: TenantStore): Promise<string> {
      const { hash } = await tenant.blobs.put(Buffer.alloc(600_000, 'holdfast'))
      return hash
    }

    it('of one tenant can be imported as another', async () => {
      const tenant = suite.tenant()
      await fill(tenant)
      const lines = await linesOf(suite.store, tenant.tenantId)
      const copy = suite.tenant()
      await suite.store.import(lines, { tenant: copy.tenantId })
      await using other = await openDocumentStore('memory:')
      await other.import(suite.store.export({ tenant: copy.tenantId }), { tenant: tenant.tenantId })
      assertSame(await linesOf(other, tenant.tenantId), lines)
      await assert.rejects(other.import(other.export(), { tenant: 'x' }), faultOf('tenant'))
    })

    it('carries what is declared of lifetimes, deletions and retention', async () => {
      await using source = await openDocumentStore('memory:')
      await source.collection('short-lived', { ttlMs: 60_000 }).put('a', {})
      await source.collection(removable, { softDelete: { retainMs: 1_000, tombstonesMs: 2_000 } }).put('a', {})
      await source.log('short', { retain: { keepLast: 5, olderThanMs: 1_000_000 } }).append('s', [{ data: {} }])
      const lines = await collect(source.export())
      await using other = await openDocumentStore('memory:')
      await other.import(lines)
      assertSame(await collect(other.export()), lines)
      assert.ok(lines.some((line) => line.includes('"indexes":[],"expires":true')))
      assert.ok(lines.some((line) => line.includes('"softDelete":{"retainMs":1000,"tombstonesMs":2000}')))
      assert.ok(lines.some((line) => line.includes('"retain":{"keepLast":5,"olderThanMs":1000000}')))
      assert.ok((await other.collection('short-lived').get('a'))?.expiresAt instanceof Date)
    })

    it('keeps what is encrypted encrypted, and brings its keys only if asked for them', async () => {
      const encryption = { ...testEncryption, blobs: true }
      const tenant = suite.tenant()
      await using source = await openDocumentStore('memory:', { encryption })
      const origin = source.tenant(tenant.tenantId)
      await origin.collection<Json>('secrets', { encrypt: true }).put('a', { name: 'very secret' })
      const { hash } = await origin.blobs.put(Buffer.alloc(300_000, 'bytes'))
      const bare = await collect(source.export())
      assert.ok(bare.every((line) => !line.includes('very secret') && !line.startsWith('{"type":"key"')))
      const lines = await collect(source.export({ keys: true }))
      assert.ok(lines.some((line) => line.startsWith('{"type":"key"')))
      const { written } = await suite.store.import(lines)
      assert.ok(written.keys >= 1)
      const found = await tenant.collection<Json>('secrets', { encrypt: true }).get('a')
      assert.deepEqual(found?.data, { name: 'very secret' })
      assert.equal((await tenant.blobs.bytes(hash)).length, 300_000)
      const ofTenant = await collect(source.export({ keys: true, tenant: tenant.tenantId }))
      assertSame(await collect(suite.store.export({ keys: true, tenant: tenant.tenantId })), ofTenant)
      assert.equal((await suite.store.import(lines)).written.keys, 0)
      await using keyed = await openDocumentStore('memory:', { encryption })
      await keyed.tenant(tenant.tenantId).collection<Json>('secrets', { encrypt: true }).put('b', {})
      await assert.rejects(keyed.import(lines), { code: 'FAILED_PRECONDITION', reason: 'KEYS_DIFFER' })
    })

    it('holds nothing of others, and of an unknown tenant nothing but its frame', async () => {
      await fill(suite.tenant())
      const lines = await linesOf(suite.store, suite.tenant().tenantId)
      assert.equal(lines.length, 2)
      assert.match(lines[1] ?? '', /"type":"trailer","keys":0,"collections":0,"documents":0,/)
    })

    it('can be left before its end', async () => {
      const tenant = suite.tenant()
      await tenant.collection(collection).load(upTo(5_000).map((n) => ({ data: { n } })))
      let seen = 0
      for await (const _ of suite.store.export({ tenant: tenant.tenantId })) if ((seen += 1) === 10) break
      assert.equal(await tenant.collection(collection).count(), 5_000)
    })

    it('finds fault with unknown options', async () => {
      await assert.rejects(collect(suite.store.export(untyped({ tennant: 'a' }))), faultOf('tennant'))
      await assert.rejects(suite.store.import([], untyped({ force: true })), faultOf('force'))
      await assert.rejects(suite.store.import([], untyped({ onConflict: 'ask' })), faultOf('onConflict'))
    })
  })

  describe('an import', () => {
    /** As lines, of a tenant that this store has nothing of. */
    async function exported(documents: number): Promise<{ readonly tenant: TenantStore; readonly lines: string[] }> {
      const tenant = suite.tenant()
      await using source = await openDocumentStore('memory:')
      const origin = source.tenant(tenant.tenantId)
      await origin.collection(collection, indexed).load(upTo(documents).map((n) => ({ id: `d-${n}`, data: { n } })))
      await origin.log(log).append(
        's',
        upTo(20).map((n) => ({ key: String(n), data: { n } })),
      )
      await origin.blobs.put(Buffer.from('some bytes'))
      return { tenant, lines: await linesOf(source, tenant.tenantId) }
    }

    it('takes its lines in pieces of any size, as text or bytes', async () => {
      const { tenant, lines } = await exported(5)
      const bytes = Buffer.from(lines.join(''))
      const pieces = upTo(Math.ceil(bytes.length / 7)).map((n) => bytes.subarray(n * 7, n * 7 + 7))
      await suite.store.import(pieces)
      assert.equal((await suite.store.import([lines.join('')])).written.documents, 0)
      assertSame(await linesOf(suite.store, tenant.tenantId), lines)
    })

    it('refuses a line that was changed, lost, repeated or moved, and names it', async () => {
      const { tenant, lines } = await exported(5)
      const damaged = async (line: number, change: (lines: string[]) => string[]): Promise<void> => {
        await assert.rejects(suite.store.import(change([...lines])), {
          code: 'DATA_LOSS',
          reason: 'EXPORT_DAMAGED',
          metadata: { line: String(line) },
        })
      }
      const isDocument = lines.findIndex((line) => line.includes('"d-3"'))
      await damaged(isDocument + 1, (all) => all.with(isDocument, (all[isDocument] ?? '').replace('"n":3', '"n":4')))
      await damaged(isDocument + 1, (all) => all.toSpliced(isDocument, 1))
      await damaged(isDocument + 2, (all) => all.toSpliced(isDocument, 0, all[isDocument] ?? ''))
      await damaged(isDocument, (all) =>
        all.toSpliced(isDocument - 1, 2, all[isDocument] ?? '', all[isDocument - 1] ?? ''),
      )
      await damaged(1, (all) => all.slice(1))
      await damaged(1, () => [])
      await damaged(lines.length, (all) => all.slice(0, -1))
      await damaged(lines.length + 1, (all) => [...all, all.at(-1) ?? ''])
      await damaged(isDocument + 1, (all) => [...all.slice(0, isDocument), (all[isDocument] ?? '').slice(0, -20)])
      assert.equal((await suite.store.import(lines)).skipped.documents, 0)
      assertSame(await linesOf(suite.store, tenant.tenantId), lines)
    })

    it('goes on where it was interrupted, wherever that was', async () => {
      const tenant = suite.tenant()
      await using source = await openDocumentStore('memory:')
      await fill(source.tenant(tenant.tenantId))
      const lines = await linesOf(source, tenant.tenantId)
      const broken = new Error('the source broke')
      function* upToLine(end: number): Iterable<string> {
        yield* lines.slice(0, end)
        throw broken
      }
      for (const part of [0.3, 0.6, 0.9, 0.99]) {
        await assert.rejects(suite.store.import(upToLine(Math.floor(lines.length * part))), broken)
      }
      await suite.store.import(lines)
      assertSame(await linesOf(suite.store, tenant.tenantId), lines)
    })

    it('stops when told to, and goes on later', async () => {
      const { tenant, lines } = await exported(3_000)
      const stop = new AbortController()
      const onProgress = (bytes: number): void => void (bytes > 200_000 && stop.abort())
      await assert.rejects(suite.store.import(lines, { signal: stop.signal, onProgress }), { code: 'CANCELLED' })
      await suite.store.import(lines)
      assertSame(await linesOf(suite.store, tenant.tenantId), lines)
    })

    it('leaves, replaces or reports what is there and differs', async () => {
      const { tenant, lines } = await exported(5)
      const documents = tenant.collection<Json>(collection)
      const streams = tenant.log<Json>(log)
      await documents.put('d-2', { n: 'mine' })
      await streams.append('s', [{ data: { n: 'mine' } }])
      const line = String(lines.findIndex((text) => text.includes('"d-2"')) + 1)
      await assert.rejects(suite.store.import(lines), {
        code: 'ALREADY_EXISTS',
        reason: 'IMPORT_CONFLICT',
        metadata: { line },
      })
      const { skipped } = await suite.store.import(lines, { onConflict: 'skip' })
      assert.deepEqual(skipped, { documents: 1, streams: 1 })
      assert.deepEqual((await documents.get('d-2'))?.data, { n: 'mine' })
      assert.equal((await streams.head('s')).next, 2)
      const { written } = await suite.store.import(lines, { onConflict: 'replace' })
      assert.deepEqual([written.documents, written.streams], [1, 1])
      assert.deepEqual((await documents.get('d-2'))?.data, { n: 2 })
      assert.equal((await streams.head('s')).next, 21)
      assert.deepEqual((await suite.store.import(lines)).written, nothing)
      assertSame(await linesOf(suite.store, tenant.tenantId), lines)
    })
  })
}
