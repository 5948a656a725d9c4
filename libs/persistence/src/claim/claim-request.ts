import { HoldfastError, invalidField } from '@holdfast/errors'
import type { ClaimOptions } from '../contract/claims.js'
import type { Filter } from '../contract/document.js'
import { checkOptions } from '../options.js'
import { parseFilter } from '../query/filter.js'
import type { Predicate, SortKey } from '../query/predicate.js'
import { parseSort } from '../query/sort.js'
import { parseUpdate, type ParsedUpdate } from '../query/update.js'

export interface ClaimRequest {
  readonly where: Predicate
  readonly sort: readonly SortKey[]
  readonly leaseMs: number
  readonly update: ParsedUpdate | undefined
  /** Equal for requests that any of several documents answers alike. */
  readonly shape: string
}

const defaultLeaseMs = 30_000
const maxLeaseMs = 30 * 24 * 3_600_000

export function parseClaim(filter: Filter, options: ClaimOptions): ClaimRequest {
  checkOptions(options, ['set', 'sort', 'leaseMs'])
  const where = parseFilter(filter)
  const sort = parseSort(options.sort)
  const leaseMs = checkLeaseMs(options.leaseMs ?? defaultLeaseMs)
  const update = parseSet(options.set)
  return { where, sort, leaseMs, update, shape: JSON.stringify([where, sort, leaseMs, update ?? null]) }
}

/** @throws INVALID_ARGUMENT */
export function checkLeaseMs(leaseMs: unknown): number {
  const isWhole = typeof leaseMs === 'number' && Number.isSafeInteger(leaseMs)
  if (isWhole && leaseMs > 0 && leaseMs <= maxLeaseMs) return leaseMs
  throw invalidField('leaseMs', `must be a number of milliseconds: an integer from 1 to ${maxLeaseMs} (30 days)`)
}

/** Fields to set by their paths, or an update with operators: no field path starts with `$`. */
export function parseSet(set: unknown): ParsedUpdate | undefined {
  if (set === undefined) return undefined
  const isUpdate = typeof set === 'object' && set !== null && Object.keys(set).some((name) => name.startsWith('$'))
  try {
    return parseUpdate(isUpdate ? set : { $set: set })
  } catch (error) {
    throw renamed(error, isUpdate ? 'update' : 'update.$set')
  }
}

/** What the caller calls `set` was parsed as an update. */
function renamed(error: unknown, prefix: string): unknown {
  const field = error instanceof HoldfastError ? error.fields[0] : undefined
  if (field === undefined || !field.field.startsWith(prefix)) return error
  return invalidField(`set${field.field.slice(prefix.length)}`, field.description, { cause: error })
}
