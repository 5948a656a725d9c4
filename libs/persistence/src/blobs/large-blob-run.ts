import { createHash } from 'node:crypto'
import { openDocumentStore } from '../open.js'
import type { BlobsOption } from './blob-options.js'

/** For large-blobs.pg.test.ts: puts and gets one blob of so many MB and tells how much memory that took beyond what the process
 *  had after a small one, and how long. */
const [, , url = '', blobs = '', megabytes = ''] = process.argv
const mebibyte = 1024 * 1024
const sizeBytes = Number(megabytes) * mebibyte

await using store = await openDocumentStore(url, { blobs: JSON.parse(blobs) as BlobsOption })
const tenant = store.tenant('large')
await pass(2 * mebibyte)

const before = process.memoryUsage.rss()
let peak = before
const watching = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss())
}, 20)
const times = await pass(sizeBytes)
clearInterval(watching)
process.send?.({ extraRssBytes: peak - before, ...times })

async function pass(size: number): Promise<{ putMs: number; getMs: number }> {
  const digest = createHash('sha256')
  async function* source(): AsyncIterable<Uint8Array> {
    for (let at = 0; at < size; at += 65_536) {
      // New memory for every piece, as from a socket.
      const piece = Buffer.alloc(65_536, String(at))
      digest.update(piece)
      yield piece
    }
  }
  const started = performance.now()
  const put = await tenant.blobs.put(source())
  const putMs = performance.now() - started
  if (put.hash !== digest.digest('hex') || put.sizeBytes !== size) throw new Error('Put something else')
  let read = 0
  for await (const piece of tenant.blobs.get(put.hash)) read += piece.length
  if (read !== size) throw new Error(`Got ${read} bytes`)
  const getMs = performance.now() - started - putMs
  let tail = 0
  for await (const piece of tenant.blobs.get(put.hash, { start: size - 1_000 })) tail += piece.length
  if (tail !== 1_000) throw new Error(`Got ${tail} bytes of the end`)
  await tenant.blobs.remove(put.hash)
  return { putMs, getMs }
}
