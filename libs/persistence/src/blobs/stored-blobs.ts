import { HoldfastError, invalidField } from '@holdfast/errors'
import { retryConflicts } from '../conflict-retry.js'
import type { Blob, BlobHead, BlobOwner, Blobs } from '../contract/blobs.js'
import { checkOptions } from '../options.js'
import { cancellable } from './cancellable.js'
import { BlobContents } from './blob-content.js'
import { noSuchBlob, stillLinked } from './blob-errors.js'
import type { BlobOperations, PlacedBlob } from './blob-operations.js'
import { ownerOf, ownerText } from './blob-owner.js'
import { type CollectedBlobs, collectBlobs, type CollectOptions, graceOf } from './collect-blobs.js'
import { putBytes, type PutPlace, putStream } from './put-blob.js'
import { readBlob } from './read-blob.js'

const defaultContentType = 'application/octet-stream'
const linksAtOnce = 1_000
/** Less than a chunk. */
const mostHeadBytes = 65_536

export class StoredBlobs implements Blobs {
  readonly #tenant: string
  readonly #operations: BlobOperations
  readonly #contents: BlobContents
  readonly #inTransaction: boolean

  /** @param contents where bytes may lie besides the database. Within a transaction new ones always go there, because nothing else can
   *  take them back when it fails. */
  constructor(
    tenant: string,
    operations: BlobOperations,
    contents: BlobContents = new BlobContents(),
    inTransaction = false,
  ) {
    this.#tenant = tenant
    this.#operations = operations
    this.#contents = contents
    this.#inTransaction = inTransaction
  }

  async put(
    content: Uint8Array | AsyncIterable<Uint8Array>,
    options: { readonly contentType?: string; readonly signal?: AbortSignal; readonly head?: BlobHead } = {},
  ): Promise<Blob> {
    checkOptions(options, ['contentType', 'signal', 'head'])
    const contentType = checkContentType(options.contentType)
    const { signal } = options
    const head = checkHead(options.head)
    if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalidField('signal', 'must be an AbortSignal')
    const place: PutPlace = {
      tenant: this.#tenant,
      operations: this.#operations,
      content: this.#inTransaction ? undefined : this.#contents.chosen,
      inTransaction: this.#inTransaction,
    }
    if (content instanceof Uint8Array && signal === undefined && head === undefined)
      return blobOf(await putBytes(place, content, contentType))
    const source = content instanceof Uint8Array ? once(content) : content
    if (!isAsyncIterable(source)) throw invalidField('content', 'must be bytes or an async iterable of bytes')
    const parts = signal === undefined ? source : cancellable(source, signal)
    return blobOf(await putStream(place, parts, contentType, head))
  }

  async *get(hash: string, range: { readonly start?: number; readonly end?: number } = {}): AsyncIterable<Buffer> {
    const blob = await this.#operations.stat(this.#tenant, checkHash(hash))
    if (blob === undefined) throw noSuchBlob(hash)
    const { start, end } = checkRange(range, blob)
    yield* readBlob(this.#tenant, this.#operations, this.#contents, blob, start, end)
  }

  async bytes(hash: string): Promise<Buffer> {
    const parts: Uint8Array[] = []
    for await (const part of this.get(hash)) parts.push(part)
    return Buffer.concat(parts)
  }

  async stat(hash: string): Promise<Blob | undefined> {
    const blob = await this.#operations.stat(this.#tenant, checkHash(hash))
    return blob === undefined ? undefined : blobOf(blob)
  }

  async remove(hash: string): Promise<boolean> {
    checkHash(hash)
    const removed = await this.#again(() => this.#operations.remove(this.#tenant, hash))
    if (removed === 'linked') throw stillLinked(hash)
    if (removed === 'missing') return false
    // A transaction may yet fail: what it removes is left to collect.
    const content = this.#inTransaction ? undefined : this.#contents.find(removed.content)
    if (content !== undefined) {
      await content.remove({ tenant: this.#tenant, upload: removed.upload, content: content.name })
      await this.#operations.abandon(this.#tenant, removed.upload)
    }
    return true
  }

  async link(hash: string, owner: BlobOwner): Promise<boolean> {
    const text = ownerText(owner)
    checkHash(hash)
    return this.#again(() => this.#operations.link(this.#tenant, hash, text))
  }

  async unlink(hash: string, owner: BlobOwner): Promise<boolean> {
    const text = ownerText(owner)
    checkHash(hash)
    return this.#again(() => this.#operations.unlink(this.#tenant, hash, text))
  }

  async unlinkAll(owner: BlobOwner): Promise<number> {
    const text = ownerText(owner)
    return this.#again(() => this.#operations.unlinkAll(this.#tenant, text))
  }

  async links(hash: string): Promise<BlobOwner[]> {
    const found = await this.#links({ hash: checkHash(hash) }, 'owner')
    return found.map(ownerOf)
  }

  async linkedBy(owner: BlobOwner): Promise<string[]> {
    return this.#links({ owner: ownerText(owner) }, 'hash')
  }

  async collect(options: CollectOptions = {}): Promise<CollectedBlobs> {
    const olderThanMs = graceOf(options)
    if (this.#inTransaction) {
      throw new HoldfastError('FAILED_PRECONDITION', 'Blobs cannot be collected within a transaction: do it outside')
    }
    return collectBlobs(this.#tenant, this.#operations, this.#contents, olderThanMs)
  }

  async #links(of: { hash: string } | { owner: string }, key: 'hash' | 'owner'): Promise<string[]> {
    const all: string[] = []
    for (;;) {
      const found = await this.#operations.links(this.#tenant, of, all.at(-1) ?? '', linksAtOnce)
      for (const link of found) all.push(link[key])
      if (found.length < linksAtOnce) return all
    }
  }

  /** Statements over several rows may deadlock with one another; nothing of them remains then. */
  #again<R>(work: () => Promise<R>): Promise<R> {
    return this.#inTransaction ? work() : retryConflicts(work)
  }
}

function blobOf({ hash, sizeBytes, contentType, createdAt }: PlacedBlob): Blob {
  return { hash, sizeBytes, contentType, createdAt: new Date(createdAt) }
}

function checkHash(hash: unknown): string {
  if (typeof hash === 'string' && /^[0-9a-f]{64}$/.test(hash)) return hash
  throw invalidField('hash', 'must be a sha256 as 64 lower-case hexadecimal digits')
}

function checkHead(head: BlobHead | undefined): BlobHead | undefined {
  if (head === undefined) return undefined
  const { sizeBytes, bytes } = head
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 1 || sizeBytes > mostHeadBytes) {
    throw invalidField('head.sizeBytes', `must be an integer from 1 to ${mostHeadBytes}`)
  }
  // Whoever does not wait for it in the end, because the source failed, is not to end the process.
  bytes.catch(() => {})
  return head
}

function checkContentType(contentType: unknown = defaultContentType): string {
  if (typeof contentType === 'string' && /^[\x20-\x7e]{1,255}$/.test(contentType)) return contentType
  throw invalidField('contentType', 'must be 1 to 255 printable ASCII characters, like image/png')
}

function checkRange(
  range: { readonly start?: number; readonly end?: number },
  { hash, sizeBytes }: PlacedBlob,
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

function isAsyncIterable(content: unknown): content is AsyncIterable<Uint8Array> {
  return typeof content === 'object' && content !== null && Symbol.asyncIterator in content
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}
