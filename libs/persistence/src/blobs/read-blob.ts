import { createHash } from 'node:crypto'
import { HoldfastError } from '@holdfast/errors'
import type { BlobContents } from './blob-content.js'
import { damaged, noSuchBlob } from './blob-errors.js'
import { blobChunkBytes, type BlobOperations, type PlacedBlob } from './blob-operations.js'

/** The bytes from `start` to `end`. A blob that is read whole is compared with its hash. */
export async function* readBlob(
  tenant: string,
  operations: BlobOperations,
  contents: BlobContents,
  blob: PlacedBlob,
  start: number,
  end: number,
): AsyncIterable<Buffer> {
  if (start === end) return
  const { hash, sizeBytes } = blob
  const whole = start === 0 && end === sizeBytes
  const digest = createHash('sha256')
  let at = start
  for await (const piece of readPieces(tenant, operations, contents, blob, start, end)) {
    at += piece.length
    if (at > end) throw damaged(hash, `has more than its ${sizeBytes} bytes`)
    if (whole) digest.update(piece)
    // Before the last bytes go out: a reader that counts them must not take a damaged blob for a complete one.
    if (whole && at === end && digest.digest('hex') !== hash) throw damaged(hash, 'is not what was stored')
    // One class on every backend, so that text comes out of `String(piece)` everywhere.
    yield Buffer.isBuffer(piece) ? piece : Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
  }
  if (at < end) throw damaged(hash, `ends after ${at} of its ${sizeBytes} bytes`)
}

async function* readChunks(
  tenant: string,
  operations: BlobOperations,
  { hash, sizeBytes }: PlacedBlob,
  start: number,
  end: number,
): AsyncIterable<Uint8Array> {
  for (let at = start; at < end;) {
    const index = Math.floor(at / blobChunkBytes)
    const from = index * blobChunkBytes
    const chunk = await operations.readChunk(tenant, hash, index)
    if (chunk === undefined) throw noSuchBlob(hash)
    if (chunk.length !== Math.min(blobChunkBytes, sizeBytes - from)) {
      throw damaged(hash, `has ${chunk.length} bytes in chunk ${index}`)
    }
    const to = Math.min(end, from + blobChunkBytes)
    yield chunk.subarray(at - from, to - from)
    at = to
  }
}

/** Bytes that are not where the record said: the blob may have been removed since, or removed and put again, and then the rest
 *  comes from there. */
async function* readPieces(
  tenant: string,
  operations: BlobOperations,
  contents: BlobContents,
  blob: PlacedBlob,
  start: number,
  end: number,
): AsyncIterable<Uint8Array> {
  const { hash } = blob
  let at = start
  for (let from = blob; ;) {
    if (from.content === 'database') return yield* readChunks(tenant, operations, from, at, end)
    try {
      for await (const piece of contents.of(from.content, `blob ${hash}`).read(tenant, from, at, end)) {
        at += piece.length
        yield piece
      }
      return
    } catch (error) {
      if (!(error instanceof HoldfastError && error.reason === 'BLOB_DAMAGED')) throw error
      const now = await operations.stat(tenant, hash)
      if (now === undefined) throw noSuchBlob(hash)
      if (now.upload === from.upload) throw error
      from = now
    }
  }
}
