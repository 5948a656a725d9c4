import type { Backend } from '../backend.js'
import { ownerText } from '../blobs/blob-owner.js'

/** Rows that one statement deletes. */
const batchRows = 500

/** Deletes all that a tenant has of a collection, in the order of the ids: what is written behind the place where it is stays. Each
 *  batch is a commit of its own. */
export async function dropCollection(
  { erasure, blobs }: Pick<Backend, 'erasure' | 'blobs'>,
  collection: string,
  tenant: string,
): Promise<{ readonly deleted: number }> {
  const hasBlobs = (await blobs.list(tenant, undefined, 1)).length > 0
  let deleted = 0
  for (let after = '', more = true; more;) {
    const { ids, documents } = await erasure.dropRows(collection, tenant, after, batchRows)
    deleted += documents
    if (hasBlobs) {
      await Promise.all(ids.map((id) => blobs.unlinkAll(tenant, ownerText({ collection, id }))))
    }
    after = ids.at(-1) ?? after
    more = ids.length === batchRows
  }
  return { deleted }
}
