import type { Backend } from '../backend.js'
import type { BlobContents } from '../blobs/blob-content.js'
import { eraseBlobs } from '../blobs/collect-blobs.js'
import type { Holding, HoldingKind } from './erasure-operations.js'
import type { ErasureReport } from './erasure-report.js'

/** Rows that one statement deletes. */
const batchRows = 2_000

/** Writers that do not know of the erasure may put something behind it; it goes over all again, this often at most. */
const maxRounds = 3

/** Each batch is a commit of its own: an erasure that was cut off goes on where it was when it is called again. */
export async function eraseTenant(
  backend: Pick<Backend, 'erasure' | 'blobs' | 'feeds'>,
  contents: BlobContents,
  tenant: string,
): Promise<ErasureReport> {
  const { erasure } = backend
  const counts: Record<HoldingKind, number> = {
    documents: 0,
    entries: 0,
    streams: 0,
    feed: 0,
    blobs: 0,
    keys: 0,
    other: 0,
  }
  let remaining = 0
  for (let round = 0; round < maxRounds; round += 1) {
    const holdings = await erasure.holdings()
    // Blobs and feeds have an order of their own, and bytes outside the database.
    const parts = (ofTheirOwn: boolean) =>
      holdings.filter(({ kind }) => (kind === 'blobs' || kind === 'feed') === ofTheirOwn)
    for (const holding of parts(false)) counts[holding.kind] += await eraseHolding(backend, holding, tenant)
    const { blobs, links } = await eraseBlobs(tenant, backend.blobs, contents)
    counts.blobs += blobs
    counts.other += links
    for (const entries of (await backend.feeds.erase(tenant)).values()) counts.feed += entries
    for (const holding of parts(true)) counts.other += await eraseHolding(backend, holding, tenant)
    remaining = 0
    for (const holding of holdings) remaining += await erasure.countRows(holding, tenant)
    if (remaining === 0) break
  }
  const { documents, streams, entries, blobs, feed, keys, other } = counts
  return { documents, logs: { streams, entries }, blobs, feed, keys, other, remaining }
}

async function eraseHolding(backend: Pick<Backend, 'erasure'>, holding: Holding, tenant: string): Promise<number> {
  let total = 0
  for (;;) {
    const count = await backend.erasure.eraseRows(holding, tenant, batchRows)
    total += count
    if (count < batchRows) return total
  }
}
