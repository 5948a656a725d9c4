import { invalidField } from '@holdfast/errors'
import type { CollectionSpec, Lifetime, SoftDelete } from '../backend.js'
import { checkOptions } from '../options.js'
import { parseDataPath } from '../query/field-path.js'

/** 1,000 years: no time that is reached from now is beyond what JavaScript and PostgreSQL can tell. */
const maxTtlMs = 31_557_600_000_000

const dayMs = 86_400_000

/** How long the data of deleted documents is kept where a collection only says `softDelete: true`. */
const defaultRetainMs = 30 * dayMs

/** What the options of a collection say about the life of its documents. */
export interface LifeOptions {
  readonly ttlMs?: unknown
  readonly softDelete?: unknown
  readonly subject?: unknown
}

export type LifeSpec = Pick<CollectionSpec, 'ttlMs' | 'expires' | 'softDelete' | 'subject'>

/** @throws INVALID_ARGUMENT naming the option at fault */
export function parseLifeOptions({ ttlMs, softDelete, subject }: LifeOptions): LifeSpec {
  return {
    ...(ttlMs === undefined ? {} : { ttlMs: checkMs(ttlMs, 'ttlMs', 1), expires: true }),
    ...(softDelete === undefined || softDelete === false ? {} : { softDelete: parseSoftDelete(softDelete) }),
    ...(subject === undefined ? {} : { subject: parseSubject(subject) }),
  }
}

/** What `added` brings; `undefined` if that is nothing new.
 *  @throws INVALID_ARGUMENT if they contradict each other: which of them holds would depend on who came last */
export function mergeLife(before: LifeSpec, added: LifeSpec): LifeSpec | undefined {
  for (const field of ['ttlMs', 'softDelete', 'subject'] as const) {
    const [was, is] = [before[field], added[field]]
    if (was === undefined || is === undefined || JSON.stringify(was) === JSON.stringify(is)) continue
    throw invalidField(
      field,
      'is declared otherwise for the same collection elsewhere: use the same options everywhere',
    )
  }
  const { ttlMs, expires, softDelete, subject } = added
  const isNew = (['ttlMs', 'expires', 'softDelete', 'subject'] as const).some(
    (field) => added[field] !== undefined && before[field] === undefined,
  )
  if (!isNew) return undefined
  return {
    ...(ttlMs === undefined ? {} : { ttlMs }),
    ...(expires === undefined ? {} : { expires }),
    ...(softDelete === undefined ? {} : { softDelete }),
    ...(subject === undefined ? {} : { subject }),
  }
}

/** A lifetime in milliseconds from the write on; null: for ever; `undefined`: as the collection says. */
export function checkTtl(ttlMs: unknown, field = 'ttlMs'): number | null | undefined {
  return ttlMs === undefined || ttlMs === null ? ttlMs : checkMs(ttlMs, field, 1)
}

/** What becomes of a document's lifetime when an update says `given`. */
export function lifetimeOf(given: number | null | undefined, ttlMs: number | undefined): Lifetime | undefined {
  if (given !== undefined) return { kind: 'set', ttlMs: given }
  return ttlMs === undefined ? undefined : { kind: 'renew', ttlMs }
}

export function checkMs(value: unknown, field: string, least: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= maxTtlMs) return value
  throw invalidField(field, `must be whole milliseconds, ${least} to ${maxTtlMs} (1,000 years)`)
}

function parseSubject(subject: unknown): string {
  if (typeof subject !== 'string') throw invalidField('subject', 'must be a field path')
  return parseDataPath(subject, 'subject').join('.')
}

function parseSoftDelete(softDelete: unknown): SoftDelete {
  if (softDelete === true) return { retainMs: defaultRetainMs, tombstonesMs: null }
  if (typeof softDelete !== 'object' || softDelete === null) {
    throw invalidField('softDelete', 'must be true or { retainMs, tombstonesMs }')
  }
  checkOptions(softDelete, ['retainMs', 'tombstonesMs'])
  const { retainMs = defaultRetainMs, tombstonesMs = null } = softDelete as Record<string, unknown>
  const retained = checkMs(retainMs, 'softDelete.retainMs', 0)
  if (tombstonesMs === null) return { retainMs: retained, tombstonesMs }
  const kept = checkMs(tombstonesMs, 'softDelete.tombstonesMs', 1)
  if (kept < retained) throw invalidField('softDelete.tombstonesMs', 'must not be shorter than retainMs')
  return { retainMs: retained, tombstonesMs: kept }
}
