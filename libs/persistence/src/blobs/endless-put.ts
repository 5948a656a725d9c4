import { openDocumentStore } from '../open.js'
import type { BlobsOption } from './blob-options.js'

/** For collect-blobs.pg.test.ts: puts a stream that does not end, and tells when some of it is kept, until it is killed. */
const [, , url = '', blobs = '', tenant = ''] = process.argv
const store = await openDocumentStore(url, { blobs: JSON.parse(blobs) as BlobsOption })
process.on('disconnect', () => process.exit())

async function* endless(): AsyncIterable<Uint8Array> {
  for (let part = 0; ; part += 1) {
    yield Buffer.alloc(100_000, part)
    if (part === 20) process.send?.('some is kept')
    if (part === 20) await new Promise(() => {})
  }
}
await store.tenant(tenant).blobs.put(endless())
