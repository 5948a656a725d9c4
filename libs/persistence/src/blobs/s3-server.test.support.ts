import { CreateBucketCommand, ListObjectsV2Command, S3Client, UploadPartCommand } from '@aws-sdk/client-s3'
import { buildApp } from 'fauxqs'
import type { S3Options } from './blob-options.js'

/** A server that speaks S3, in this process, on a loopback port, with one bucket. Keeps everything in memory. */
export interface S3Server extends AsyncDisposable {
  readonly port: number
  /** For the option `blobs.s3`. */
  readonly options: S3Options
  keys(): Promise<string[]>
  /** Whether parts can still be sent to a multipart upload. */
  takesParts(key: string, uploadId: string): Promise<boolean>
}

export async function startS3Server(): Promise<S3Server> {
  const app = buildApp({ logger: false })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const address = app.server.address()
  if (address === null || typeof address === 'string') throw new Error('The S3 server got no port')
  const { port } = address
  const bucket = 'holdfast-test'
  const endpoint = `http://127.0.0.1:${port}`
  const credentials = { accessKeyId: 'test-key', secretAccessKey: 'test-secret' }
  const client = new S3Client({ endpoint, region: 'us-east-1', credentials: { ...credentials }, forcePathStyle: true })
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  return {
    port,
    options: { bucket, endpoint, credentials },
    async keys() {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }))
      return Contents.flatMap(({ Key }) => Key ?? [])
    },
    async takesParts(Key, UploadId) {
      const part = { Bucket: bucket, Key, UploadId, PartNumber: 99, Body: Buffer.from('x') }
      return client.send(new UploadPartCommand(part)).then(
        () => true,
        () => false,
      )
    },
    async [Symbol.asyncDispose]() {
      client.destroy()
      await app.close()
    },
  }
}
