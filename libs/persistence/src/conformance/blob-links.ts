import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BlobOwner, Blobs } from '../document-store.js'
import { faultOf, type Suite, untyped, upTo } from './suite.js'

export function testBlobLinks(suite: Suite): void {
  const missing = { code: 'NOT_FOUND' }
  const refused = { code: 'FAILED_PRECONDITION', reason: 'BLOB_LINKED' }
  const unknownHash = 'ab'.repeat(32)

  async function putText(blobs: Blobs, text: string): Promise<string> {
    return (await blobs.put(Buffer.from(text))).hash
  }

  describe('a linked blob', () => {
    it('says who links it, and an owner what it links', async () => {
      const { blobs } = suite.tenant()
      const [a, b] = await Promise.all(['a', 'b'].map((text) => putText(blobs, text)))
      assert.ok(a !== undefined && b !== undefined)
      const owners: BlobOwner[] = [
        { collection: 'images', id: 'a/b:c' },
        { log: 'messages', stream: '1/2', seq: 7 },
        { log: 'messages', stream: '7/2' },
        'document:images/a/b:c',
        'a backup',
        'ż\u{1F600}\n',
      ]
      for (const owner of owners) assert.equal(await blobs.link(a, owner), true)
      for (const owner of owners) assert.equal(await blobs.link(a, owner), false)
      await blobs.link(b, 'a backup')
      const byText = (found: readonly BlobOwner[]) => found.map((owner) => JSON.stringify(owner)).toSorted()
      assert.deepEqual(byText(await blobs.links(a)), byText(owners))
      assert.deepEqual(await blobs.links(b), ['a backup'])
      assert.deepEqual(await blobs.linkedBy('a backup'), [a, b].toSorted())
      assert.deepEqual(await blobs.linkedBy({ log: 'messages', stream: '1/2' }), [])
      assert.deepEqual(await blobs.linkedBy({ log: 'messages', stream: '1/2', seq: 7 }), [a])
    })

    it('is neither removed nor collected until its last owner unlinks it', async () => {
      const { blobs } = suite.tenant()
      const hash = await putText(blobs, 'kept')
      await blobs.link(hash, 'one')
      await blobs.link(hash, { collection: 'images', id: 'two' })
      await assert.rejects(blobs.remove(hash), refused)
      assert.deepEqual(await blobs.collect({ olderThanMs: 0 }), { blobs: 0, sizeBytes: 0, uploads: 0, unreachable: 0 })
      assert.equal(await blobs.unlink(hash, 'one'), true)
      assert.equal(await blobs.unlink(hash, 'one'), false)
      await assert.rejects(blobs.remove(hash), refused)
      assert.equal((await blobs.collect({ olderThanMs: 0 })).blobs, 0)
      assert.equal(Buffer.from(await blobs.bytes(hash)).toString(), 'kept')
      assert.equal(await blobs.unlinkAll({ collection: 'images', id: 'two' }), 1)
      assert.deepEqual(await blobs.links(hash), [])
      assert.deepEqual(await blobs.collect({ olderThanMs: 0 }), { blobs: 1, sizeBytes: 4, uploads: 0, unreachable: 0 })
      await assert.rejects(blobs.bytes(hash), missing)
    })

    it('can be removed once it is linked no more', async () => {
      const { blobs } = suite.tenant()
      const hash = await putText(blobs, 'removable')
      await blobs.link(hash, 'one')
      await blobs.unlink(hash, 'one')
      assert.equal(await blobs.remove(hash), true)
      await assert.rejects(blobs.link(hash, 'one'), missing)
    })

    it('is unlinked from all that an owner links, and from nobody else', async () => {
      const { blobs } = suite.tenant()
      const hashes = await Promise.all(upTo(12).map((n) => putText(blobs, `blob ${n}`)))
      for (const hash of hashes) await blobs.link(hash, 'owner')
      await blobs.link(hashes[0] ?? '', 'other')
      assert.equal(await blobs.unlinkAll('owner'), 12)
      assert.equal(await blobs.unlinkAll('owner'), 0)
      assert.deepEqual(await blobs.linkedBy('owner'), [])
      assert.deepEqual(await blobs.linkedBy('other'), [hashes[0]])
      assert.equal((await blobs.collect({ olderThanMs: 0 })).blobs, 11)
      assert.ok((await blobs.stat(hashes[0] ?? '')) !== undefined)
    })

    it('is linked with its owner’s own write, or not at all', async () => {
      const tenant = suite.tenant()
      const [kept, lost] = [await putText(tenant.blobs, 'kept'), await putText(tenant.blobs, 'lost')]
      await tenant.transaction(async (tx) => {
        await tx.collection('conformance-images').put('one', { picture: kept })
        await tx.blobs.link(kept, { collection: 'conformance-images', id: 'one' })
      })
      await assert.rejects(
        tenant.transaction(async (tx) => {
          await tx.blobs.link(lost, { collection: 'conformance-images', id: 'two' })
          await tx.blobs.unlink(kept, { collection: 'conformance-images', id: 'one' })
          throw new Error('changed my mind')
        }),
        /changed my mind/,
      )
      assert.deepEqual(await tenant.blobs.links(kept), [{ collection: 'conformance-images', id: 'one' }])
      assert.deepEqual(await tenant.blobs.links(lost), [])
      await assert.rejects(
        tenant.transaction((tx) => tx.blobs.link(unknownHash, 'one')),
        missing,
      )
      await assert.rejects(
        tenant.transaction((tx) => tx.blobs.remove(kept)),
        refused,
      )
      await tenant.transaction(async (tx) => {
        await tx.collection('conformance-images').deleteOne('one')
        await tx.blobs.unlinkAll({ collection: 'conformance-images', id: 'one' })
      })
      assert.equal((await tenant.blobs.collect({ olderThanMs: 0 })).blobs, 2)
    })

    it('that was put within a transaction is there with it, wherever bytes are kept', async () => {
      const tenant = suite.tenant()
      const large = Buffer.alloc(700_000, 'within')
      const { hash } = await tenant.transaction(async (tx) => {
        const put = await tx.blobs.put(large)
        await tx.blobs.link(put.hash, 'owner')
        assert.ok(large.equals(await tx.blobs.bytes(put.hash)))
        return put
      })
      assert.ok(large.equals(await tenant.blobs.bytes(hash)))
      await assert.rejects(
        tenant.transaction((tx) => tx.blobs.collect()),
        { code: 'FAILED_PRECONDITION' },
      )
    })

    it('is removed within a transaction, or stays when that fails', async () => {
      const tenant = suite.tenant()
      const { hash } = await tenant.blobs.put(Buffer.alloc(700_000, 'x'))
      await assert.rejects(
        tenant.transaction(async (tx) => {
          assert.equal(await tx.blobs.remove(hash), true)
          throw new Error('changed my mind')
        }),
        /changed my mind/,
      )
      assert.equal((await tenant.blobs.bytes(hash)).length, 700_000)
      await tenant.transaction((tx) => tx.blobs.remove(hash))
      await assert.rejects(tenant.blobs.bytes(hash), missing)
      await tenant.blobs.collect({ olderThanMs: 0 })
      assert.equal((await tenant.blobs.put(Buffer.alloc(700_000, 'x'))).hash, hash)
      assert.equal((await tenant.blobs.bytes(hash)).length, 700_000)
    })

    it('belongs to one tenant: others neither link, unlink nor collect it', async () => {
      const [mine, other] = [suite.tenant().blobs, suite.tenant().blobs]
      const hash = await putText(mine, 'mine')
      await assert.rejects(other.link(hash, 'owner'), missing)
      assert.equal((await other.collect({ olderThanMs: 0 })).blobs, 0)
      assert.equal(await putText(other, 'mine'), hash)
      await mine.link(hash, 'owner')
      assert.deepEqual(await other.links(hash), [])
      assert.equal(await other.unlink(hash, 'owner'), false)
      assert.equal(await other.unlinkAll('owner'), 0)
      assert.equal((await other.collect({ olderThanMs: 0 })).blobs, 1)
      assert.equal(Buffer.from(await mine.bytes(hash)).toString(), 'mine')
      assert.deepEqual(await mine.links(hash), ['owner'])
    })
  })

  describe('a collection of blobs', () => {
    it('spares for its grace time what was put, put again, or unlinked', async () => {
      const { blobs } = suite.tenant()
      const [old, again, unlinked] = await Promise.all(['old', 'again', 'unlinked'].map((text) => putText(blobs, text)))
      assert.ok(old !== undefined && again !== undefined && unlinked !== undefined)
      await blobs.link(unlinked, 'owner')
      assert.equal((await blobs.collect()).blobs, 0)
      const since = await suite.store.now()
      await sleep(500)
      await putText(blobs, 'again')
      await blobs.unlink(unlinked, 'owner')
      const olderThanMs = (await suite.store.now()).getTime() - since.getTime()
      assert.equal((await blobs.collect({ olderThanMs })).blobs, 1)
      assert.equal(await blobs.stat(old), undefined)
      assert.ok((await blobs.stat(again)) !== undefined && (await blobs.stat(unlinked)) !== undefined)
      assert.equal((await blobs.collect({ olderThanMs: 0 })).blobs, 2)
    })

    it('of all tenants spares what is younger than its grace time', async () => {
      const [one, other] = [suite.tenant().blobs, suite.tenant().blobs]
      const hash = await putText(one, 'young')
      await putText(other, 'young')
      await suite.store.collectBlobs()
      assert.ok((await one.stat(hash)) !== undefined && (await other.stat(hash)) !== undefined)
      await assert.rejects(suite.store.collectBlobs(untyped({ olderThan: 1 })), faultOf('olderThan'))
    })

    it('removes large blobs and many, and counts them', async () => {
      const { blobs } = suite.tenant()
      await Promise.all(upTo(30).map((n) => putText(blobs, `blob ${n}`)))
      const large = Buffer.alloc(1_000_000, 'large')
      const { hash } = await blobs.put(large)
      const { blobs: count, sizeBytes } = await blobs.collect({ olderThanMs: 0 })
      assert.deepEqual([count, sizeBytes], [31, 1_000_000 + 10 * 6 + 20 * 7])
      await assert.rejects(blobs.bytes(hash), missing)
      await blobs.put(large)
      assert.ok(large.equals(await blobs.bytes(hash)))
    })

    it('never leaves a link without its blob, however many put and link meanwhile', async () => {
      const tenant = suite.tenant()
      let ended = false
      const collecting = (async () => {
        while (!ended) {
          await tenant.blobs.collect({ olderThanMs: 0 })
          // In memory nothing else gives the others a turn.
          await sleep(1)
        }
      })()
      const lost: string[] = []
      try {
        await Promise.all(
          upTo(4).map(async (writer) => {
            for (const round of upTo(15)) {
              const owner = `${writer}/${round}`
              const text = `round ${round % 3}`
              const link = async () => tenant.blobs.link(await putText(tenant.blobs, text), owner)
              // Without a grace time the collector may come between put and link; that the link says so is what counts.
              for (let made = false; !made;) made = await link().catch(unless('NOT_FOUND'))
              const [hash = ''] = await tenant.blobs.linkedBy(owner)
              const bytes = await tenant.blobs.bytes(hash)
              if (Buffer.from(bytes).toString() !== text) lost.push(owner)
              await tenant.blobs.unlink(hash, owner)
            }
          }),
        )
      } finally {
        ended = true
        await collecting
      }
      assert.deepEqual(lost, [])
    })
  })

  describe('a put that is cut', () => {
    it('by its signal ends at once and keeps nothing', async () => {
      const { blobs } = suite.tenant()
      const cut = new AbortController()
      let returned = false
      const source = {
        [Symbol.asyncIterator]: () => {
          let given = 0
          return {
            next: async () => {
              given += 1
              if (given <= 4) return { done: false as const, value: Buffer.alloc(300_000, given) }
              setTimeout(() => cut.abort(new Error('enough')), 20)
              return new Promise<never>(() => {})
            },
            return: async () => {
              returned = true
              return { done: true as const, value: undefined }
            },
          }
        },
      }
      await assert.rejects(blobs.put(source, { signal: cut.signal }), { code: 'CANCELLED' })
      assert.equal(returned, true)
      await assert.rejects(blobs.put(Buffer.from('late'), { signal: cut.signal }), { code: 'CANCELLED' })
      assert.deepEqual(await blobs.collect({ olderThanMs: 0 }), { blobs: 0, sizeBytes: 0, uploads: 0, unreachable: 0 })
    })

    it('by what is not bytes, or by an error of its source, keeps nothing', async () => {
      const { blobs } = suite.tenant()
      async function* broken(last: unknown): AsyncIterable<Uint8Array> {
        yield Buffer.alloc(600_000, 1)
        if (last instanceof Error) throw last
        yield untyped(last)
      }
      await assert.rejects(blobs.put(broken(new Error('cut'))), /cut/)
      await assert.rejects(blobs.put(broken('text')), faultOf('content'))
      assert.deepEqual(await blobs.collect({ olderThanMs: 0 }), { blobs: 0, sizeBytes: 0, uploads: 0, unreachable: 0 })
    })
  })

  describe('a link of a blob', () => {
    it('refuses owners and options that make no sense', async () => {
      const { blobs } = suite.tenant()
      const hash = await putText(blobs, 'x')
      for (const [owner, field] of [
        ['', 'owner'],
        ['x'.repeat(513), 'owner'],
        ['\0', 'owner'],
        [7, 'owner'],
        [null, 'owner'],
        [{}, 'owner'],
        [{ collection: 'Images', id: '1' }, 'owner.collection'],
        [{ collection: 'images' }, 'owner.id'],
        [{ collection: 'images', id: '1', seq: 1 }, 'seq'],
        [{ log: 'm', stream: '' }, 'owner.stream'],
        [{ log: 'm', stream: 's', seq: 0 }, 'owner.seq'],
        [{ log: 'm', stream: 's', seq: 1.5 }, 'owner.seq'],
      ] as const) {
        await assert.rejects(blobs.link(hash, untyped(owner)), faultOf(field), JSON.stringify(owner))
        await assert.rejects(blobs.unlinkAll(untyped(owner)), faultOf(field))
      }
      await assert.rejects(blobs.link('abc', 'owner'), faultOf('hash'))
      await assert.rejects(blobs.unlink('abc', 'owner'), faultOf('hash'))
      await assert.rejects(blobs.links('abc'), faultOf('hash'))
      await assert.rejects(blobs.collect(untyped({ olderThan: 1 })), faultOf('olderThan'))
      for (const olderThanMs of [-1, 1.5, NaN, Infinity, '0', null]) {
        await assert.rejects(blobs.collect(untyped({ olderThanMs })), faultOf('olderThanMs'))
      }
      await assert.rejects(blobs.put(Buffer.from('x'), untyped({ signal: {} })), faultOf('signal'))
      await assert.rejects(blobs.put(Buffer.from('x'), untyped({ type: 'x/y' })), faultOf('type'))
      assert.deepEqual(await blobs.links(hash), [])
    })
  })
}

function unless(code: string): (error: unknown) => false {
  return (error) => {
    assert.equal((error as { code?: unknown }).code, code, String(error))
    return false
  }
}
