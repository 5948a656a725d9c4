import { invalidField } from '@holdfast/errors'
import type { StoreContext } from './context.js'
import type { Part } from './message.js'
import { blobOwner } from './shapes.js'

/** Links the blobs before the message is there, so that none is collected in between. Sizes come from what is stored: a message can
 *  neither name bytes that are not there nor lie about them. */
export function keepBlobs(
  { store: { blobs } }: Pick<StoreContext, 'store'>,
  id: string,
  parts: readonly Part[],
  field: string,
): Promise<Part[]> {
  return Promise.all(
    parts.map(async (part, index) => {
      if (!namesBlob(part)) return part
      const blob = await blobs.stat(part.hash)
      if (blob === undefined) throw invalidField(`${field}[${index}].hash`, 'names no stored blob: put the bytes first')
      await blobs.link(part.hash, blobOwner(id))
      return { ...part, sizeBytes: blob.sizeBytes }
    }),
  )
}

export function namesBlob(part: Part): part is Part & { readonly hash: string } {
  return 'hash' in part
}
