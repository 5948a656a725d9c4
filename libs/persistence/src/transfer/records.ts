/** The lines of an export, in this order: a header; the keys of tenants, if asked for; each collection, followed by its documents; each log, followed by its streams, each followed by its
 *  entries; the blobs, each followed by its bytes in chunks and its links; a trailer. What follows something belongs to it. */
export const plainVersion = 1

/** With blobs first: the header; blobs as they were found, of no one moment, each as `bytes` followed by its chunks, and by `broken` if it was deleted under the
 *  reader's hands; then all as above and of one moment, where a blob whose bytes have come has no chunks, and `gone` says which of the bytes belong to none. */
export const blobsFirstVersion = 2

/** What this program reads. */
export const newestVersion: number = blobsFirstVersion

export interface TransferCounts {
  /** Of tenants, wrapped. */
  keys: number
  collections: number
  documents: number
  logs: number
  streams: number
  entries: number
  blobs: number
  links: number
}

export function noCounts(): TransferCounts {
  return { keys: 0, collections: 0, documents: 0, logs: 0, streams: 0, entries: 0, blobs: 0, links: 0 }
}
