import { HoldfastError } from '@holdfast/errors'
import type * as Sdk from '@aws-sdk/client-s3'
import type { BlobContent, BlobUpload } from './blob-content.js'
import { damaged } from './blob-errors.js'
import type { PlacedBlob, Upload } from './blob-operations.js'
import type { S3Options } from './blob-options.js'
import { errorOfS3, isNamed, statusOf } from './s3-errors.js'
import { tenantFolder } from './tenant-folder.js'

const defaultPartBytes = 8 * 1024 * 1024
const maxSockets = 256
/** How often a read goes on where its connection broke. */
const readAttempts = 4

interface S3Place {
  readonly sdk: typeof Sdk
  readonly client: Sdk.S3Client
  readonly bucket: string
  readonly prefix: string
  readonly partBytes: number
}

/** Opens a bucket for the bytes of blobs. Nothing is sent yet.
 *  @throws FAILED_PRECONDITION if the SDK is not installed */
export async function openS3Content(options: S3Options): Promise<BlobContent> {
  const sdk = await loadSdk()
  const { bucket, prefix, endpoint, region, credentials, partSizeBytes, pathStyle = endpoint !== undefined } = options
  const client = new sdk.S3Client({
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? (endpoint === undefined ? {} : { region: 'us-east-1' }) : { region }),
    // A copy: the SDK writes into it.
    ...(credentials === undefined ? {} : { credentials: { ...credentials } }),
    forcePathStyle: pathStyle,
    // Bytes are signed by their sha256 on the way in, and compared with the blob's on the way out; other servers do not all know the
    // newer checksums that the SDK adds by itself.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 4,
    // Readers that take their time keep a connection each. One that stands still is closed; a read then goes on with another.
    requestHandler: {
      connectionTimeout: 5_000,
      socketTimeout: 60_000,
      httpAgent: { keepAlive: true, maxSockets },
      httpsAgent: { keepAlive: true, maxSockets },
    },
  })
  const place = { sdk, client, bucket, prefix: prefix === undefined ? '' : `${prefix}/` }
  return new S3Content({ ...place, partBytes: partSizeBytes ?? defaultPartBytes })
}

async function loadSdk(): Promise<typeof Sdk> {
  try {
    return await import('@aws-sdk/client-s3')
  } catch (cause) {
    throw new HoldfastError(
      'FAILED_PRECONDITION',
      'Blobs in S3 need the AWS SDK, which is not installed: npm install @aws-sdk/client-s3',
      { cause, reason: 'S3_SDK_MISSING' },
    )
  }
}

/** One object an upload, at PREFIX/TENANT/ID. */
class S3Content implements BlobContent {
  readonly name = 's3'
  readonly #place: S3Place

  constructor(place: S3Place) {
    this.#place = place
  }

  async open(tenant: string, upload: string, note: (token: string) => Promise<void>): Promise<BlobUpload> {
    return new S3Upload(this.#place, this.#key(tenant, upload), note)
  }

  async *read(tenant: string, blob: PlacedBlob, start: number, end: number): AsyncIterable<Uint8Array> {
    const { sdk, client, bucket } = this.#place
    const from = { Bucket: bucket, Key: this.#key(tenant, blob.upload) }
    let at = start
    for (let attempt = 1; at < end;) {
      const before = at
      try {
        const { Body } = await client.send(new sdk.GetObjectCommand({ ...from, Range: `bytes=${at}-${end - 1}` }))
        if (Body === undefined) return
        for await (const piece of Body as unknown as AsyncIterable<Uint8Array>) {
          at += piece.length
          yield piece
        }
        return
      } catch (error) {
        if (isNamed(error, 'NoSuchKey', 'InvalidRange')) throw damaged(blob.hash, 'has lost its object', error)
        attempt = at === before ? attempt + 1 : 1
        if (statusOf(error) !== undefined || attempt > readAttempts) throw errorOfS3(error, `read blob ${blob.hash}`)
      }
    }
  }

  async remove({ tenant, upload, token }: Upload): Promise<void> {
    const { sdk, client, bucket } = this.#place
    const object = { Bucket: bucket, Key: this.#key(tenant, upload) }
    try {
      const unfinished = token === undefined ? await this.#unfinished(object.Key) : [token]
      for (const UploadId of unfinished) {
        await client.send(new sdk.AbortMultipartUploadCommand({ ...object, UploadId })).catch(unlessGone)
      }
      await client.send(new sdk.DeleteObjectCommand(object)).catch(unlessGone)
    } catch (error) {
      throw errorOfS3(error, 'remove the bytes of a blob')
    }
  }

  async forgetTenant(): Promise<void> {
    // There are no folders in a bucket.
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#place.client.destroy()
  }

  /** Multipart uploads that were begun but not noted, because the process was killed in between. */
  async #unfinished(key: string): Promise<string[]> {
    const { sdk, client, bucket } = this.#place
    try {
      const { Uploads = [] } = await client.send(new sdk.ListMultipartUploadsCommand({ Bucket: bucket, Prefix: key }))
      return Uploads.flatMap(({ Key, UploadId }) => (Key === key && UploadId !== undefined ? [UploadId] : []))
    } catch (error) {
      // Not every server, and not every policy, allows it; what is missed holds no bytes yet.
      if (isNamed(error, 'NoSuchBucket') || (statusOf(error) ?? 500) >= 500) throw error
      return []
    }
  }

  #key(tenant: string, upload: string): string {
    return `${this.#place.prefix}${tenantFolder(tenant)}/${upload}`
  }
}

/** What fits into one part is put as it is. Otherwise one part fills while the one before is on its way. */
class S3Upload implements BlobUpload {
  readonly #place: S3Place
  readonly #object: { readonly Bucket: string; readonly Key: string }
  readonly #note: (token: string) => Promise<void>
  readonly #stop = new AbortController()
  readonly #parts: Sdk.CompletedPart[] = []
  #filling: Buffer
  #spare: Buffer | undefined
  #filled = 0
  #uploadId: string | undefined
  #sending: Promise<void> | undefined

