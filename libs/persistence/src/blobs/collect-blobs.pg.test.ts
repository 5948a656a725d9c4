import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { HoldfastError } from '@holdfast/errors'
import { postgresForTests } from '@holdfast/test-servers'
import { openDocumentStore } from '../open.js'
import { openPostgresDriver } from '../postgres/driver.js'
import { SqlBlobs } from '../sql/blobs.js'
import { openSqlBackend } from '../sql/sql-backend.js'
import { BlobContents } from './blob-content.js'
import type { BlobsOption } from './blob-options.js'
import { eraseBlobs } from './collect-blobs.js'
import { openFolderContent } from './folder-content.js'
import { StoredBlobs } from './stored-blobs.js'

const root = mkdtempSync(join(tmpdir(), 'holdfast-collect-'))
const database = await postgresForTests()
const driver = await openPostgresDriver(database.url)
const backend = openSqlBackend(driver)
await backend.migrate()
after(async () => {
  await driver.close()
  await database[Symbol.asyncDispose]()
  await rm(root, { recursive: true, force: true })
})

async function count(text: string, ...values: string[]): Promise<number> {
  return Number((await driver.query({ text, values }))[0]?.[0])
}

/** As if its process had been killed long ago. */
async function age(tenant: string): Promise<void> {
  const text = `update holdfast.blob_uploads set touched_at = now() - interval '2 minutes' where tenant = $1`
  await driver.query({ text, values: [tenant] })
}

const left = (tenant: string) =>
  count(
    `select (select count(*) from holdfast.blobs where tenant = $1) + (select count(*) from holdfast.blob_chunks where tenant = $1)
      + (select count(*) from holdfast.blob_uploads where tenant = $1) + (select count(*) from holdfast.blob_links where tenant = $1)`,
    tenant,
  )

