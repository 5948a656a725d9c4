import { createHash, randomUUID } from 'node:crypto'
import { HoldfastError, invalidField } from '@holdfast/errors'
import { wait } from '../conflict-retry.js'
import type { BlobHead } from '../contract/blobs.js'
import type { BlobContent } from './blob-content.js'
import {
  blobChunkBytes,
  type BlobChunk,
  type BlobOperations,
  type ContentName,
  type NewBlob,
  type PlacedBlob,
  type Upload,
} from './blob-operations.js'
import { HeadedDigest, headBytes, headFirst } from './late-head.js'

/** Waits before a `finish` of unknown outcome is repeated, in milliseconds; about 3 s in all. */
const finishRetriesMs = [50, 100, 250, 500, 1_000, 1_000]

/** How often an upload under way gives a sign of life, also while its source has nothing to give. See collect-blobs.ts. */
const signOfLifeMs = 10_000

/** Where a put puts. */
export interface PutPlace {
  readonly tenant: string
  readonly operations: BlobOperations
  /** `undefined`: into the database. */
  readonly content: BlobContent | undefined
  /** Within a transaction nobody else sees the upload, and its connection has no time for signs of life. */
  readonly inTransaction: boolean
  /** For imports; default: now. */
  readonly createdAt?: number
}

/** A blob of at most one chunk takes one call to the database. */
export async function putBytes(place: PutPlace, bytes: Uint8Array, contentType: string): Promise<PlacedBlob> {
  const { tenant, operations, content } = place
  const hash = createHash('sha256').update(bytes).digest('hex')
  const small = bytes.length <= blobChunkBytes
  // A copy, so that it is stored as hashed whatever the caller does with the buffer meanwhile.
  const copy = small ? Uint8Array.from(bytes) : bytes
  if (content === undefined && small) {
    return finish(place, randomUUID(), { hash, sizeBytes: bytes.length, contentType }, [{ index: 0, bytes: copy }])
  }
  return (await operations.touch(tenant, hash)) ?? putStream(place, inPieces(copy), contentType)
}

/** Copies, so that the hash is that of what is kept even if the caller writes to the buffer meanwhile. */
function* inPieces(bytes: Uint8Array): Iterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += blobChunkBytes) {
    yield Uint8Array.from(bytes.subarray(at, at + blobChunkBytes))
  }
}

/** Holds two chunks or a part in memory, whatever the size, unless a head is missing.
 *  @param head goes in front of the source. Into the database the first chunk goes last then; elsewhere all waits for the head */
export async function putStream(
  place: PutPlace,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  contentType: string,
  head?: BlobHead,
): Promise<PlacedBlob> {
  if (head !== undefined && place.content !== undefined) return putStream(place, headFirst(source, head), contentType)
  const { tenant, operations, content, inTransaction, createdAt } = place
  const upload = randomUUID()
  const digest = head === undefined ? createHash('sha256') : new HeadedDigest(head)
  let sizeBytes = head?.sizeBytes ?? 0
  const sink = content === undefined ? new ChunkSink(place, upload, head) : await openOutside(place, content, upload)
  const signs = inTransaction
    ? undefined
    : setInterval(() => void operations.refresh(tenant, upload).catch(() => {}), signOfLifeMs).unref()
  try {
    for await (const part of source) {
      if (!(part instanceof Uint8Array))
        throw invalidField('content', 'must be an async iterable of bytes (Uint8Array)')
      digest.update(part)
      sizeBytes += part.length
      await sink.write(part)
    }
    const along = await sink.seal()
    const created = createdAt === undefined ? {} : { createdAt }
    const hash = digest instanceof HeadedDigest ? await digest.hex() : digest.digest('hex')
    const blob = { hash, sizeBytes, contentType, content: sink.name, ...created }
    const made = await finish(place, upload, blob, along)
    // Of chunks in the database it lets go by itself.
    if (made.upload !== upload && content !== undefined) await sink.discard()
    return made
  } catch (error) {
    // When a `finish` may still be under way, its bytes must not be taken from it.
    if (!isUnknown(error)) await sink.discard()
    throw error
  } finally {
    clearInterval(signs)
  }
}

interface Sink {
  readonly name: ContentName
  write(part: Uint8Array): Promise<void>
  /** @returns the chunks that go along with `finish` */
  seal(): Promise<readonly BlobChunk[]>
  /** Undoes it; what cannot be undone now is left to `collect`. Never throws. */
  discard(): Promise<void>
}

/** A full chunk waits a moment before it is stored, in the background: if the source ends by then, it goes along with `finish`, which is one commit less where
 *  somebody waits for it, and the only one for what has no more than two chunks. Of a source that goes on it is stored at the latest when the next one is full. */
const chunkWaitsMs = 20

class ChunkSink implements Sink {
  readonly name = 'database'
  readonly #place: PutPlace
  readonly #upload: string
  readonly #head: BlobHead | undefined
  /** Full, but for the head. */
  #first: Uint8Array | undefined
  /** Full, and not being stored yet. */
  #waiting: BlobChunk | undefined
  #timer: NodeJS.Timeout | undefined
  #storing: Promise<void> = Promise.resolve()
  /** What has been stored, to be written over. */
  #spare: Uint8Array<ArrayBuffer> | undefined
  #chunk = new Uint8Array(blobChunkBytes)
  #filled: number
  #index = 0
  /** Whether anything of it is in the database. */
  #isNoted = false

