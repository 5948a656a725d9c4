import { HoldfastError } from '@holdfast/errors'
import { type PictureLimits, type TakenPicture, takePicture } from '@holdfast/models'
import type { TenantStore } from '@holdfast/persistence'
import type { jobs as wire } from '@holdfast/protocol'
import { takeMedia } from './media.js'

/** A picture as a job's input has it: JSON. */
export interface PictureSource {
  /** Of the artifact; among the `inputs` of the job. */
  readonly id: string
  /** Of bytes that came with the request and were taken in before they were stored; absent: the artifact came by itself, and is taken in when
   *  the job works. */
  readonly taken?: Omit<TakenPicture, 'bytes'>
}

export interface TakePictureMediaOptions {
  /** Name of the field as the client wrote it: `picture`. */
  readonly field: string
  readonly limits: PictureLimits
  readonly signal?: AbortSignal
}

/** Takes in the picture of a request before anything of it is stored, so that what is kept has no metadata; or finds the artifact that it
 *  names. @throws as `takePicture` and `takeMedia` */
export async function pictureFromMedia(
  store: TenantStore,
  media: wire.Media | undefined,
  { field, limits, signal }: TakePictureMediaOptions,
): Promise<PictureSource> {
  const during = signal === undefined ? {} : { signal }
  if (media?.source?.$case !== 'content') {
    return { id: (await takeMedia(store, media, { field, maxBytes: limits.bytes, ...during })).id }
  }
  const { contentType } = media
  const { bytes, ...taken } = await takePicture(media.source.value, { field, contentType, limits, ...during })
  const { hash } = await store.blobs.put(bytes, { contentType: taken.contentType, ...during })
  return { id: hash, taken }
}

/** The picture of a job's input, taken in if it was not yet.
 *  @throws as `takePicture`; NOT_FOUND when its bytes are gone */
export async function pictureOfInput(
  store: TenantStore,
  { id, taken }: PictureSource,
  { field, limits, signal }: TakePictureMediaOptions,
): Promise<TakenPicture> {
  const bytes = await bytesOf(store, id, limits.bytes, field)
  if (taken !== undefined) return { ...taken, bytes }
  return takePicture(bytes, { field, limits, ...(signal === undefined ? {} : { signal }) })
}

/** One byte more than the limit is enough to know. */
async function bytesOf(store: TenantStore, id: string, most: number, field: string): Promise<Uint8Array> {
  if ((await store.blobs.stat(id)) === undefined) {
    throw new HoldfastError('NOT_FOUND', `${field}: the bytes of the artifact ${id} are gone`, {
      reason: 'ARTIFACT_NOT_FOUND',
    })
  }
  const pieces: Uint8Array[] = []
  let sizeBytes = 0
  for await (const piece of store.blobs.get(id)) {
    pieces.push(piece)
    sizeBytes += piece.byteLength
    if (sizeBytes > most) break
  }
  return pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces)
}
