import { createHash } from 'node:crypto'
import { invalidField } from '@holdfast/errors'
import type { SortPosition } from './backend.js'

/** An opaque place in a listing. It carries what the listing was (collection, sort), so that a cursor from elsewhere is refused
 *  instead of answering nonsense. */
export function encodeCursor(listing: string, positions: readonly SortPosition[]): string {
  const packed = positions.map(({ rank, number, text }) => [rank, number, text])
  return Buffer.from(JSON.stringify([fingerprint(listing), packed])).toString('base64url')
}

/** @throws INVALID_ARGUMENT if the text is no cursor of this listing */
export function decodeCursor(listing: string, cursor: string, field: string): SortPosition[] {
  const refuse = () => invalidField(field, 'is not a cursor of this listing: pass one unchanged, with the same sort')
  let decoded: unknown
  try {
    decoded = JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch (error) {
    throw invalidField(field, 'is not a cursor', { cause: error })
  }
  if (!Array.isArray(decoded) || decoded[0] !== fingerprint(listing) || !Array.isArray(decoded[1])) throw refuse()
  return decoded[1].map((packed: unknown) => {
    if (!Array.isArray(packed)) throw refuse()
    const [rank, number, text] = packed as unknown[]
    if (typeof rank !== 'number' || typeof number !== 'number' || typeof text !== 'string') throw refuse()
    if (![1, 2, 3, 4, 5, 6].includes(rank) || !Number.isFinite(number)) throw refuse()
    return { rank, number, text }
  })
}

function fingerprint(listing: string): string {
  return createHash('sha256').update(listing).digest('base64url').slice(0, 8)
}
