import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { after, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { HoldfastError } from '@holdfast/errors'
import { postgresForTests, startRelay } from '@holdfast/test-servers'
import type { DocumentStore } from '../document-store.js'
import { openDocumentStore } from '../open.js'
import { openPostgresDriver } from '../postgres/driver.js'
import type { S3Options } from './blob-options.js'
import { describeBlobs } from './contents.test.support.js'
import { startS3Server } from './s3-server.test.support.js'
import { tenantFolder } from './tenant-folder.js'

const mebibyte = 1024 * 1024
const s3 = await startS3Server()
const database = await postgresForTests()
const driver = await openPostgresDriver(database.url, { maxConnections: 1 })
after(async () => {
  await driver.close()
  await database[Symbol.asyncDispose]()
  await s3[Symbol.asyncDispose]()
})

const open = (options: Partial<S3Options> = {}): Promise<DocumentStore> =>
  openDocumentStore(database.url, { blobs: { s3: { ...s3.options, partSizeBytes: 5 * mebibyte, ...options } } })

async function uploadsOf(tenant: string): Promise<(readonly [upload: string, token: string])[]> {
  const text = `select upload, token from holdfast.blob_uploads where tenant = $1`
  return (await driver.query({ text, values: [tenant] })).map(([upload, token]) => [String(upload), String(token)])
}

/** As if its process had been killed long ago. */
async function age(tenant: string): Promise<void> {
  const text = `update holdfast.blob_uploads set touched_at = now() - interval '2 minutes' where tenant = $1`
  await driver.query({ text, values: [tenant] })
}

describeBlobs('blobs in S3, records on PostgreSQL', () => open({ prefix: 'of/postgres' }))

describe('a blob in S3', () => {
  /** 12 MiB + 7 bytes of which no two stretches are alike: three parts. */
  const words = new Uint32Array(3 * mebibyte + 2).map((_, index) => Math.imul(index + 1, 2_654_435_761))
  const large = Buffer.from(words.buffer).subarray(0, 12 * mebibyte + 7)
  async function* inParts(bytes: Uint8Array, size: number): AsyncIterable<Uint8Array> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
  }

  it('of several parts comes back whole and in ranges across them, and is kept once', async () => {
    await using store = await open({ prefix: 'parts' })
    const { blobs } = store.tenant('parts')
    const { hash } = await blobs.put(inParts(large, 700_001))
    assert.equal(hash, createHash('sha256').update(large).digest('hex'))
    assert.ok(large.equals(await blobs.bytes(hash)))
    const edge = 5 * mebibyte
    const pieces: Uint8Array[] = []
    for await (const piece of blobs.get(hash, { start: edge - 3, end: 2 * edge + 3 })) pieces.push(piece)
    assert.ok(large.subarray(edge - 3, 2 * edge + 3).equals(Buffer.concat(pieces)))
    assert.equal((await blobs.put(inParts(large, 5 * mebibyte))).hash, hash)
    assert.equal((await s3.keys()).filter((key) => key.startsWith('parts/')).length, 1)
    for (const size of [5 * mebibyte - 1, 5 * mebibyte, 5 * mebibyte + 1, 10 * mebibyte]) {
      const put = await blobs.put(large.subarray(0, size))
      assert.ok(large.subarray(0, size).equals(await blobs.bytes(put.hash)), String(size))
    }
    await blobs.collect({ olderThanMs: 0 })
    assert.equal((await s3.keys()).filter((key) => key.startsWith('parts/')).length, 0)
    assert.deepEqual(await uploadsOf('parts'), [])
  })

  it('whose source fails after the first parts leaves no multipart upload behind', async () => {
    await using store = await open()
    const tenant = `t-${randomUUID()}`
    let uploads: Awaited<ReturnType<typeof uploadsOf>> = []
    async function* broken(): AsyncIterable<Uint8Array> {
      yield* inParts(large, mebibyte)
      uploads = await uploadsOf(tenant)
      throw new Error('the source broke')
    }
    await assert.rejects(store.tenant(tenant).blobs.put(broken()), /the source broke/)
    const [[upload, token] = assert.fail()] = uploads
    assert.equal(await s3.takesParts(`${tenantFolder(tenant)}/${upload}`, token), false)
    assert.deepEqual(await uploadsOf(tenant), [])
  })

  it('whose process was killed in the middle leaves nothing after a collection, and cannot come back', async () => {
    await using store = await open()
    const tenant = `t-${randomUUID()}`
    let goOn = (): void => {}
    const killed = new Promise<void>((resolve) => {
      goOn = resolve
    })
    async function* hanging(): AsyncIterable<Uint8Array> {
      yield* inParts(large, mebibyte)
      await killed
    }
    const put = store.tenant(tenant).blobs.put(hanging())
    put.catch(() => {})
    while ((await uploadsOf(tenant))[0]?.[1] === undefined || (await uploadsOf(tenant))[0]?.[1] === 'null')
      await sleep(20)
    const [[upload, token] = assert.fail()] = await uploadsOf(tenant)
    await using other = await open()
    const { blobs } = other.tenant(tenant)
    assert.equal((await blobs.collect({ olderThanMs: 0 })).uploads, 0)
    await age(tenant)
    assert.equal((await blobs.collect({ olderThanMs: 0 })).uploads, 1)
    assert.equal(await s3.takesParts(`${tenantFolder(tenant)}/${upload}`, token), false)
    assert.deepEqual(await uploadsOf(tenant), [])
    goOn()
    await assert.rejects(put, { code: 'FAILED_PRECONDITION' })
    assert.equal(await blobs.stat(createHash('sha256').update(large).digest('hex')), undefined)
  })

  it('is read on where the connection broke', async () => {
    await using relay = await startRelay(s3.port)
    await using store = await open({ endpoint: `http://${relay.address}` })
    const { blobs } = store.tenant(`t-${randomUUID()}`)
    const { hash } = await blobs.put(large)
    const pieces: Uint8Array[] = []
    let cuts = 0
    for await (const piece of blobs.get(hash)) {
      pieces.push(piece)
      if (cuts < 2 && pieces.length > 5 * (cuts + 1)) {
        cuts += 1
        relay.cut()
      }
    }
    assert.equal(cuts, 2)
    assert.ok(large.equals(Buffer.concat(pieces)))
  })

  it('tells an outage, a missing bucket and a lost object apart, and no secret', async () => {
    const url = `s3://no-such-bucket/p?endpoint=${encodeURIComponent(`http://127.0.0.1:${s3.port}`)}&region=us-east-1`
    process.env['AWS_ACCESS_KEY_ID'] = 'from-environment'
    process.env['AWS_SECRET_ACCESS_KEY'] = 'very-secret'
    try {
      await using nowhere = await openDocumentStore('memory:', { blobs: url })
      await assert.rejects(nowhere.blobs.put(Buffer.from('x')), (error) => {
        assert.ok(error instanceof HoldfastError)
        assert.equal(error.code, 'FAILED_PRECONDITION')
        assert.match(error.message, /NoSuchBucket/)
        assert.doesNotMatch(error.message, /secret|environment/)
        return true
      })
    } finally {
      delete process.env['AWS_ACCESS_KEY_ID']
      delete process.env['AWS_SECRET_ACCESS_KEY']
    }
    await using relay = await startRelay(s3.port)
    await using store = await open({ endpoint: `http://${relay.address}` })
    const tenant = `t-${randomUUID()}`
    const { blobs } = store.tenant(tenant)
    const { hash } = await blobs.put(Buffer.from('here'))
    relay.aim(undefined)
    relay.cut()
    await assert.rejects(blobs.bytes(hash), { code: 'UNAVAILABLE', reason: 'S3_UNAVAILABLE' })
    await assert.rejects(blobs.put(Buffer.from('not here')), { code: 'UNAVAILABLE' })
    assert.equal((await uploadsOf(tenant)).length, 1)
    relay.aim(s3.port)
    await age(tenant)
    assert.equal((await blobs.collect({ olderThanMs: 60_000 })).uploads, 1)
    const text = `update holdfast.blobs set upload = 'gone' where tenant = $1`
    await driver.query({ text, values: [tenant] })
    await assert.rejects(blobs.bytes(hash), { code: 'DATA_LOSS', reason: 'BLOB_DAMAGED' })
  })

  it('needs the AWS SDK, and says how to install it', async () => {
    const hook = `export async function resolve(name, context, next) {
      if (name === '@aws-sdk/client-s3') throw new Error('Cannot find package')
      return next(name, context)
    }`
    const hooks = JSON.stringify(`data:text/javascript,${encodeURIComponent(hook)}`)
    const register = `import { register } from 'node:module'; register(${hooks})`
    const script = `const { openDocumentStore } = await import(${JSON.stringify(import.meta.resolve('../open.js'))})
      await openDocumentStore('memory:', { blobs: 's3://bucket' }).catch(({ code, message }) => console.log(code, message))`
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--import',
      `data:text/javascript,${encodeURIComponent(register)}`,
      '--input-type=module',
      '--eval',
      script,
    ])
    assert.match(stdout, /^FAILED_PRECONDITION .*npm install @aws-sdk\/client-s3/)
  })
})
