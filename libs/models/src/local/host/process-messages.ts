import { type ErrorCode, HoldfastError, type FieldViolation } from '@holdfast/errors'

/** What a host sends to the process of its model. */
export type ToProcess =
  | { readonly type: 'load'; readonly settings: unknown }
  | { readonly type: 'call'; readonly id: number; readonly request: unknown }
  | { readonly type: 'stop'; readonly id: number }

/** What comes back. */
export type FromProcess =
  | { readonly type: 'ready' }
  | { readonly type: 'not-loaded'; readonly error: SentError }
  | { readonly type: 'event'; readonly id: number; readonly event: unknown }
  | { readonly type: 'result'; readonly id: number; readonly result: unknown }
  | { readonly type: 'error'; readonly id: number; readonly error: SentError }

/** Copying between processes keeps an error's message and loses its class and fields. */
export interface SentError {
  readonly message: string
  readonly stack?: string
  readonly own?: {
    readonly code: ErrorCode
    readonly reason: string
    readonly fields: readonly FieldViolation[]
    readonly metadata: Readonly<Record<string, string>>
    readonly retryAfterMs?: number
  }
}

export function sentError(error: unknown): SentError {
  const stack = error instanceof Error && error.stack !== undefined ? { stack: error.stack } : {}
  if (!(error instanceof HoldfastError))
    return { message: error instanceof Error ? error.message : String(error), ...stack }
  const { code, reason, fields, metadata, retryAfterMs } = error
  const own = { code, reason, fields, metadata, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
  return { message: error.message, ...stack, own }
}

/** @param doing for an error that is not of the project: what failed */
export function receivedError(sent: SentError, doing: string): HoldfastError {
  const cause = new Error(sent.message)
  if (sent.stack !== undefined) cause.stack = sent.stack
  if (sent.own === undefined) return new HoldfastError('INTERNAL', `${doing} failed: ${sent.message}`, { cause })
  return new HoldfastError(sent.own.code, sent.message, { ...sent.own, cause })
}
