import type { BlobRecord } from '../blobs/blob-operations.js'
import type { CollectedBlobs } from '../blobs/collect-blobs.js'

export interface Blob extends Omit<BlobRecord, 'createdAt'> {
  readonly createdAt: Date
}

/** Who needs a blob: a document, an entry of a log or a whole stream, or anything with a name of its own (1 to 512 characters). */
export type BlobOwner =
  | { readonly collection: string; readonly id: string }
  | { readonly log: string; readonly stream: string; readonly seq?: number }
  | string

/** Bytes in front of all others that are known later than those: a header with the length of what follows. */
export interface BlobHead {
  /** At most 65,536. */
  readonly sizeBytes: number
  /** As soon as they are known, at the latest when the source has ended. Until then all that it gave is in memory. */
  readonly bytes: Promise<Uint8Array>
}

export interface Blobs {
  /** Stores the bytes under their sha256; the same bytes are kept once. Nothing is visible before all of it is durable, and of a
   *  put that fails or is aborted nothing is kept. What comes of a source is stored while it comes, also where a `head` is still missing.
   *  @throws CANCELLED when `signal` aborts */
  put(
    content: Uint8Array | AsyncIterable<Uint8Array>,
    options?: { readonly contentType?: string; readonly signal?: AbortSignal; readonly head?: BlobHead },
  ): Promise<Blob>
  /** The bytes from `start` (inclusive, default 0) to `end` (exclusive, default: the size). @throws NOT_FOUND, OUT_OF_RANGE;
   *  DATA_LOSS if what is there is not what was stored */
  get(hash: string, range?: { readonly start?: number; readonly end?: number }): AsyncIterable<Buffer>
  bytes(hash: string): Promise<Buffer>
  stat(hash: string): Promise<Blob | undefined>
  /** @throws FAILED_PRECONDITION (reason BLOB_LINKED) if the blob is linked */
  remove(hash: string): Promise<boolean>
  /** Keeps the blob from being collected or removed. Within a transaction it comes with the owner's own write, or not at all.
   *  @returns `false` if that owner had linked it before. @throws NOT_FOUND if there is no such blob */
  link(hash: string, owner: BlobOwner): Promise<boolean>
  /** @returns `false` if that owner had not linked it */
  unlink(hash: string, owner: BlobOwner): Promise<boolean>
  /** Unlinks all that the owner has linked; for when it is deleted. @returns how many */
  unlinkAll(owner: BlobOwner): Promise<number>
  /** Who links the blob. */
  links(hash: string): Promise<BlobOwner[]>
  /** The hashes that an owner links. */
  linkedBy(owner: BlobOwner): Promise<string[]>
  /** Removes what nothing links and nobody has put or unlinked for `olderThanMs` (default: a day), and uploads that gave no sign of
   *  life for that long, and for a minute at least. Safe beside writers: a link is never left without its blob, and no upload under way is cut. */
  collect(options?: { readonly olderThanMs?: number }): Promise<CollectedBlobs>
}
