import { type ErrorCode, HoldfastError } from '@holdfast/errors'

const transientCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ABORTED',
  'DEADLINE_EXCEEDED',
  'RESOURCE_EXHAUSTED',
  'UNAVAILABLE',
  'UNKNOWN',
])

/** Whether asking again later can help: for reads, and for writes that are safe to repeat. */
export function isTransient(error: unknown): boolean {
  return error instanceof HoldfastError && transientCodes.has(error.code)
}
