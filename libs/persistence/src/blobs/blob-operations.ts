/** What the store needs of a backend to keep blobs: their records, the links to them, a note of each upload, and, unless
 *  another place was chosen (blob-content.ts), their bytes in chunks. */

export interface BlobRecord {
  /** Lower-case hex sha256 of the content. */
  readonly hash: string
  readonly sizeBytes: number
  readonly contentType: string
  /** Milliseconds since 1970, decided by the database. */
  readonly createdAt: number
}

/** A record with where its bytes are: each upload brings bytes of its own, so that no put ever meets the removal of others. */
export interface PlacedBlob extends BlobRecord {
  readonly upload: string
  readonly content: ContentName
}

/** `database`: in chunks beside the record. */
export type ContentName = 'database' | 'folder' | 's3'

export interface NewBlob {
  readonly hash: string
  readonly sizeBytes: number
  readonly contentType: string
  /** Default `database`. */
  readonly content?: ContentName
  /** For imports; default: now. */
  readonly createdAt?: number
  /** How many bytes lie in chunks, if those are encrypted and therefore not `sizeBytes`. */
  readonly storedBytes?: number
}

export interface BlobChunk {
  readonly index: number
  readonly bytes: Uint8Array
}

/** An upload of which no record speaks: under way, killed, or what is left of a blob whose record is gone. */
export interface Upload {
  readonly tenant: string
  readonly upload: string
  readonly content: ContentName
  /** What the content needs to know to undo it, see `BlobUpload`. */
  readonly token?: string
}

export interface BlobLink {
  readonly hash: string
  /** As blob-owner.ts writes it. */
  readonly owner: string
}

export interface ErasedBlobs {
  readonly blobs: number
  readonly links: number
}

/** Blobs become visible, whole, with `finish`. An upload is noted before its first byte is kept anywhere, and the note goes
 *  in the same commit in which the record comes, so that nothing is ever without one of the two. */
export interface BlobOperations {
  /** Notes an upload whose bytes go elsewhere than into chunks, or what its content has to know (`token`). */
  begin(upload: Upload): Promise<void>
  /** The first chunk (index 0) notes the upload. */
  putChunk(tenant: string, upload: string, index: number, bytes: Uint8Array): Promise<void>
  /** A sign of life, so that the upload is not taken for a killed one. */
  refresh(tenant: string, upload: string): Promise<void>
  /** Makes the upload the blob of that hash and answers with its record; if the hash is there already, its grace time begins
   *  anew and the old record answers: the chunks and the note of this upload are gone then, and bytes elsewhere are the caller's to remove.
   *  May be repeated when its outcome is not known. Chunks can come along, which are not stored where the hash is there already; an upload of
   *  which all come along need not have been noted before.
   *  @throws FAILED_PRECONDITION if the upload was abandoned or collected meanwhile */
  finish(tenant: string, upload: string, blob: NewBlob, along?: readonly BlobChunk[]): Promise<PlacedBlob>
  /** Deletes the chunks and the note of an upload, unless it has become a blob. */
  abandon(tenant: string, upload: string): Promise<void>
  stat(tenant: string, hash: string): Promise<PlacedBlob | undefined>
  /** As `stat`, and its grace time begins anew, as by a put. */
  touch(tenant: string, hash: string): Promise<PlacedBlob | undefined>
  /** One chunk of a finished blob; `undefined` if the blob is gone. */
  readChunk(tenant: string, hash: string, index: number): Promise<Uint8Array | undefined>
  /** Deletes the record and the chunks; bytes elsewhere stay as a dead upload. */
  remove(tenant: string, hash: string): Promise<PlacedBlob | 'linked' | 'missing'>
  /** Records in the order of tenant and hash, after `after`; of all tenants if `tenant` is undefined. */
  list(
    tenant: string | undefined,
    after: { readonly tenant: string; readonly hash: string } | undefined,
    limit: number,
  ): Promise<(PlacedBlob & { readonly tenant: string })[]>

  /** `false`: it was linked already. @throws NOT_FOUND if there is no such blob */
  link(tenant: string, hash: string, owner: string): Promise<boolean>
  unlink(tenant: string, hash: string, owner: string): Promise<boolean>
  /** @returns how many links went */
  unlinkAll(tenant: string, owner: string): Promise<number>
  /** The links to a blob, or of an owner, in order of owner or hash, after `after`. */
  links(
    tenant: string,
    of: { readonly hash: string } | { readonly owner: string },
    after: string,
    limit: number,
  ): Promise<BlobLink[]>

  /** Deletes records of blobs that nothing links, neither put nor unlinked within `olderThanMs`; their bytes become dead uploads. At most
   *  `limit`, in order of age, none of which was returned before. */
  dropUnlinked(tenant: string, olderThanMs: number, limit: number): Promise<BlobRecord[]>
  /** Tenants with blobs that may be collected, or with uploads, in order, after `after`. */
  tenants(after: string, limit: number): Promise<string[]>
  /** Marks uploads without a sign of life for `olderThanMs` as dead: they can no longer finish. @returns how many */
  condemn(tenant: string, olderThanMs: number): Promise<number>
  /** Dead uploads in the order of their ids. */
  dead(tenant: string, after: string, limit: number): Promise<Upload[]>
  /** Deletes up to `limit` chunks of a dead upload. @returns how many went */
  dropChunks(tenant: string, upload: string, limit: number): Promise<number>
  /** Deletes all records and links of a tenant; all of its uploads become dead ones. */
  erase(tenant: string): Promise<ErasedBlobs>
}

export const blobChunkBytes: number = 256 * 1024
