import { HoldfastError, invalidField } from '@holdfast/errors'
import type { TenantStore } from '@holdfast/persistence'
import type { jobs as wire } from '@holdfast/protocol'

export interface TakenMedia {
  /** sha256 of the bytes: the artifact's id, and the blob's hash. */
  readonly id: string
  /** As it was said, or stored; empty: nobody said. */
  readonly contentType: string
  readonly sizeBytes: number
  /** File name; empty if there is none. */
  readonly name: string
}

export interface TakeMediaOptions {
  /** Name of the field as the client wrote it: `picture`. */
  readonly field: string
  readonly maxBytes: number
  readonly signal?: AbortSignal
}

const unnamed = 'application/octet-stream'

/** Stores bytes that came with a request, or finds those of the artifact that it names. Pass `id` among the `inputs` of the job that needs them.
 *  @throws INVALID_ARGUMENT if there are none; RESOURCE_EXHAUSTED if they are too many; NOT_FOUND if there is no such artifact */
export async function takeMedia(
  store: TenantStore,
  media: wire.Media | undefined,
  { field, maxBytes, signal }: TakeMediaOptions,
): Promise<TakenMedia> {
  const source = media?.source
  if (media === undefined || source === undefined) {
    throw invalidField(field, 'is missing: send its bytes as content, or name an artifact')
  }
  const { contentType, name } = media
  if (source.$case === 'content') {
    const { value: content } = source
    if (content.length === 0)
      throw invalidField(`${field}.content`, 'is empty: send the bytes', { reason: 'MEDIA_EMPTY' })
    refuseTooLarge(field, content.length, maxBytes)
    const options = { contentType: contentType === '' ? unnamed : contentType, ...(signal ? { signal } : {}) }
    const { hash, sizeBytes } = await store.blobs.put(content, options)
    return { id: hash, contentType, sizeBytes, name }
  }
  const id = source.value
  const blob = /^[0-9a-f]{64}$/.test(id) ? await store.blobs.stat(id) : undefined
  if (blob === undefined) {
    throw new HoldfastError('NOT_FOUND', `${field}: there are no bytes of an artifact ${id}: upload them first`, {
      reason: 'ARTIFACT_NOT_FOUND',
      fields: [{ field: `${field}.artifact_id`, description: 'is no artifact with bytes' }],
    })
  }
  refuseTooLarge(field, blob.sizeBytes, maxBytes)
  const stored = blob.contentType === unnamed ? '' : (blob.contentType ?? '')
  return { id, contentType: contentType === '' ? stored : contentType, sizeBytes: blob.sizeBytes, name }
}

function refuseTooLarge(field: string, sizeBytes: number, maxBytes: number): void {
  if (sizeBytes <= maxBytes) return
  throw new HoldfastError('RESOURCE_EXHAUSTED', `${field} has ${sizeBytes} bytes: at most ${maxBytes} are taken`, {
    reason: 'MEDIA_TOO_LARGE',
    fields: [{ field, description: `has ${sizeBytes} bytes: at most ${maxBytes}` }],
  })
}