  constructor(place: S3Place, key: string, note: (token: string) => Promise<void>) {
    this.#place = place
    this.#object = { Bucket: place.bucket, Key: key }
    this.#note = note
    // Grows to the size of a part with the second write, so that small blobs take little.
    this.#filling = Buffer.allocUnsafe(0)
  }

  async write(bytes: Uint8Array): Promise<void> {
    const { partBytes } = this.#place
    for (let taken = 0; taken < bytes.length;) {
      if (this.#filled === partBytes) await this.#sendPart()
      const piece = bytes.subarray(taken, taken + partBytes - this.#filled)
      this.#makeRoom(piece.length)
      this.#filling.set(piece, this.#filled)
      this.#filled += piece.length
      taken += piece.length
    }
  }

  async seal(): Promise<void> {
    const { sdk } = this.#place
    if (this.#uploadId === undefined) {
      const Body = this.#filling.subarray(0, this.#filled)
      const object = { ...this.#object, Body, ContentLength: Body.length }
      await this.#send((client, how) => client.send(new sdk.PutObjectCommand(object), how))
      return
    }
    await this.#sendPart()
    await this.#sending
    const upload = { ...this.#object, UploadId: this.#uploadId, MultipartUpload: { Parts: this.#parts } }
    await this.#send((client, how) => client.send(new sdk.CompleteMultipartUploadCommand(upload), how))
  }

  async abort(): Promise<void> {
    this.#stop.abort()
    await this.#sending?.catch(() => {})
  }

  #makeRoom(bytes: number): void {
    const needed = this.#filled + bytes
    if (needed <= this.#filling.length) return
    const { partBytes } = this.#place
    const larger = Buffer.allocUnsafe(Math.min(partBytes, Math.max(needed, 4 * this.#filling.length)))
    this.#filling.copy(larger, 0, 0, this.#filled)
    this.#filling = larger
  }

  async #sendPart(): Promise<void> {
    const { sdk, partBytes } = this.#place
    await this.#sending
    if (this.#uploadId === undefined) await this.#begin()
    const Body = this.#filling.subarray(0, this.#filled)
    const sent = this.#filling
    this.#filling = this.#spare ?? Buffer.allocUnsafe(partBytes)
    this.#spare = undefined
    this.#filled = 0
    const PartNumber = this.#parts.length + 1
    const part = { ...this.#object, UploadId: this.#uploadId, PartNumber, Body, ContentLength: Body.length }
    this.#sending = (async () => {
      const { ETag } = await this.#send((client, how) => client.send(new sdk.UploadPartCommand(part), how))
      this.#parts.push({ PartNumber, ...(ETag === undefined ? {} : { ETag }) })
      this.#spare = sent
    })()
    // It is awaited before the next part, or by `seal` or `abort`.
    this.#sending.catch(() => {})
  }

  async #begin(): Promise<void> {
    const { sdk } = this.#place
    const { UploadId } = await this.#send((client, how) =>
      client.send(new sdk.CreateMultipartUploadCommand(this.#object), how),
    )
    if (UploadId === undefined) throw new HoldfastError('UNAVAILABLE', 'S3 began an upload without an id: try again')
    this.#uploadId = UploadId
    await this.#note(UploadId)
  }

  async #send<R>(send: (client: Sdk.S3Client, options: { abortSignal: AbortSignal }) => Promise<R>): Promise<R> {
    try {
      return await send(this.#place.client, { abortSignal: this.#stop.signal })
    } catch (error) {
      throw errorOfS3(error, 'store a blob')
    }
  }
}

function unlessGone(error: unknown): void {
  if (!isNamed(error, 'NoSuchUpload', 'NoSuchKey', 'NotFound')) throw error
}
