import { HoldfastError, invalidField } from '@holdfast/errors'
import { checkOptions } from '../options.js'
import type { BlobContents } from './blob-content.js'
import type { BlobOperations, ErasedBlobs, Upload } from './blob-operations.js'

const batch = 500
/** Uploads under way give a sign of life every 10 s. Whoever gave none for this long was killed, whatever the grace time. */
const killedAfterMs = 60_000
/** 64 MiB a statement, well within a statement's time limit. */
const chunksAtOnce = 256

const defaultGraceMs = 86_400_000

export interface CollectOptions {
  /** Grace time since a blob was last put or unlinked, in milliseconds; default a day. */
  readonly olderThanMs?: number
}

export interface CollectedBlobs {
  /** Blobs that nothing linked. */
  readonly blobs: number
  readonly sizeBytes: number
  /** Uploads that never finished. */
  readonly uploads: number
  /** Uploads whose bytes lie where this store cannot reach, because it was opened without that place. */
  readonly unreachable: number
}

/** First the records go, each in a commit that also notes whose bytes are left; then the bytes, which nobody can find any more. Killed
 *  at any point, the next run goes on. */
export async function collectBlobs(
  tenant: string,
  operations: BlobOperations,
  contents: BlobContents,
  olderThanMs: number,
): Promise<CollectedBlobs> {
  let blobs = 0
  let sizeBytes = 0
  for (let found = batch; found === batch;) {
    const dropped = await operations.dropUnlinked(tenant, olderThanMs, batch)
    found = dropped.length
    blobs += found
    for (const blob of dropped) sizeBytes += blob.sizeBytes
  }
  const uploads = await operations.condemn(tenant, Math.max(olderThanMs, killedAfterMs))
  const unreachable = await removeDead(tenant, operations, contents)
  return { blobs, sizeBytes, uploads, unreachable }
}

/** `collectBlobs` for each tenant that may have something to collect. */
export async function collectAllBlobs(
  operations: BlobOperations,
  contents: BlobContents,
  options: CollectOptions,
): Promise<CollectedBlobs> {
  const olderThanMs = graceOf(options)
  let all: CollectedBlobs = { blobs: 0, sizeBytes: 0, uploads: 0, unreachable: 0 }
  for (let after = ''; ;) {
    const tenants = await operations.tenants(after, batch)
    for (const tenant of tenants) {
      const one = await collectBlobs(tenant, operations, contents, olderThanMs)
      all = {
        blobs: all.blobs + one.blobs,
        sizeBytes: all.sizeBytes + one.sizeBytes,
        uploads: all.uploads + one.uploads,
        unreachable: all.unreachable + one.unreachable,
      }
      after = tenant
    }
    if (tenants.length < batch) return all
  }
}

/** @throws INVALID_ARGUMENT */
export function graceOf(options: CollectOptions): number {
  checkOptions(options, ['olderThanMs'])
  const { olderThanMs = defaultGraceMs } = options
  if (Number.isSafeInteger(olderThanMs) && olderThanMs >= 0) return olderThanMs
  throw invalidField('olderThanMs', 'must be an integer from 0')
}

/** Removes all blobs of a tenant, linked or not, wherever their bytes lie, and all of its uploads.
 *  @throws FAILED_PRECONDITION if some of the bytes lie where this store cannot reach; the records are gone then */
export async function eraseBlobs(
  tenant: string,
  operations: BlobOperations,
  contents: BlobContents,
): Promise<ErasedBlobs> {
  const erased = await operations.erase(tenant)
  const unreachable = await removeDead(tenant, operations, contents)
  if (unreachable === 0) {
    await contents.chosen?.forgetTenant(tenant)
    return erased
  }
  throw new HoldfastError(
    'FAILED_PRECONDITION',
    `The bytes of ${unreachable} uploads lie where this store cannot reach: open it with the option blobs they were put with, and erase again`,
    { reason: 'BLOB_CONTENT_NOT_OPEN' },
  )
}

/** @returns how many are out of reach */
async function removeDead(tenant: string, operations: BlobOperations, contents: BlobContents): Promise<number> {
  let unreachable = 0
  let after = ''
  for (;;) {
    const dead = await operations.dead(tenant, after, batch)
    for (const upload of dead) {
      if (!(await removeUpload(upload, operations, contents))) unreachable += 1
      after = upload.upload
    }
    if (dead.length < batch) return unreachable
  }
}

async function removeUpload(upload: Upload, operations: BlobOperations, contents: BlobContents): Promise<boolean> {
  const { tenant, content } = upload
  if (content === 'database') {
    while ((await operations.dropChunks(tenant, upload.upload, chunksAtOnce)) === chunksAtOnce);
  } else {
    const place = contents.find(content)
    if (place === undefined) return false
    await place.remove(upload)
  }
  await operations.abandon(tenant, upload.upload)
  return true
}
