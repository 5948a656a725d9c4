import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { HoldfastError } from '@holdfast/errors'
import type { BlobHead } from '../contract/blobs.js'
import { blobChunkBytes, type BlobOperations } from './blob-operations.js'
import { StoredBlobs } from './stored-blobs.js'
import { openSqlBackend } from '../sql/sql-backend.js'
import { type Server, servers } from '../sql/servers.test.support.js'

for (const [name, start] of servers) {
  describe(`blobs on ${name}`, () => {
    let server: Server
    let operations: BlobOperations

    before(async () => {
      server = await start()
      const backend = openSqlBackend(server.driver)
      await backend.migrate()
      operations = backend.blobs
    })

    after(async () => {
      await server[Symbol.asyncDispose]()
    })

    function open(mishap: Partial<BlobOperations> = {}) {
      const tenant = `t-${randomUUID()}`
      const wired = new Proxy(operations, {
        get: (target, name: keyof BlobOperations) => mishap[name] ?? target[name].bind(target),
      })
      const chunks = async () => {
        const text = `select (select count(*) from holdfast.blob_chunks where tenant = $1)
          + (select count(*) from holdfast.blob_uploads where tenant = $1)`
        return Number((await server.driver.query({ text, values: [tenant] }))[0]?.[0])
      }
      return { tenant, blobs: new StoredBlobs(tenant, wired), chunks }
    }

    const large = Buffer.alloc(3 * blobChunkBytes + 5, 'holdfast')

    it('leave no chunk of an upload whose source fails', async () => {
      const { blobs, chunks } = open()
      async function* broken(): AsyncIterable<Uint8Array> {
        yield large
        throw new Error('the source broke')
      }
      await assert.rejects(blobs.put(broken()), /the source broke/)
      assert.equal(await chunks(), 0)
    })

    it('leave no chunk of a blob that was there already, or was removed', async () => {
      const { blobs, chunks } = open()
      const source = async function* () {
        yield large
      }
      const [first] = await Promise.all([blobs.put(source()), blobs.put(source()), blobs.put(large)])
      assert.equal(await chunks(), 4)
      await blobs.put(source())
      assert.equal(await chunks(), 4)
      const head = { sizeBytes: 4, bytes: Promise.resolve(large.subarray(0, 4)) }
      const tail = async function* () {
        yield large.subarray(4)
      }
      assert.equal((await blobs.put(tail(), { head })).hash, first.hash)
      assert.equal(await chunks(), 4)
      await blobs.remove(first.hash)
      assert.equal(await chunks(), 0)
      // Of a new blob the first chunk comes with the last one.
      const headed = await blobs.put(tail(), { head })
      assert.deepEqual([headed.hash, await chunks()], [first.hash, 4])
      assert.ok(large.equals(await blobs.bytes(headed.hash)))
    })

    it('come in one commit when they have no more than two chunks, and the last two with the end of larger ones', async () => {
      const steps: string[] = []
      const { blobs, chunks } = open({
        async begin(...call) {
          steps.push('begin')
          await operations.begin(...call)
        },
        async putChunk(...call) {
          steps.push(`chunk ${call[2]}`)
          await operations.putChunk(...call)
        },
        async finish(...call) {
          steps.push(`finish with ${call[3]?.map(({ index }) => index).join()}`)
          return operations.finish(...call)
        },
      })
      const stepsOf = async (bytes: Buffer, head?: BlobHead, pauseMs = 0): Promise<string[]> => {
        const before = await chunks()
        const source = (async function* () {
          const { length } = bytes
          for (let at = head?.sizeBytes ?? 0; at < length; at = Math.min(length, at + blobChunkBytes)) {
            if (at > blobChunkBytes && pauseMs > 0) await pause(pauseMs)
            yield bytes.subarray(at, at + blobChunkBytes)
          }
        })()
        const { hash } = await blobs.put(source, head === undefined ? {} : { head })
        assert.ok(bytes.equals(await blobs.bytes(hash)))
        assert.equal((await chunks()) - before, Math.ceil(bytes.length / blobChunkBytes))
        await blobs.remove(hash)
        return steps.splice(0)
      }
      const of = (sizeBytes: number): Buffer => large.subarray(0, sizeBytes)
      const head = { sizeBytes: 4, bytes: Promise.resolve(of(4)) }
      assert.deepEqual(await stepsOf(of(2 * blobChunkBytes)), ['finish with 0,1'])
      assert.deepEqual(await stepsOf(of(2 * blobChunkBytes + 1)), ['chunk 0', 'finish with 1,2'])
      assert.deepEqual(await stepsOf(of(2 * blobChunkBytes), head), ['finish with 0,1'])
      assert.deepEqual(await stepsOf(of(3 * blobChunkBytes), head), ['finish with 0,1,2'])
      assert.deepEqual(await stepsOf(of(3 * blobChunkBytes + 1), head), ['begin', 'chunk 1', 'finish with 0,2,3'])
      // What does not come at once is stored while the rest is waited for.
      assert.deepEqual(await stepsOf(of(2 * blobChunkBytes + 1), undefined, 200), [
        'chunk 0',
        'chunk 1',
        'finish with 2',
      ])
    })

    it('are whole however long it takes to store a chunk, and each is stored once', async () => {
      for (const storingMs of [0, 15, 25, 60]) {
        const stored: number[] = []
        const { blobs, chunks } = open({
          async putChunk(...call) {
            await pause(storingMs)
            stored.push(call[2])
            return operations.putChunk(...call)
          },
        })
        const bytes = Buffer.concat(Array.from({ length: 6 }, (_, n) => Buffer.alloc(blobChunkBytes - 7, `chunk ${n}`)))
        const source = (async function* () {
          for (let at = 0; at < bytes.length; at += 100_000) {
            yield bytes.subarray(at, at + 100_000)
            if (at % 300_000 === 0) await pause(storingMs)
          }
        })()
        const { hash } = await blobs.put(source)
        assert.ok(bytes.equals(await blobs.bytes(hash)))
        assert.deepEqual(
          stored,
          [...new Set(stored)].sort((a, b) => a - b),
        )
        assert.equal(await chunks(), 6)
      }
    })

    it('are found again when the answer to their last step was lost', async () => {
      let lost = 0
      const { blobs, chunks } = open({
        async finish(...call) {
          const record = await operations.finish(...call)
          lost += 1
          if (lost < 3) throw new HoldfastError('UNKNOWN', 'The connection was lost before the answer')
          return record
        },
      })
      const { hash } = await blobs.put(large)
      assert.equal(lost, 3)
      assert.equal(await chunks(), 4)
      assert.ok(large.equals(await blobs.bytes(hash)))
    })

    it('tell damage from absence', async () => {
      const { blobs, tenant } = open()
      const { hash } = await blobs.put(large)
      const damage = (sql: string) => server.driver.query({ text: `${sql} and tenant = $1`, values: [tenant] })
      await damage(`update holdfast.blob_chunks set bytes = overlay(bytes placing 'X'::bytea from 1) where place = 2`)
      const damaged = { code: 'DATA_LOSS', reason: 'BLOB_DAMAGED' }
      await assert.rejects(blobs.bytes(hash), damaged)
      await damage(`update holdfast.blob_chunks set bytes = 'short'::bytea where place = 1`)
      await assert.rejects(blobs.bytes(hash), damaged)
      await damage('delete from holdfast.blob_chunks where place = 0')
      await assert.rejects(blobs.bytes(hash), damaged)
      await blobs.remove(hash)
      await assert.rejects(blobs.bytes(hash), { code: 'NOT_FOUND' })
    })

    it('read no more chunks than a range touches', async () => {
      const touched: number[] = []
      const { blobs } = open({
        readChunk(tenant, hash, index) {
          touched.push(index)
          return operations.readChunk(tenant, hash, index)
        },
      })
      const { hash } = await blobs.put(large)
      for await (const _ of blobs.get(hash, { start: blobChunkBytes - 1, end: 2 * blobChunkBytes }));
      assert.deepEqual(touched, [0, 1])
    })

    it('pass through without ever being in memory as a whole', async () => {
      let produced = 0
      let stored = 0
      let fetched = 0
      const { blobs } = open({
        async putChunk(...call) {
          await operations.putChunk(...call)
          stored += call[3].length
        },
        async readChunk(...call) {
          const chunk = await operations.readChunk(...call)
          fetched += chunk?.length ?? 0
          return chunk
        },
      })
      const part = Buffer.alloc(100_000)
      const digest = createHash('sha256')
      async function* source(): AsyncIterable<Uint8Array> {
        for (let n = 0; n < 50; n += 1) {
          assert.ok(produced - stored <= 2 * blobChunkBytes, `${produced - stored} bytes wait to be stored`)
          part.writeUInt32LE(n)
          digest.update(part)
          produced += part.length
          yield part
        }
      }
      const { hash, sizeBytes } = await blobs.put(source())
      assert.deepEqual([hash, sizeBytes], [digest.digest('hex'), 50 * part.length])
      let read = 0
      for await (const piece of blobs.get(hash)) {
        read += piece.length
        assert.equal(fetched, read)
      }
      assert.equal(read, sizeBytes)
    })

    it('are refused when hash or type make no sense', async () => {
      const { blobs } = open()
      for (const hash of ['', 'abc', 'A'.repeat(64), `${'a'.repeat(63)}\n`]) {
        await assert.rejects(blobs.stat(hash), { code: 'INVALID_ARGUMENT' })
      }
      await assert.rejects(blobs.put(large, { contentType: 'image/png\n' }), { code: 'INVALID_ARGUMENT' })
      await assert.rejects(blobs.put('text' as never), { code: 'INVALID_ARGUMENT' })
    })
  })
}
