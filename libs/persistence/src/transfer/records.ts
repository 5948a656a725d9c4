/** The lines of an export, in this order: a header; the keys of tenants, if asked for; each collection, followed by its documents; each log, followed by its streams, each followed by its
 *  entries; the blobs, each followed by its bytes in chunks and its links; a trailer. What follows something belongs to it. */
export const formatVersion = 1

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