  constructor(place: PutPlace, upload: string, head: BlobHead | undefined) {
    this.#place = place
    this.#upload = upload
    this.#head = head
    this.#filled = head?.sizeBytes ?? 0
  }

  async write(part: Uint8Array): Promise<void> {
    for (let taken = 0; taken < part.length;) {
      if (this.#filled === blobChunkBytes) await this.#next()
      const piece = part.subarray(taken, taken + blobChunkBytes - this.#filled)
      this.#chunk.set(piece, this.#filled)
      this.#filled += piece.length
      taken += piece.length
    }
    if (this.#waiting === undefined && this.#filled < blobChunkBytes) return
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#storeFull(), chunkWaitsMs)
    else this.#timer.refresh()
  }

  /** What is full when more comes waits for the next one to be. */
  async #next(): Promise<void> {
    const isHeadless = this.#isHeadless
    // Nothing else may take a chunk while this waits.
    this.#stopTimer()
    this.#storeLater(this.#waiting)
    this.#waiting = undefined
    await this.#storing
    this.#waiting = isHeadless ? undefined : { index: this.#index, bytes: this.#chunk }
    if (isHeadless) this.#first = this.#chunk
    this.#goOn()
  }

  /** Nothing has come for a while. */
  #storeFull(): void {
    this.#storeLater(this.#waiting)
    this.#waiting = undefined
    if (this.#filled < blobChunkBytes || this.#isHeadless) return
    this.#storeLater({ index: this.#index, bytes: this.#chunk })
    this.#goOn()
  }

  /** Whether the chunk that is being filled waits for its head. */
  get #isHeadless(): boolean {
    return this.#head !== undefined && this.#index === 0
  }

  #goOn(): void {
    this.#chunk = this.#spare ?? new Uint8Array(blobChunkBytes)
    this.#spare = undefined
    this.#index += 1
    this.#filled = 0
  }

  /** In the background; what goes wrong is thrown to who waits for it. */
  #storeLater(chunk: BlobChunk | undefined): void {
    if (chunk === undefined) return
    this.#storing = this.#storing.then(() => this.#store(chunk))
    this.#storing.catch(() => {})
  }

  async #store({ index, bytes }: BlobChunk): Promise<void> {
    const { tenant, operations } = this.#place
    const { name: content } = this
    if (!this.#isNoted && index > 0) await operations.begin({ tenant, upload: this.#upload, content })
    this.#isNoted = true
    await operations.putChunk(tenant, this.#upload, index, bytes)
    this.#spare = bytes as Uint8Array<ArrayBuffer>
  }

  #stopTimer(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  async seal(): Promise<readonly BlobChunk[]> {
    this.#stopTimer()
    await this.#storing
    if (this.#head !== undefined) (this.#first ?? this.#chunk).set(await headBytes(this.#head))
    const last = { index: this.#index, bytes: this.#chunk.subarray(0, this.#filled) }
    return [
      ...(this.#first === undefined ? [] : [{ index: 0, bytes: this.#first }]),
      ...(this.#waiting === undefined ? [] : [this.#waiting]),
      ...(this.#filled === 0 ? [] : [last]),
    ]
  }

  async discard(): Promise<void> {
    const { tenant, operations } = this.#place
    this.#stopTimer()
    await this.#storing.catch(() => {})
    if (this.#isNoted) await operations.abandon(tenant, this.#upload).catch(() => {})
  }
}

/** Noted before anything is kept outside, so that whatever becomes of this process, `collect` finds it. */
async function openOutside(place: PutPlace, content: BlobContent, upload: string): Promise<Sink> {
  const { tenant, operations } = place
  let noted: Upload = { tenant, upload, content: content.name }
  await operations.begin(noted)
  const remove = async () => {
    try {
      await content.remove(noted)
      await operations.abandon(tenant, upload)
    } catch {
      // Is collected later.
    }
  }
  const note = (token: string) => {
    noted = { ...noted, token }
    return operations.begin(noted)
  }
  const bytes = await content.open(tenant, upload, note).catch(async (error: unknown) => {
    await remove()
    throw error
  })
  return {
    name: content.name,
    write: (part) => bytes.write(part),
    async seal() {
      await bytes.seal()
      return []
    },
    async discard() {
      await bytes.abort()
      await remove()
    },
  }
}

/** The hash makes it safe to repeat. */
async function finish(
  { tenant, operations, inTransaction }: PutPlace,
  upload: string,
  blob: NewBlob,
  along: readonly BlobChunk[],
): Promise<PlacedBlob> {
  const attempt = () => operations.finish(tenant, upload, blob, along)
  if (inTransaction) return attempt()
  let doubt: unknown
  for (const pauseMs of [0, ...finishRetriesMs]) {
    try {
      if (pauseMs > 0) await wait(pauseMs)
      return await attempt()
    } catch (error) {
      if (isUnknown(error)) doubt = error
      else if (doubt === undefined || !isUnavailable(error)) throw error
    }
  }
  throw doubt
}

const isUnknown = (error: unknown): boolean => error instanceof HoldfastError && error.code === 'UNKNOWN'
const isUnavailable = (error: unknown): boolean => error instanceof HoldfastError && error.code === 'UNAVAILABLE'
