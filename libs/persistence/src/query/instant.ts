import { isDate } from 'node:util/types'
import { invalidField } from '@holdfast/errors'

// With an offset, because local times mean something else on every machine.
const isoInstant = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/

/** Milliseconds since 1970 of a Date or an ISO 8601 string (`2026-11-22`, `2026-11-22T20:15:00Z`, `…+01:00`). */
export function parseInstant(value: unknown, at: string): number {
  const time = isDate(value)
    ? value.getTime()
    : typeof value === 'string' && isoInstant.test(value)
      ? Date.parse(value)
      : NaN
  if (Number.isNaN(time)) throw invalidField(at, 'must be a valid Date or an ISO 8601 time with Z or an offset')
  return time
}
