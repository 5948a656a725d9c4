import { HoldfastError } from '@holdfast/errors'

export function noSuchBlob(hash: string): HoldfastError {
  return new HoldfastError('NOT_FOUND', `There is no blob ${hash}: it was never stored, or it was removed`)
}

export function uploadGone(upload: string): HoldfastError {
  return new HoldfastError(
    'FAILED_PRECONDITION',
    `Upload ${upload} is not complete: it was abandoned or collected meanwhile, put the bytes again`,
    { reason: 'UPLOAD_GONE' },
  )
}

export function damaged(hash: string, how: string, cause?: unknown): HoldfastError {
  return new HoldfastError('DATA_LOSS', `Blob ${hash} ${how}: restore it from a backup`, {
    reason: 'BLOB_DAMAGED',
    ...(cause === undefined ? {} : { cause }),
  })
}

export function stillLinked(hash: string): HoldfastError {
  return new HoldfastError(
    'FAILED_PRECONDITION',
    `Blob ${hash} is linked: unlink it from its owners (see blobs.links), and collect() will remove it`,
    { reason: 'BLOB_LINKED' },
  )
}
