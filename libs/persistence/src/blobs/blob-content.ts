import { HoldfastError } from '@holdfast/errors'
import type { ContentName, PlacedBlob, Upload } from './blob-operations.js'

/** A place for the bytes of blobs outside the database. It knows uploads, not hashes: which blob an upload has become, and whether
 *  anything needs it, the database decides. Two uploads never share bytes, and an upload's bytes never change once sealed. */
export interface BlobContent extends AsyncDisposable {
  readonly name: Exclude<ContentName, 'database'>
  /** @param note keeps what `remove` will need to undo an unfinished upload; awaited before bytes depend on it. */
  open(tenant: string, upload: string, note: (token: string) => Promise<void>): Promise<BlobUpload>
  /** The bytes from `start` to `end` (exclusive, after `start`) of a sealed upload, in pieces of any size.
   *  @throws DATA_LOSS (reason BLOB_DAMAGED) if they are not there */
  read(tenant: string, blob: PlacedBlob, start: number, end: number): AsyncIterable<Uint8Array>
  /** Removes whatever there is of an upload, finished or not. Safe to repeat. */
  remove(upload: Upload): Promise<void>
  /** After all of a tenant's uploads were removed: leaves nothing that tells of the tenant. */
  forgetTenant(tenant: string): Promise<void>
}

/** The bytes of one upload on their way. */
export interface BlobUpload {
  /** Resolves when more can be taken; what was given may then be overwritten. */
  write(bytes: Uint8Array): Promise<void>
  /** Resolves when all of it is durable and can be read. */
  seal(): Promise<void>
  /** Stops and lets go of resources; what was kept is left to `remove`. Never throws. */
  abort(): Promise<void>
}

/** Where new bytes go, and where those of older blobs can be read. */
export class BlobContents implements AsyncDisposable {
  /** `undefined`: into the database. */
  readonly chosen: BlobContent | undefined

  constructor(chosen?: BlobContent) {
    this.chosen = chosen
  }

  /** @throws FAILED_PRECONDITION if this store was opened without that place */
  of(name: Exclude<ContentName, 'database'>, whose: string): BlobContent {
    const found = this.find(name)
    if (found !== undefined) return found
    throw new HoldfastError(
      'FAILED_PRECONDITION',
      `The bytes of ${whose} lie in ${name === 's3' ? 'S3' : 'a folder'}: open the store with the option blobs: { ${name}: … }`,
      { reason: 'BLOB_CONTENT_NOT_OPEN' },
    )
  }

  find(name: ContentName): BlobContent | undefined {
    return this.chosen?.name === name ? this.chosen : undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.chosen?.[Symbol.asyncDispose]()
  }
}
