import { HoldfastError, invalidField } from '@holdfast/errors'
import type { StoredDocument } from './backend.js'
import { decodeJson } from './json.js'
import { matches } from './query/match.js'
import type { Predicate } from './query/predicate.js'

export function staleVersion(name: string, id: string, actual: number | undefined, expected: number): HoldfastError {
  const state = actual === undefined ? 'does not exist' : `is at version ${actual}`
  return new HoldfastError(
    'ABORTED',
    `Document ${id} of ${name} ${state}, not at version ${expected}: read it again and retry`,
    { reason: 'STALE_VERSION', metadata: { version: String(actual ?? 0) } },
  )
}

export function checkVersion(ifVersion: unknown): number | undefined {
  if (ifVersion === undefined) return undefined
  if (typeof ifVersion === 'number' && Number.isSafeInteger(ifVersion) && ifVersion >= 0) return ifVersion
  throw invalidField('ifVersion', 'must be a version: an integer from 0')
}

export function checkNextVersion(version: unknown, ifVersion: number | undefined): number | undefined {
  if (version === undefined) return undefined
  if (ifVersion === undefined) throw invalidField('version', 'needs ifVersion beside it')
  if (typeof version === 'number' && Number.isSafeInteger(version) && version > ifVersion) return version
  throw invalidField('version', `must be an integer above ifVersion, which is ${ifVersion}`)
}

export function stillMatches(where: Predicate, stored: StoredDocument): boolean {
  return matches(where, { ...stored, data: decodeJson(stored.filtered ?? stored.json) })
}
