import { type ErrorCode, grpcStatusOf } from './codes.js'

export interface FieldViolation {
  /** Path of the offending field as the caller wrote it: `message.parts[0].text`. */
  readonly field: string
  readonly description: string
}

export interface QuotaViolation {
  /** Whose limit was exceeded: `tenant acme`, `credential 0123456789abcdef`. */
  readonly subject: string
  /** What the limit is. */
  readonly description: string
}

export interface ErrorDetails {
  readonly cause?: unknown
  /** Machine-readable reason in UPPER_SNAKE_CASE, constant for a kind of failure; default: the code.
   *  Travels as `google.rpc.ErrorInfo.reason`. */
  readonly reason?: string
  /** The input fields at fault. Travel as `google.rpc.BadRequest.field_violations`. */
  readonly fields?: readonly FieldViolation[]
  /** The limits that were exceeded. Travel as `google.rpc.QuotaFailure.violations`. */
  readonly quota?: readonly QuotaViolation[]
  /** Facts about the failure for machines; never secrets. Travel as `google.rpc.ErrorInfo.metadata`. */
  readonly metadata?: Readonly<Record<string, string>>
  /** When a retry can make sense, in milliseconds from now. Travels as `google.rpc.RetryInfo.retry_delay`. */
  readonly retryAfterMs?: number
}

/** The one error class of the project. Branch on `code` (and `reason`), never on the text. */
export class HoldfastError extends Error {
  override readonly name = 'HoldfastError'
  readonly code: ErrorCode
  readonly reason: string
  readonly fields: readonly FieldViolation[]
  readonly quota: readonly QuotaViolation[]
  readonly metadata: Readonly<Record<string, string>>
  readonly retryAfterMs: number | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.reason = details.reason ?? code
    this.fields = details.fields ?? []
    this.quota = details.quota ?? []
    this.metadata = details.metadata ?? {}
    this.retryAfterMs = details.retryAfterMs
  }

  get grpcStatus(): number {
    return grpcStatusOf(this.code)
  }
}

/** `INVALID_ARGUMENT` that names the field at fault. */
export function invalidField(field: string, description: string, details: ErrorDetails = {}): HoldfastError {
  return new HoldfastError('INVALID_ARGUMENT', `${field} ${description}`, {
    ...details,
    fields: [{ field, description }, ...(details.fields ?? [])],
  })
}

/** Keeps a HoldfastError as it is and wraps anything else as `INTERNAL` with the cause kept. */
export function asHoldfastError(error: unknown, doing: string): HoldfastError {
  if (error instanceof HoldfastError) return error
  const text = error instanceof Error ? error.message : String(error)
  return new HoldfastError('INTERNAL', `${doing} failed: ${text}`, { cause: error })
}
