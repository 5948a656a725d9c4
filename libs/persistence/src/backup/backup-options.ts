import type { TransferCounts } from '../transfer/records.js'
import type { ImportReport } from '../transfer/transfer-options.js'
import type { BackupSecret } from './backup-key.js'

/** A file, which takes the place of the one that is there when all of it is durable; or whatever takes bytes. */
export type BackupTarget = string | { readonly write: (bytes: Uint8Array) => Promise<void> }

/** A file, or its bytes in pieces of any size. */
export type BackupSource = string | AsyncIterable<Uint8Array>

export interface BackupOptions {
  /** Encrypts it. Without it whoever has the backup can read it. */
  readonly key?: BackupSecret
  /** Only what belongs to this tenant; default: everything. */
  readonly tenant?: string
  /** Whether the keys of encrypted data come along, wrapped by the master key; default true. Without them that data is lost with the store; with them
   *  a later `shredTenant` does not reach what is in the backup. */
  readonly tenantKeys?: boolean
  /** Whether to leave what a backup into the same file that was cut has written, and begin anew; default false. */
  readonly anew?: boolean
  /** 0 to 9, as zlib's; default 3. */
  readonly compressionLevel?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: BackupProgress) => void
}

export interface BackupProgress {
  /** Of the backup, those of one that was cut included. */
  readonly bytes: number
  readonly frames: number
}

/** What a backup says of itself. */
export interface BackupManifest {
  readonly id: string
  /** When it was begun. Blobs are read from then on; all else, and which blobs there are, is as of a moment between this and `finishedAt`. */
  readonly startedAt: string
  readonly finishedAt: string
  readonly tenant?: string
  readonly encrypted: boolean
  readonly counts: Readonly<TransferCounts>
  /** Hex sha256 of the content, as `store.digest()` gives it of a store that holds the same. */
  readonly contentSha256: string
  /** Hex digest of all frames before this one. */
  readonly framesSha256: string
  readonly frames: number
  /** Of the whole backup. */
  readonly sizeBytes: number
  /** Of its lines, before compression. */
  readonly plainBytes: number
}

export interface BackupReport extends BackupManifest {
  /** How many blobs were taken over from a backup that was cut. */
  readonly resumedBlobs: number
}

export interface VerifyOptions {
  readonly key?: BackupSecret
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: BackupProgress) => void
}

export interface RestoreOptions extends VerifyOptions {
  /** What becomes of a store that holds something already: `refuse` (default), or the backup is put into it as an import is, and what is there and differs
   *  ends it with ALREADY_EXISTS (`fail`), stays (`skip`) or goes (`replace`). A restore that was cut is no such case: it goes on. */
  readonly into?: 'empty' | 'fail' | 'skip' | 'replace'
  /** Whether the store's digest is compared with the backup's in the end, which reads everything once more; default true. It is left out where the
   *  store held something before. */
  readonly compare?: boolean
}

export interface RestoreReport extends ImportReport {
  readonly manifest: BackupManifest
  /** The line of the backup's content behind which it went on; 0: it was not cut before. */
  readonly resumedAfter: number
  /** Whether the store was found to hold just what the backup holds. */
  readonly compared: boolean
}

/** What a store holds. */
export interface ContentDigest {
  readonly counts: Readonly<TransferCounts>
  /** Hex sha256 of all that an export holds but for bytes of blobs (their hashes are in it), keys, and documents with a lifetime. */
  readonly sha256: string
}
