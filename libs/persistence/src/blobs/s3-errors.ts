import { type ErrorCode, HoldfastError } from '@holdfast/errors'

interface Meaning {
  readonly code: ErrorCode
  readonly advice: string
}

const refused: Meaning = {
  code: 'UNAUTHENTICATED',
  advice: 'check the credentials (option credentials, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)',
}

/** By the error's name. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
const meanings: ReadonlyMap<string, Meaning> = new Map([
  ['NoSuchBucket', { code: 'FAILED_PRECONDITION', advice: 'create the bucket or correct its name' }],
  [
    'AccessDenied',
    { code: 'PERMISSION_DENIED', advice: 'grant s3:GetObject, PutObject, DeleteObject and AbortMultipartUpload' },
  ],
  ['InvalidAccessKeyId', refused],
  ['SignatureDoesNotMatch', refused],
  ['ExpiredToken', refused],
  ['CredentialsProviderError', refused],
  ['PermanentRedirect', { code: 'FAILED_PRECONDITION', advice: "set the bucket's own region" }],
  ['AuthorizationHeaderMalformed', { code: 'FAILED_PRECONDITION', advice: "set the bucket's own region" }],
  ['SlowDown', { code: 'UNAVAILABLE', advice: 'try again later' }],
  ['InsufficientStorage', { code: 'RESOURCE_EXHAUSTED', advice: 'free space there' }],
  ['XMinioStorageFull', { code: 'RESOURCE_EXHAUSTED', advice: 'free space there' }],
])

/** What the SDK threw, without its words, which may quote what was sent; `cause` keeps it. */
export function errorOfS3(cause: unknown, doing: string): unknown {
  if (!(cause instanceof Error) || cause instanceof HoldfastError) return cause
  const meaning = meanings.get(cause.name)
  const status = statusOf(cause)
  if (meaning !== undefined) {
    return new HoldfastError(meaning.code, `S3 refused to ${doing} (${cause.name}): ${meaning.advice}`, { cause })
  }
  if (status === 401 || status === 403) {
    return new HoldfastError('PERMISSION_DENIED', `S3 refused to ${doing} (${cause.name}): check the rights`, { cause })
  }
  if (status !== undefined && status < 500) {
    const message = `S3 refused to ${doing} (${cause.name}, HTTP ${status}): check bucket, endpoint and region`
    return new HoldfastError('FAILED_PRECONDITION', message, { cause, reason: 'S3_REFUSED' })
  }
  const message = `S3 did not ${doing} (${cause.name}): check that the endpoint can be reached, and try again`
  return new HoldfastError('UNAVAILABLE', message, { cause, reason: 'S3_UNAVAILABLE', retryAfterMs: 1_000 })
}

export function isNamed(error: unknown, ...names: readonly string[]): boolean {
  return error instanceof Error && names.includes(error.name)
}

export function statusOf(error: unknown): number | undefined {
  const { $metadata } = error as { readonly $metadata?: { readonly httpStatusCode?: number } }
  return $metadata?.httpStatusCode
}
