import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import type { Blobs } from '../document-store.js'
import { collect, type Suite, upTo } from './suite.js'

export function testBlobs(suite: Suite): void {
  const open = (): Blobs => suite.tenant().blobs
  const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
  const part = async (blobs: Blobs, hash: string, range?: { start?: number; end?: number }) =>
    Buffer.concat(
      (await collect(blobs.get(hash, range))).map((piece) => {
        assert.ok(Buffer.isBuffer(piece))
        return piece
      }),
    )
  const missing = { code: 'NOT_FOUND' }

  /** Bytes of which no two stretches are alike. */
  function content(sizeBytes: number): Buffer {
    const words = new Uint32Array(Math.ceil(sizeBytes / 4)).map((_, index) => Math.imul(index + 1, 2_654_435_761))
    return Buffer.from(words.buffer).subarray(0, sizeBytes)
  }

  async function* inParts(bytes: Uint8Array, size: number): AsyncIterable<Uint8Array> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
  }

  describe('a blob', () => {
    it('is kept under the sha256 of its bytes', async () => {
      const blobs = open()
      const bytes = Buffer.from('hello')
      const before = await suite.store.now()
      const put = await blobs.put(bytes, { contentType: 'text/plain' })
      assert.deepEqual(
        { hash: put.hash, sizeBytes: put.sizeBytes, contentType: put.contentType },
        { hash: sha256(bytes), sizeBytes: 5, contentType: 'text/plain' },
      )
      assert.ok(before <= put.createdAt && put.createdAt <= (await suite.store.now()))
      assert.deepEqual(await blobs.stat(put.hash), put)
      assert.deepEqual(Buffer.from(await blobs.bytes(put.hash)), bytes)
    })

    it('may have a head that is known when all the rest is there, or before', async () => {
      const blobs = open()
      const chunk = 256 * 1024
      for (const size of [44, 45, chunk - 1, chunk, chunk + 1, 3 * chunk + 7]) {
        for (const knownAt of [0, Math.floor(size / 2), size]) {
          const bytes = content(size)
          let tell: (head: Uint8Array) => void = () => undefined
          const head = { sizeBytes: 44, bytes: new Promise<Uint8Array>((resolve) => (tell = resolve)) }
          const source = async function* () {
            for (let at = 44; at < size; at += 50_000) {
              if (at >= knownAt) tell(bytes.subarray(0, 44))
              // The buffer is the source's own.
              const reused = Buffer.from(bytes.subarray(at, Math.min(size, at + 50_000)))
              yield reused
              reused.fill(0)
            }
            tell(bytes.subarray(0, 44))
          }
          const { hash, sizeBytes } = await blobs.put(source(), { head })
          assert.deepEqual([hash, sizeBytes], [sha256(bytes), size])
          assert.ok(bytes.equals(await blobs.bytes(hash)), `${size} bytes`)
        }
      }
      const wrong = { sizeBytes: 44, bytes: Promise.resolve(content(43)) }
      await assert.rejects(blobs.put(inParts(content(2 * chunk), chunk), { head: wrong }), {
        code: 'INVALID_ARGUMENT',
        fields: [{ field: 'head', description: 'must be the 44 bytes that were announced' }],
      })
      await assert.rejects(blobs.put(content(3), { head: { ...wrong, sizeBytes: 0 } }), { code: 'INVALID_ARGUMENT' })
    })

    it('of any size comes back whole, and in any range', async () => {
      const blobs = open()
      const chunk = 256 * 1024
      for (const size of [0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, 3 * chunk + 7]) {
        const bytes = content(size)
        const { hash, sizeBytes } = await blobs.put(bytes)
        assert.equal(sizeBytes, size)
        assert.ok(bytes.equals(await blobs.bytes(hash)), `${size} bytes`)
        for (const [start, end] of [
          [0, size],
          [size, size],
          [0, 0],
          [Math.floor(size / 3), Math.floor((size * 2) / 3)],
        ]) {
          const range = { ...(start === undefined ? {} : { start }), ...(end === undefined ? {} : { end }) }
          assert.ok(bytes.subarray(start, end).equals(await part(blobs, hash, range)), `${start} to ${end} of ${size}`)
        }
        assert.ok(bytes.subarray(Math.min(size, 100)).equals(await part(blobs, hash, { start: Math.min(size, 100) })))
      }
      const { hash } = await blobs.put(content(3 * chunk))
      for (const [start, end] of [
        [chunk - 1, chunk + 1],
        [chunk, 2 * chunk],
        [2 * chunk - 3, 3 * chunk],
      ] as const) {
        assert.ok(
          content(3 * chunk)
            .subarray(start, end)
            .equals(await part(blobs, hash, { start, end })),
        )
      }
    })

    it('can be put as a stream of parts of any size', async () => {
      const blobs = open()
      const bytes = content(900_000)
      for (const size of [100_000, 262_144, 300_000, 900_000]) {
        const { hash, sizeBytes } = await blobs.put(inParts(bytes, size), { contentType: 'image/png' })
        assert.deepEqual([hash, sizeBytes], [sha256(bytes), bytes.length])
      }
      const odd = content(5_000)
      const { hash } = await blobs.put(inParts(odd, 7))
      assert.ok(odd.equals(await blobs.bytes(hash)))
      const nothing = await blobs.put(inParts(new Uint8Array(), 1))
      assert.deepEqual([nothing.sizeBytes, (await blobs.bytes(nothing.hash)).length], [0, 0])
    })

    it('is kept once, however often it is put', async () => {
      const blobs = open()
      const bytes = content(300_000)
      const puts = await Promise.all(upTo(6).map((n) => blobs.put(n % 2 === 0 ? bytes : inParts(bytes, 99_999))))
      for (const put of puts) assert.deepEqual(put, puts[0])
      const again = await blobs.put(bytes, { contentType: 'other/type' })
      assert.deepEqual(again, puts[0])
      assert.equal(await blobs.remove(again.hash), true)
      assert.equal(await blobs.stat(again.hash), undefined)
    })

    it('is stored as it was when it was put, whatever becomes of the buffer', async () => {
      const blobs = open()
      const bytes = Buffer.from('before')
      const put = blobs.put(bytes)
      bytes.write('after!')
      const { hash } = await put
      assert.equal(hash, sha256(Buffer.from('before')))
      assert.equal(Buffer.from(await blobs.bytes(hash)).toString(), 'before')
      async function* reused(): AsyncIterable<Uint8Array> {
        for (const text of ['one', 'two', 'six']) {
          bytes.write(text)
          yield bytes.subarray(0, 3)
        }
      }
      const { hash: streamed } = await blobs.put(reused())
      assert.equal(Buffer.from(await blobs.bytes(streamed)).toString(), 'onetwosix')
    })

    it('whose source fails is not there', async () => {
      const blobs = open()
      const failure = new Error('the source broke')
      async function* broken(): AsyncIterable<Uint8Array> {
        yield content(600_000)
        throw failure
      }
      await assert.rejects(blobs.put(broken()), failure)
      assert.equal(await blobs.stat(sha256(content(600_000))), undefined)
    })

    it('that is not there is NOT_FOUND to readers', async () => {
      const blobs = open()
      const hash = sha256(Buffer.from('never stored'))
      assert.equal(await blobs.stat(hash), undefined)
      assert.equal(await blobs.remove(hash), false)
      await assert.rejects(blobs.bytes(hash), missing)
      await assert.rejects(part(blobs, hash, { start: 0, end: 0 }), missing)
    })

    it('refuses ranges outside of it', async () => {
      const blobs = open()
      const { hash } = await blobs.put(Buffer.from('hello'))
      await assert.rejects(part(blobs, hash, { start: 0, end: 6 }), { code: 'OUT_OF_RANGE' })
      await assert.rejects(part(blobs, hash, { start: 6 }), { code: 'OUT_OF_RANGE' })
      await assert.rejects(part(blobs, hash, { start: 3, end: 2 }), { code: 'OUT_OF_RANGE' })
      await assert.rejects(part(blobs, hash, { start: -1 }), { code: 'INVALID_ARGUMENT' })
      await assert.rejects(part(blobs, hash, { end: 1.5 }), { code: 'INVALID_ARGUMENT' })
      await assert.rejects(part(blobs, hash, { start: NaN }), { code: 'INVALID_ARGUMENT' })
    })

    it('can be removed, and put again', async () => {
      const blobs = open()
      const bytes = content(300_000)
      const { hash } = await blobs.put(bytes)
      assert.equal(await blobs.remove(hash), true)
      assert.equal(await blobs.remove(hash), false)
      await assert.rejects(blobs.bytes(hash), missing)
      await blobs.put(bytes)
      assert.ok(bytes.equals(await blobs.bytes(hash)))
    })

    it('can be left half-read', async () => {
      const blobs = open()
      const { hash } = await blobs.put(content(2_000_000))
      for await (const piece of blobs.get(hash)) {
        assert.ok(piece.length > 0 && piece.length < 2_000_000)
        break
      }
      assert.equal((await blobs.bytes(hash)).length, 2_000_000)
    })
  })
}
