import { type ErrorCode, HoldfastError, asHoldfastError } from '@holdfast/errors'
import type { NodeError } from './events.js'

/** What a log keeps of an error. */
export function nodeError(error: unknown): NodeError {
  const { code, message, reason } = asHoldfastError(error, 'The node')
  return { code, message, ...(reason === code ? {} : { reason }) }
}

export function asError({ code, message, reason }: NodeError): HoldfastError {
  return new HoldfastError(code, message, reason === undefined ? {} : { reason })
}

/** Another attempt of these would fail alike. */
const hopeless = new Set<ErrorCode>([
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'UNAUTHENTICATED',
  'FAILED_PRECONDITION',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'CANCELLED',
  'DATA_LOSS',
])

export function isWorthRetrying({ code }: NodeError): boolean {
  return !hopeless.has(code)
}

/** What a log says that cannot have happened. */
export function logContradicts(message: string): HoldfastError {
  return new HoldfastError('DATA_LOSS', message, { reason: 'LOG_CONTRADICTS' })
}
