import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { postgresForTests } from '@holdfast/test-servers'
import type { BlobsOption } from './blob-options.js'
import { startS3Server } from './s3-server.test.support.js'

/** The long form, see docs/guides/blobs.md: `HOLDFAST_TEST_BLOB_MB=1024 node --test libs/persistence/dist/blobs/large-blobs.pg.test.js`.
 *  In the short one, too, the blob is larger than the memory that it may take. */
const long = process.env['HOLDFAST_TEST_BLOB_MB']
const megabytes = Number(long ?? 64)
const limitMegabytes = long === undefined ? 60 : 100
const mebibyte = 1024 * 1024

const folder = mkdtempSync(join(tmpdir(), 'holdfast-large-'))
const s3 = await startS3Server()
const database = await postgresForTests()
after(async () => {
  await database[Symbol.asyncDispose]()
  await s3[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

const places: readonly (readonly [string, BlobsOption])[] = [
  ['the database', 'database'],
  ['a folder', { folder }],
  ['S3', { s3: long === undefined ? { ...s3.options, partSizeBytes: 5 * mebibyte } : s3.options }],
]

describe(`a blob of ${megabytes} MB`, () => {
  for (const [name, blobs] of places) {
    it(`goes into ${name} and comes back with at most ${limitMegabytes} MB of memory`, async (test) => {
      const run = join(import.meta.dirname, 'large-blob-run.js')
      const child = fork(run, [database.url, JSON.stringify(blobs), String(megabytes)])
      const answer = once(child, 'message')
      const [code] = await once(child, 'exit')
      assert.equal(code, 0)
      const [{ extraRssBytes, putMs, getMs }] = (await answer) as [Record<string, number>]
      assert.ok(extraRssBytes !== undefined && putMs !== undefined && getMs !== undefined)
      const rate = (ms: number) => `${((megabytes * 1_000) / ms).toFixed(0)} MB/s`
      const extra = (extraRssBytes / mebibyte).toFixed(0)
      test.diagnostic(`${name}: ${extra} MB of RSS, put ${rate(putMs)}, get ${rate(getMs)}`)
      assert.ok(extraRssBytes <= limitMegabytes * mebibyte, `${extra} MB`)
    })
  }
})