for (const [name, blobs] of [
  ['the database', 'database'],
  ['a folder', { folder: join(root, 'blobs') }],
] as readonly (readonly [string, BlobsOption])[]) {
  describe(`collecting blobs in ${name}`, () => {
    const open = () => openDocumentStore(database.url, { blobs })
    const files = async () =>
      typeof blobs === 'string'
        ? []
        : (await readdir(join(root, 'blobs'), { recursive: true, withFileTypes: true })).filter((one) => one.isFile())

    it('never breaks a link that another store makes at the same moment', async () => {
      await using writing = await open()
      await using collecting = await open()
      const tenant = `t-${randomUUID()}`
      const rounds = { links: 0, refused: 0, collected: 0 }
      let ended = false
      const collectors = [writing, collecting].map(async (store) => {
        while (!ended) rounds.collected += (await store.tenant(tenant).blobs.collect({ olderThanMs: 0 })).blobs
      })
      try {
        await Promise.all(
          Array.from({ length: 16 }, async (_, writer) => {
            const { blobs: mine } = (writer % 2 === 0 ? writing : collecting).tenant(tenant)
            // A look takes long on a busy machine, and must have come between a put and its link at least once.
            for (let round = 0; round < 12 || (rounds.collected === 0 && round < 500); round += 1) {
              const owner = `${writer}/${round}`
              // Two writers in a pair put the same bytes, so that one may unlink what the other links.
              const text = `bytes of pair ${writer >> 1}, ${round % 2}`
              const { hash } = await mine.put(Buffer.from(text))
              const linked = await mine.link(hash, owner).catch((error: unknown) => {
                assert.ok(error instanceof HoldfastError && error.code === 'NOT_FOUND', String(error))
                rounds.refused += 1
                return false
              })
              if (!linked) continue
              rounds.links += 1
              assert.equal(Buffer.from(await mine.bytes(hash)).toString(), text)
              assert.equal(await mine.unlink(hash, owner), true)
            }
          }),
        )
      } finally {
        ended = true
        await Promise.all(collectors)
      }
      assert.ok(rounds.links > 0 && rounds.collected > 0, JSON.stringify(rounds))
      await collecting.tenant(tenant).blobs.collect({ olderThanMs: 0 })
      assert.equal(await left(tenant), 0)
    })

    it('keeps every blob that is put within its grace time and linked, also in transactions', async () => {
      await using writing = await open()
      await using collecting = await open()
      const tenant = `t-${randomUUID()}`
      const scope = writing.tenant(tenant)
      let ended = false
      const collector = (async () => {
        while (!ended) await collecting.tenant(tenant).blobs.collect({ olderThanMs: 30_000 })
      })()
      const linked: string[] = []
      try {
        await Promise.all(
          Array.from({ length: 8 }, async (_, writer) => {
            for (let round = 0; round < 6; round += 1) {
              const id = `${writer}-${round}`
              const bytes = Buffer.from(`picture ${round}`)
              const { hash } = await scope.blobs.put(bytes)
              await scope.transaction(async (tx) => {
                await tx.collection('pictures').put(id, { hash })
                await tx.blobs.link(hash, { collection: 'pictures', id })
              })
              linked.push(hash)
            }
          }),
        )
      } finally {
        ended = true
        await collector
      }
      await collecting.tenant(tenant).blobs.collect({ olderThanMs: 0 })
      for (const hash of linked) assert.ok((await scope.blobs.bytes(hash)).length > 0)
      assert.equal(await count('select count(*) from holdfast.blob_links where tenant = $1', tenant), 48)
    })

    it('removes what killed processes left of their uploads, and nothing of those under way', async () => {
      await using store = await open()
      const tenant = `t-${randomUUID()}`
      const before = (await files()).length
      const child = fork(join(import.meta.dirname, 'endless-put.js'), [database.url, JSON.stringify(blobs), tenant])
      await once(child, 'message')
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
      assert.ok((await left(tenant)) > 0)
      assert.equal((await store.tenant(tenant).blobs.collect({ olderThanMs: 0 })).uploads, 0)
      await age(tenant)
      let goOn = (): void => {}
      const wait = new Promise<void>((resolve) => {
        goOn = resolve
      })
      async function* slow(): AsyncIterable<Uint8Array> {
        yield Buffer.alloc(700_000, 'slow')
        await wait
        yield Buffer.alloc(700_000, 'slow')
      }
      const put = store.tenant(tenant).blobs.put(slow())
      while ((await count('select count(*) from holdfast.blob_uploads where tenant = $1 ', tenant)) < 2);
      assert.equal((await store.tenant(tenant).blobs.collect({ olderThanMs: 0 })).uploads, 1)
      goOn()
      const { hash } = await put
      assert.equal((await store.tenant(tenant).blobs.bytes(hash)).length, 1_400_000)
      await store.tenant(tenant).blobs.remove(hash)
      assert.equal(await left(tenant), 0)
      assert.equal((await files()).length, before)
    })

    it('refuses an upload that was taken for a killed one and lives on after all', async () => {
      await using store = await open()
      const tenant = `t-${randomUUID()}`
      const before = (await files()).length
      let goOn = (): void => {}
      const wait = new Promise<void>((resolve) => {
        goOn = resolve
      })
      async function* stalled(): AsyncIterable<Uint8Array> {
        yield Buffer.alloc(700_000, 'stalled')
        await wait
        yield Buffer.alloc(700_000, 'stalled')
      }
      const put = store.tenant(tenant).blobs.put(stalled())
      put.catch(() => {})
      while ((await count('select count(*) from holdfast.blob_uploads where tenant = $1', tenant)) === 0);
      await age(tenant)
      assert.equal((await store.tenant(tenant).blobs.collect({ olderThanMs: 0 })).uploads, 1)
      goOn()
      await assert.rejects(put, { code: 'FAILED_PRECONDITION', reason: 'UPLOAD_GONE' })
      assert.equal(await left(tenant), 0)
      assert.equal((await files()).length, before)
    })

    it('finds nothing to do after puts whose source broke or whose signal aborted', async () => {
      await using store = await open()
      const tenant = `t-${randomUUID()}`
      const before = (await files()).length
      const cut = new AbortController()
      async function* broken(how: () => void): AsyncIterable<Uint8Array> {
        for (let part = 0; part < 4; part += 1) yield Buffer.alloc(300_000, part)
        how()
        await new Promise(() => {})
      }
      const fail = () => {
        throw new Error('the source broke')
      }
      await assert.rejects(store.tenant(tenant).blobs.put(broken(fail)), /the source broke/)
      const aborted = store.tenant(tenant).blobs.put(
        broken(() => cut.abort()),
        { signal: cut.signal },
      )
      await assert.rejects(aborted, { code: 'CANCELLED' })
      assert.equal(await left(tenant), 0)
      assert.equal((await files()).length, before)
    })

    it('is finished by the next when it was killed between record and bytes', async () => {
      await using store = await open()
      const tenant = `t-${randomUUID()}`
      const { blobs: mine } = store.tenant(tenant)
      await mine.put(Buffer.alloc(700_000, 'x'))
      // What a collector does first; then it is killed.
      assert.equal((await backend.blobs.dropUnlinked(tenant, 0, 10)).length, 1)
      assert.ok((await left(tenant)) > 0)
      const again = await mine.put(Buffer.alloc(700_000, 'x'))
      await mine.link(again.hash, 'owner')
      await mine.collect()
      assert.equal((await mine.bytes(again.hash)).length, 700_000)
      assert.equal(await count('select count(*) from holdfast.blob_uploads where tenant = $1', tenant), 0)
    })

    it('erases all blobs of a tenant, linked, unfinished and dead, and no other’s', async () => {
      await using store = await open()
      const [tenant, other] = [`t-${randomUUID()}`, `t-${randomUUID()}`]
      for (const one of [tenant, other]) {
        const scope = store.tenant(one)
        const { hash } = await scope.blobs.put(Buffer.alloc(700_000, 'x'))
        await scope.blobs.link(hash, 'one')
        await scope.blobs.link(hash, 'two')
        await scope.blobs.put(Buffer.from('small'))
        await backend.blobs.putChunk(one, 'under-way', 0, Buffer.from('y'))
      }
      const kept = await left(other)
      const before = (await files()).length
      const contents =
        typeof blobs === 'string' ? new BlobContents() : new BlobContents(await openFolderContent(join(root, 'blobs')))
      assert.deepEqual(await eraseBlobs(tenant, backend.blobs, contents), { blobs: 2, links: 2 })
      assert.deepEqual(await eraseBlobs(tenant, backend.blobs, contents), { blobs: 0, links: 0 })
      assert.equal(await left(tenant), 0)
      assert.equal(await left(other), kept)
      assert.equal((await files()).length, typeof blobs === 'string' ? 0 : before - 2)
      assert.equal((await new StoredBlobs(other, backend.blobs, contents).linkedBy('one')).length, 1)
    })
  })
}

