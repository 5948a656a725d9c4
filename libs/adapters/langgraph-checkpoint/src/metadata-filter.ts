import { isDeepStrictEqual } from 'node:util'
import type { Filter } from '@holdfast/persistence'

/** What of metadata a database filter can ask for: strings, numbers and booleans at its top. */
export function labelsOf(metadata: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(metadata).filter(([, value]) => isLabel(value)))
}

/** Finds all that match, and may find more. */
export function labelFilter(filter: Readonly<Record<string, unknown>>): Filter {
  const usable = Object.entries(filter).filter(([name, value]) => /^[A-Za-z_]\w*$/.test(name) && isLabel(value))
  return Object.fromEntries(usable.map(([name, value]) => [`labels.${name}`, { $eq: value }]))
}

export function matchesMetadata(metadata: unknown, filter: Readonly<Record<string, unknown>>): boolean {
  if (typeof metadata !== 'object' || metadata === null) return false
  const members = new Map(Object.entries(metadata))
  return Object.entries(filter).every(([name, value]) => isDeepStrictEqual(members.get(name), value))
}

function isLabel(value: unknown): boolean {
  if (typeof value === 'string') return value.length <= 1_024
  return typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
}
