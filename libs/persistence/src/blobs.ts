import { createHash, randomUUID } from 'node:crypto'
import { HoldfastError, invalidField } from '@holdfast/errors'
import { blobChunkBytes, type BlobOperations, type BlobRecord } from './backend.js'
import { wait } from './conflict-retry.js'
import type { Blob, Blobs } from './document-store.js'
import { checkOptions } from './options.js'

const defaultContentType = 'application/octet-stream'

/** Waits before a `finish` of unknown outcome is repeated, in milliseconds; about 3 s in all. */
const finishRetriesMs = [50, 100, 250, 500, 1_000, 1_000]

export class StoredBlobs implements Blobs {
  readonly #tenant: string
  readonly #operations: BlobOperations

  constructor(tenant: string, operations: BlobOperations) {
    this.#tenant = tenant
    this.#operations = operations
  }

  async put(
    content: Uint8Array | AsyncIterable<Uint8Array>,
    options: { readonly contentType?: string } = {},
  ): Promise<Blob> {
    checkOptions(options, ['contentType'])
    const contentType = checkContentType(options.contentType)
    if (content instanceof Uint8Array) return this.#putBytes(content, contentType)
    if (!isAsyncIterable(content)) throw invalidField('content', 'must be bytes or an async iterable of bytes')
    return this.#putStream(content, contentType)
  }

  async *get(hash: string, range: { readonly start?: number; readonly end?: number } = {}): AsyncIterable<Uint8Array> {
    const record = await this.#record(hash)
    const { start, end } = checkRange(range, record)
    const whole = start === 0 && end === record.sizeBytes
    const digest = createHash('sha256')
    for (let at = start; at < end;) {
      const index = Math.floor(at / blobChunkBytes)
      const from = index * blobChunkBytes
      const chunk = await this.#chunk(record, index)
      const to = Math.min(end, from + blobChunkBytes)
      if (whole) digest.update(chunk)
      // Before the last bytes go out: a reader that counts them must not take a damaged blob for a complete one.
      if (whole && to === end && digest.digest('hex') !== hash) throw damaged(hash, 'is not what was stored')
      yield chunk.subarray(at - from, to - from)
      at = to
    }
  }

  async bytes(hash: string): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    for await (const part of this.get(hash)) parts.push(part)
    return Buffer.concat(parts)
  }

  async stat(hash: string): Promise<Blob | undefined> {
    const record = await this.#operations.stat(this.#tenant, checkHash(hash))
    return record === undefined ? undefined : blobOf(record)
  }

  remove(hash: string): Promise<boolean> {
    return this.#operations.remove(this.#tenant, checkHash(hash))
  }

  async #putBytes(content: Uint8Array, contentType: string): Promise<Blob> {
    const hash = createHash('sha256').update(content).digest('hex')
    if (content.length <= blobChunkBytes) {
      // A copy, so that it is stored as hashed whatever the caller does with the buffer meanwhile.
      const last = { index: 0, bytes: Uint8Array.from(content) }
      return blobOf(await this.#finish(randomUUID(), { hash, sizeBytes: content.length, contentType }, last))
    }
    const known = await this.#operations.stat(this.#tenant, hash)
    return known === undefined ? this.#putStream([content], contentType) : blobOf(known)
  }

  /** Holds one chunk in memory, whatever the size; the last one travels with `finish`. */
  async #putStream(content: AsyncIterable<Uint8Array> | readonly Uint8Array[], contentType: string): Promise<Blob> {
    const upload = randomUUID()
    const digest = createHash('sha256')
    const chunk = new Uint8Array(blobChunkBytes)
    let filled = 0
    let index = 0
    let sizeBytes = 0
    try {
      for await (const part of content) {
        if (!(part instanceof Uint8Array))
          throw invalidField('content', 'must be an async iterable of bytes (Uint8Array)')
        digest.update(part)
        sizeBytes += part.length
        for (let taken = 0; taken < part.length;) {
          if (filled === blobChunkBytes) {
            await this.#operations.putChunk(this.#tenant, upload, index, chunk)
            index += 1
            filled = 0
          }
          const piece = part.subarray(taken, taken + blobChunkBytes - filled)
          chunk.set(piece, filled)
          filled += piece.length
          taken += piece.length
        }
      }
      const record = { hash: digest.digest('hex'), sizeBytes, contentType }
      return blobOf(await this.#finish(upload, record, { index, bytes: chunk.subarray(0, filled) }))
    } catch (error) {
      // When a `finish` may still be under way, its chunks must not be taken from it.
      if (!isUnknown(error) && index > 0) await this.#operations.abandon(this.#tenant, upload).catch(() => {})
      throw error
    }
  }

  /** The hash makes it safe to repeat. */
  async #finish(
    upload: string,
    record: Omit<BlobRecord, 'createdAt'>,
    last: { readonly index: number; readonly bytes: Uint8Array },
  ): Promise<BlobRecord> {
    let doubt: unknown
    for (const pauseMs of [0, ...finishRetriesMs]) {
      try {
        if (pauseMs > 0) await wait(pauseMs)
        return await (last.bytes.length === 0
          ? this.#operations.finish(this.#tenant, upload, record)
          : this.#operations.finish(this.#tenant, upload, record, last))
      } catch (error) {
        if (isUnknown(error)) doubt = error
        else if (doubt === undefined || !isUnavailable(error)) throw error
      }
    }
    throw doubt
  }

  async #chunk(record: BlobRecord, index: number): Promise<Uint8Array> {
    const { hash, sizeBytes } = record
    const chunk = await this.#operations.readChunk(this.#tenant, hash, index)
    if (chunk === undefined) throw notFound(hash)
    if (chunk.length !== Math.min(blobChunkBytes, sizeBytes - index * blobChunkBytes)) {
      throw damaged(hash, `has ${chunk.length} bytes in chunk ${index}`)
    }
    return chunk
  }

  async #record(hash: string): Promise<BlobRecord> {
    const record = await this.#operations.stat(this.#tenant, checkHash(hash))
    if (record === undefined) throw notFound(hash)
    return record
  }
}

