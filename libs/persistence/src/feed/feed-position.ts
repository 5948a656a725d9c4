import { createHash } from 'node:crypto'
import { HoldfastError, invalidField } from '@holdfast/errors'

/** A place in the feed of a tenant's collection, as callers keep it. It carries whose place it is, so that a position of another
 *  feed is refused instead of answering nonsense. */
export function encodePosition(collection: string, tenant: string, position: number): string {
  return `${position.toString(36)}.${fingerprint(collection, tenant)}`
}

/** @throws INVALID_ARGUMENT if the text is no position of this feed */
export function decodePosition(collection: string, tenant: string, text: unknown, field: string): number {
  if (typeof text !== 'string') throw invalidField(field, 'must be a position of this feed, as an event carries it')
  const [digits = '', mark, ...more] = text.split('.')
  const position = /^[0-9a-z]{1,11}$/.test(digits) ? Number.parseInt(digits, 36) : NaN
  if (!Number.isSafeInteger(position) || mark !== fingerprint(collection, tenant) || more.length > 0) {
    throw invalidField(field, 'is not a position of this feed: pass one of its events unchanged')
  }
  return position
}

export function trimmedError(collection: string): HoldfastError {
  return new HoldfastError(
    'OUT_OF_RANGE',
    `The feed of ${collection} is not kept back to that position any more: read the collection, and watch from: 'start' or 'now'`,
    { reason: 'FEED_TRIMMED' },
  )
}

export function aheadError(collection: string): HoldfastError {
  return new HoldfastError(
    'OUT_OF_RANGE',
    `The feed of ${collection} does not reach that position: it was erased, or the database is an older copy; read the collection, and watch from: 'start' or 'now'`,
    { reason: 'FEED_AHEAD' },
  )
}

function fingerprint(collection: string, tenant: string): string {
  return createHash('sha256').update(`${collection}\0${tenant}`).digest('base64url').slice(0, 8)
}
