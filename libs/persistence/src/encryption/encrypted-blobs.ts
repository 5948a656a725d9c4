import { type BlobContent, BlobContents, type BlobUpload } from '../blobs/blob-content.js'
import type { BlobChunk, BlobOperations, PlacedBlob, Upload } from '../blobs/blob-operations.js'
import {
  contentOf,
  frameContentBytes,
  frameExtraBytes,
  frameOf,
  isFrame,
  magicBytes,
  type TenantKeySource,
} from './blob-frame.js'

export interface BlobEncryption {
  readonly keys: TenantKeySource
  /** Whether new bytes are encrypted; what is encrypted is read either way. */
  readonly encrypts: boolean
}

/** Blob operations that encrypt the chunks in the database. Hash, size and content type of a blob stay in clear. */
export function encryptedBlobOperations(inner: BlobOperations, { keys, encrypts }: BlobEncryption): BlobOperations {
  const sealed = (tenant: string, index: number, bytes: Uint8Array) => frameOf(keys, tenant, ['chunk', index], bytes)
  const writes: Partial<BlobOperations> = {
    async putChunk(tenant, upload, index, bytes) {
      return inner.putChunk(tenant, upload, index, await sealed(tenant, index, bytes))
    },
    async finish(tenant, upload, blob, along = []) {
      const frames = Math.max(Math.ceil(blob.sizeBytes / frameContentBytes), ...along.map(({ index }) => index + 1))
      const stored = { ...blob, storedBytes: blob.sizeBytes + frames * frameExtraBytes }
      const seal = async ({ index, bytes }: BlobChunk) => ({ index, bytes: await sealed(tenant, index, bytes) })
      return inner.finish(tenant, upload, stored, await Promise.all(along.map(seal)))
    },
  }
  const own: Partial<BlobOperations> = {
    ...(encrypts ? writes : {}),
    async readChunk(tenant, hash, index) {
      const chunk = await inner.readChunk(tenant, hash, index)
      return chunk === undefined || !isFrame(chunk) ? chunk : contentOf(keys, tenant, ['chunk', index], chunk)
    },
  }
  // Everything that does not carry bytes goes to `inner` as it is.
  return new Proxy(inner, {
    get(target, name) {
      const member: unknown = Reflect.get(own, name) ?? Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

/** The same for bytes outside the database. Close the original, not this. */
export function encryptedContents(contents: BlobContents, encryption: BlobEncryption): BlobContents {
  const { chosen } = contents
  return chosen === undefined ? contents : new BlobContents(new EncryptedContent(chosen, encryption))
}

class EncryptedContent implements BlobContent {
  readonly name: BlobContent['name']
  readonly #inner: BlobContent
  readonly #encryption: BlobEncryption

  constructor(inner: BlobContent, encryption: BlobEncryption) {
    this.name = inner.name
    this.#inner = inner
    this.#encryption = encryption
  }

  async open(tenant: string, upload: string, note: (token: string) => Promise<void>): Promise<BlobUpload> {
    const bytes = await this.#inner.open(tenant, upload, note)
    const { keys, encrypts } = this.#encryption
    return encrypts
      ? new FramedUpload(bytes, (index, content) => frameOf(keys, tenant, [upload, index], content))
      : bytes
  }

  async *read(tenant: string, blob: PlacedBlob, start: number, end: number): AsyncIterable<Uint8Array> {
    if (!(await this.#isEncrypted(tenant, blob))) {
      yield* this.#inner.read(tenant, blob, start, end)
      return
    }
    const frameBytes = frameContentBytes + frameExtraBytes
    const frames = Math.ceil(blob.sizeBytes / frameContentBytes)
    const sizeBytes = blob.sizeBytes + frames * frameExtraBytes
    let index = Math.floor(start / frameContentBytes)
    const lastFrame = Math.floor((end - 1) / frameContentBytes)
    const until = Math.min(sizeBytes, (lastFrame + 1) * frameBytes)
    const pieces = this.#inner.read(tenant, { ...blob, sizeBytes }, index * frameBytes, until)
    for await (const frame of inFrames(pieces, frameBytes)) {
      const content = await contentOf(this.#encryption.keys, tenant, [blob.upload, index], frame)
      const at = index * frameContentBytes
      yield content.subarray(Math.max(0, start - at), Math.min(content.length, end - at))
      index += 1
    }
  }

  remove(upload: Upload): Promise<void> {
    return this.#inner.remove(upload)
  }

  forgetTenant(tenant: string): Promise<void> {
    return this.#inner.forgetTenant(tenant)
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#inner[Symbol.asyncDispose]()
  }

  async #isEncrypted(tenant: string, blob: PlacedBlob): Promise<boolean> {
    if (blob.sizeBytes === 0) return false
    const head: Uint8Array[] = []
    const whole = { ...blob, sizeBytes: blob.sizeBytes + frameExtraBytes }
    for await (const piece of this.#inner.read(tenant, whole, 0, magicBytes)) head.push(piece)
    return isFrame(Buffer.concat(head))
  }
}

/** Gathers what is written into frames. */
class FramedUpload implements BlobUpload {
  readonly #inner: BlobUpload
  readonly #frame: (index: number, content: Uint8Array) => Promise<Buffer>
  readonly #content = new Uint8Array(frameContentBytes)
  #filled = 0
  #index = 0

  constructor(inner: BlobUpload, frame: (index: number, content: Uint8Array) => Promise<Buffer>) {
    this.#inner = inner
    this.#frame = frame
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let taken = 0; taken < bytes.length;) {
      const piece = bytes.subarray(taken, taken + frameContentBytes - this.#filled)
      this.#content.set(piece, this.#filled)
      this.#filled += piece.length
      taken += piece.length
      if (this.#filled === frameContentBytes) await this.#flush()
    }
  }

  async seal(): Promise<void> {
    if (this.#filled > 0) await this.#flush()
    await this.#inner.seal()
  }

  abort(): Promise<void> {
    return this.#inner.abort()
  }

  async #flush(): Promise<void> {
    await this.#inner.write(await this.#frame(this.#index, this.#content.subarray(0, this.#filled)))
    this.#index += 1
    this.#filled = 0
  }
}

async function* inFrames(pieces: AsyncIterable<Uint8Array>, frameBytes: number): AsyncGenerator<Uint8Array> {
  let rest = Buffer.alloc(0)
  for await (const piece of pieces) {
    rest = Buffer.concat([rest, piece])
    for (; rest.length >= frameBytes; rest = rest.subarray(frameBytes)) yield rest.subarray(0, frameBytes)
  }
  if (rest.length > 0) yield rest
}