function blobOf({ createdAt, ...record }: BlobRecord): Blob {
  return { ...record, createdAt: new Date(createdAt) }
}

function checkHash(hash: unknown): string {
  if (typeof hash === 'string' && /^[0-9a-f]{64}$/.test(hash)) return hash
  throw invalidField('hash', 'must be a sha256 as 64 lower-case hexadecimal digits')
}

function checkContentType(contentType: unknown = defaultContentType): string {
  if (typeof contentType === 'string' && /^[\x20-\x7e]{1,255}$/.test(contentType)) return contentType
  throw invalidField('contentType', 'must be 1 to 255 printable ASCII characters, like image/png')
}

function checkRange(
  range: { readonly start?: number; readonly end?: number },
  { hash, sizeBytes }: BlobRecord,
): { start: number; end: number } {
  checkOptions(range, ['start', 'end'])
  const { start = 0, end = sizeBytes } = range
  for (const [field, value] of Object.entries({ start, end })) {
    if (!Number.isSafeInteger(value) || value < 0) throw invalidField(field, 'must be an integer from 0')
  }
  if (start <= end && end <= sizeBytes) return { start, end }
  throw new HoldfastError(
    'OUT_OF_RANGE',
    `Bytes ${start} to ${end} are not in blob ${hash} of ${sizeBytes} bytes: ask for a part of it`,
    { metadata: { sizeBytes: String(sizeBytes) } },
  )
}

function notFound(hash: string): HoldfastError {
  return new HoldfastError('NOT_FOUND', `There is no blob ${hash}: it was never stored, or it was removed`)
}

function damaged(hash: string, how: string): HoldfastError {
  return new HoldfastError('DATA_LOSS', `Blob ${hash} ${how}: restore it from a backup`, { reason: 'BLOB_DAMAGED' })
}

function isAsyncIterable(content: unknown): content is AsyncIterable<Uint8Array> {
  return typeof content === 'object' && content !== null && Symbol.asyncIterator in content
}

const isUnknown = (error: unknown): boolean => error instanceof HoldfastError && error.code === 'UNKNOWN'
const isUnavailable = (error: unknown): boolean => error instanceof HoldfastError && error.code === 'UNAVAILABLE'
