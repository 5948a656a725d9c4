import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { invalidField } from '@holdfast/errors'
import { checkOptions } from '../options.js'
import { type BlobContent, BlobContents } from './blob-content.js'

/** Where the bytes of new blobs go; default `database`. Their records always lie in the database. As text, for configuration: `database`,
 *  `file:/var/lib/blobs` or `s3://bucket/prefix?endpoint=…&region=…&pathStyle=true` (credentials then come from the environment). */
export type BlobsOption = 'database' | { readonly folder: string } | { readonly s3: S3Options } | (string & {})

export interface S3Options {
  /** Has to be there. */
  readonly bucket: string
  /** What all keys begin with, without a slash at the ends; default: nothing. */
  readonly prefix?: string
  /** Of a server that is not Amazon's: `https://storage.example`. */
  readonly endpoint?: string
  /** Default: AWS_REGION or the profile's; with an endpoint `us-east-1`. */
  readonly region?: string
  /** Default: what the AWS SDK finds (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, the machine's role). */
  readonly credentials?: S3Credentials
  /** `endpoint/bucket/key` instead of `bucket.endpoint/key`; default: true with an endpoint. */
  readonly pathStyle?: boolean
  /** Bytes of one part of a multipart upload, 5 to 64 MiB; default 8 MiB, good for blobs of up to 80 GB. Two parts are in memory at a time. */
  readonly partSizeBytes?: number
}

export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

const mebibyte = 1024 * 1024

/** Checks the option; nothing is opened before the result is called. Errors quote nothing that may hold a secret.
 *  @throws INVALID_ARGUMENT */
export function blobContentsOf(option: BlobsOption = 'database'): () => Promise<BlobContents> {
  const place = typeof option === 'string' ? placeOfUrl(option) : option
  if (place === undefined) return async () => new BlobContents()
  if (typeof place !== 'object' || place === null) throw invalidField('blobs', expected)
  if ('folder' in place) {
    checkOptions(place, ['folder'])
    const { folder } = place
    if (typeof folder !== 'string' || folder === '') throw invalidField('blobs.folder', 'must be the path of a folder')
    return opening(async () => (await import('./folder-content.js')).openFolderContent(resolve(folder)))
  }
  if (!('s3' in place)) throw invalidField('blobs', expected)
  checkOptions(place, ['s3'])
  const s3 = checkS3(place.s3)
  return opening(async () => (await import('./s3-content.js')).openS3Content(s3))
}

const expected = `must be 'database', { folder }, { s3: { bucket, … } }, file:FOLDER or s3://BUCKET/PREFIX`

function opening(open: () => Promise<BlobContent>): () => Promise<BlobContents> {
  return async () => new BlobContents(await open())
}

function placeOfUrl(text: string): { readonly folder: string } | { readonly s3: S3Options } | undefined {
  if (text === 'database') return undefined
  if (text.startsWith('file:')) {
    // file:blobs and file:./blobs are relative; a URL with a host or escapes is one in full.
    const folder = text.startsWith('file://') ? pathOf(text) : text.slice('file:'.length)
    return { folder }
  }
  if (!text.startsWith('s3://')) throw invalidField('blobs', expected)
  const url = parse(text)
  if (url === undefined) throw invalidField('blobs', 'must be s3://BUCKET/PREFIX?endpoint=…')
  if (url.username !== '' || url.password !== '') {
    throw invalidField('blobs', 'must not hold credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead')
  }
  const s3: Record<string, unknown> = { bucket: url.hostname }
  const prefix = decodeURIComponent(url.pathname).replaceAll(/^\/+|\/+$/g, '')
  if (prefix !== '') s3['prefix'] = prefix
  for (const [name, value] of url.searchParams) {
    if (name === 'pathStyle') s3[name] = value === 'true' || (value === 'false' ? false : value)
    else if (name === 'partSizeBytes') s3[name] = Number(value)
    else if (name === 'endpoint' || name === 'region') s3[name] = value
    else
      throw invalidField(
        'blobs',
        'has a parameter that is not known: known are endpoint, region, pathStyle, partSizeBytes',
      )
  }
  return { s3: s3 as unknown as S3Options }
}

function pathOf(text: string): string {
  try {
    return fileURLToPath(text)
  } catch {
    throw invalidField('blobs', 'must name a folder of this machine after file:')
  }
}

function parse(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}

function checkS3(options: S3Options): S3Options {
  checkOptions(options, ['bucket', 'prefix', 'endpoint', 'region', 'credentials', 'pathStyle', 'partSizeBytes'])
  const { bucket, prefix, endpoint, region, credentials, pathStyle, partSizeBytes } = options
  if (typeof bucket !== 'string' || !/^[a-zA-Z0-9][a-zA-Z0-9._-]{1,254}$/.test(bucket)) {
    throw invalidField('blobs.s3.bucket', 'must be the name of a bucket')
  }
  if (
    prefix !== undefined &&
    (typeof prefix !== 'string' || !/^[\w.-]+(\/[\w.-]+)*$/.test(prefix) || prefix.length > 512)
  ) {
    throw invalidField('blobs.s3.prefix', 'must be letters, digits, ., _ and - with single slashes between')
  }
  if (endpoint !== undefined && !(typeof endpoint === 'string' && /^https?:$/.test(parse(endpoint)?.protocol ?? ''))) {
    throw invalidField('blobs.s3.endpoint', 'must be a URL that starts with http:// or https://')
  }
  if (region !== undefined && (typeof region !== 'string' || region === '')) {
    throw invalidField('blobs.s3.region', 'must be the name of a region')
  }
  if (pathStyle !== undefined && typeof pathStyle !== 'boolean') {
    throw invalidField('blobs.s3.pathStyle', 'must be a boolean')
  }
  const size = partSizeBytes ?? 8 * mebibyte
  if (!Number.isSafeInteger(size) || size < 5 * mebibyte || size > 64 * mebibyte) {
    throw invalidField('blobs.s3.partSizeBytes', 'must be an integer from 5 to 64 MiB')
  }
  if (credentials !== undefined) {
    checkOptions(credentials, ['accessKeyId', 'secretAccessKey', 'sessionToken'])
    for (const name of ['accessKeyId', 'secretAccessKey'] as const) {
      if (typeof credentials[name] !== 'string' || credentials[name] === '') {
        throw invalidField(`blobs.s3.credentials.${name}`, 'must be a string that is not empty')
      }
    }
  }
  return options
}