describe('collecting blobs', () => {
  it('looks at blobs that may be garbage, not at all of them', async () => {
    await using store = await openDocumentStore(database.url)
    const tenant = `t-${randomUUID()}`
    const { blobs } = store.tenant(tenant)
    const hashes = await Promise.all(
      Array.from({ length: 20 }, async (_, n) => (await blobs.put(Buffer.from(`blob ${n}`))).hash),
    )
    for (const hash of hashes) {
      await blobs.link(hash, 'one')
      await blobs.link(hash, 'two')
    }
    const candidates = () => count('select count(*) from holdfast.blobs where tenant = $1 and not linked', tenant)
    assert.equal(await candidates(), 0)
    for (const hash of hashes) await blobs.unlink(hash, 'two')
    assert.equal(await candidates(), 20)
    await driver.query({
      text: `update holdfast.blobs set touched_at = now() - interval '1 hour' where tenant = $1`,
      values: [tenant],
    })
    assert.equal((await blobs.collect()).blobs, 0)
    assert.equal(await candidates(), 0)
    await blobs.unlinkAll('one')
    assert.equal((await blobs.collect({ olderThanMs: 0 })).blobs, 20)
  })

  it('leaves alone a blob that an open transaction has linked', async () => {
    const tenant = `t-${randomUUID()}`
    const blobs = new StoredBlobs(tenant, backend.blobs)
    const { hash } = await blobs.put(Buffer.from('x'))
    await driver.transaction(async (connection) => {
      await new SqlBlobs(connection).link(tenant, hash, 'name:owner')
      assert.deepEqual(await backend.blobs.dropUnlinked(tenant, 0, 10), [])
    })
    assert.deepEqual(await blobs.links(hash), ['owner'])
    assert.equal((await blobs.bytes(hash)).length, 1)
  })

  it('makes a link wait that comes at the same moment, and then be refused, or hold when the blob stays', async () => {
    const tenant = `t-${randomUUID()}`
    const blobs = new StoredBlobs(tenant, backend.blobs)
    const { hash } = await blobs.put(Buffer.from('x'))
    const linkDuring = async (end: () => void) => {
      let linking: Promise<boolean> | undefined
      let settled = false
      const collected = driver.transaction(async (connection) => {
        assert.equal((await new SqlBlobs(connection).dropUnlinked(tenant, 0, 10)).length, 1)
        linking = blobs.link(hash, 'owner').finally(() => {
          settled = true
        })
        linking.catch(() => {})
        await sleep(300)
        assert.equal(settled, false)
        end()
      })
      await collected.catch(() => {})
      return linking
    }
    const rollBack = () => {
      throw new Error('the collector was killed')
    }
    assert.equal(await linkDuring(rollBack), true)
    assert.equal((await blobs.bytes(hash)).length, 1)
    await blobs.unlink(hash, 'owner')
    await assert.rejects(
      linkDuring(() => {}),
      { code: 'NOT_FOUND' },
    )
    assert.equal(await count('select count(*) from holdfast.blob_links where tenant = $1', tenant), 0)
  })

  it('and a removal wait for each other in the same way', async () => {
    const tenant = `t-${randomUUID()}`
    const blobs = new StoredBlobs(tenant, backend.blobs)
    const { hash } = await blobs.put(Buffer.from('x'))
    let removing: Promise<boolean> | undefined
    await driver.transaction(async (connection) => {
      await new SqlBlobs(connection).link(tenant, hash, 'name:owner')
      removing = blobs.remove(hash)
      removing.catch(() => {})
      await sleep(300)
    })
    await assert.rejects(removing ?? assert.fail(), { code: 'FAILED_PRECONDITION', reason: 'BLOB_LINKED' })
    assert.equal((await blobs.bytes(hash)).length, 1)
  })

  it('of all tenants at once goes to each that has something to collect', async () => {
    await using store = await openDocumentStore(database.url)
    // What the tests above have left in a folder is out of this store's reach.
    const { unreachable } = await store.collectBlobs({ olderThanMs: 0 })
    const tenants = Array.from({ length: 5 }, () => `t-${randomUUID()}`)
    const hash = await Promise.all(
      tenants.map(async (tenant) => (await store.tenant(tenant).blobs.put(Buffer.from('the same'))).hash),
    )
    await store.tenant(tenants[0] ?? '').blobs.link(hash[0] ?? '', 'owner')
    await backend.blobs.putChunk(tenants[0] ?? '', 'killed', 0, Buffer.from('x'))
    await age(tenants[0] ?? '')
    const collected = await store.collectBlobs({ olderThanMs: 0 })
    assert.deepEqual(collected, { blobs: 4, sizeBytes: 32, uploads: 1, unreachable })
    assert.equal(Buffer.from(await store.tenant(tenants[0] ?? '').blobs.bytes(hash[0] ?? '')).toString(), 'the same')
    await assert.rejects(store.collectBlobs({ olderThanMs: -1 }), { code: 'INVALID_ARGUMENT' })
  })

  it('cannot be deceived by SQL: the database itself refuses a link to nothing', async () => {
    const text = `insert into holdfast.blob_links (tenant, hash, owner) values ('t', 'none', 'x')`
    await assert.rejects(driver.query({ text, values: [] }), (error) => {
      assert.ok(error instanceof HoldfastError)
      assert.equal(error.metadata['sqlState'], '23503')
      return true
    })
  })
})
