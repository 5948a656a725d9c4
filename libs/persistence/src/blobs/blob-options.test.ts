import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { HoldfastError } from '@holdfast/errors'
import { getDocumentStore, openDocumentStore } from '../open.js'
import { blobContentsOf, type BlobsOption } from './blob-options.js'

const mebibyte = 1024 * 1024

describe('the option blobs', () => {
  it('takes a folder, a bucket, or their URLs', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-options-'))
    const s3 = { bucket: 'bucket', endpoint: 'https://h' }
    try {
      for (const [option, name] of [
        ['database', undefined],
        [{ folder }, 'folder'],
        [`file:${folder}`, 'folder'],
        [pathToFileURL(join(folder, 'ünï côde')).href, 'folder'],
        [{ s3 }, 's3'],
        [{ s3: { ...s3, prefix: 'a/b', region: 'r', pathStyle: false, partSizeBytes: 5 * mebibyte } }, 's3'],
        ['s3://bucket', 's3'],
        ['s3://bucket/a/b/?endpoint=http%3A%2F%2F127.0.0.1%3A1&region=r&pathStyle=true&partSizeBytes=8388608', 's3'],
      ] as readonly (readonly [BlobsOption, string | undefined])[]) {
        await using contents = await blobContentsOf(option)()
        assert.equal(contents.chosen?.name, name, JSON.stringify(option))
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('refuses what makes no sense, and quotes no secret', () => {
    const credentials = { accessKeyId: 'id-4711', secretAccessKey: 'secret-4711' }
    const s3 = { bucket: 'bucket', credentials }
    for (const [option, field] of [
      ['', 'blobs'],
      ['disk', 'blobs'],
      ['http://secret-4711@h/', 'blobs'],
      ['file:', 'blobs.folder'],
      ['file://elsewhere/blobs', 'blobs'],
      ['s3://', 'blobs.s3.bucket'],
      ['s3://id-4711:secret-4711@bucket/p', 'blobs'],
      ['s3://bucket/p?secret-4711=x', 'blobs'],
      ['s3://bucket/p?endpoint=secret-4711', 'blobs.s3.endpoint'],
      ['s3://bucket/p?pathStyle=1', 'blobs.s3.pathStyle'],
      ['s3://bucket/p?partSizeBytes=1', 'blobs.s3.partSizeBytes'],
      ['s3://bucket/a//b', 'blobs.s3.prefix'],
      [null, 'blobs'],
      [7, 'blobs'],
      [{}, 'blobs'],
      [{ folder: '' }, 'blobs.folder'],
      [{ folder: '/x', s3 }, 's3'],
      [{ s3: undefined }, 'options'],
      [{ s3: { ...s3, bucket: '../x' } }, 'blobs.s3.bucket'],
      [{ s3: { ...s3, prefix: '/x' } }, 'blobs.s3.prefix'],
      [{ s3: { ...s3, region: '' } }, 'blobs.s3.region'],
      [{ s3: { ...s3, endpoint: 'ftp://secret-4711@h' } }, 'blobs.s3.endpoint'],
      [{ s3: { ...s3, partSizeBytes: 65 * mebibyte } }, 'blobs.s3.partSizeBytes'],
      [{ s3: { ...s3, secret: 'secret-4711' } }, 'secret'],
      [{ s3: { ...s3, credentials: { accessKeyId: 'id-4711' } } }, 'blobs.s3.credentials.secretAccessKey'],
      [{ s3: { ...s3, credentials: { ...credentials, token: 'secret-4711' } } }, 'token'],
    ] as const) {
      assert.throws(
        () => blobContentsOf(option as BlobsOption),
        (error) => {
          assert.ok(error instanceof HoldfastError, String(error))
          assert.equal(error.code, 'INVALID_ARGUMENT')
          assert.equal(error.fields[0]?.field, field, error.message)
          assert.doesNotMatch(error.message, /4711/)
          return true
        },
        JSON.stringify(option),
      )
    }
  })

  it('is checked before anything is opened', async () => {
    await assert.rejects(openDocumentStore('postgres://nobody@127.0.0.1:1/none', { blobs: 'disk' }), {
      code: 'INVALID_ARGUMENT',
    })
  })

  it('comes from HOLDFAST_BLOBS_URL for the store of the process', async () => {
    process.env['HOLDFAST_DATABASE_URL'] = 'memory:'
    process.env['HOLDFAST_BLOBS_URL'] = 'nonsense'
    try {
      await assert.rejects(getDocumentStore(), { code: 'INVALID_ARGUMENT' })
      process.env['HOLDFAST_BLOBS_URL'] = 'database'
      await using store = await getDocumentStore()
      assert.equal((await store.blobs.put(Buffer.from('x'))).sizeBytes, 1)
    } finally {
      delete process.env['HOLDFAST_DATABASE_URL']
      delete process.env['HOLDFAST_BLOBS_URL']
    }
  })
})
