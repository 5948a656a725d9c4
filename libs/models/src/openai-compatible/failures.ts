import { type ErrorCode, type ErrorDetails, HoldfastError } from '@holdfast/errors'
import { APIConnectionError, APIError } from 'openai'
import type { Redact } from './secrets.js'

/** `HoldfastError.reason` of what a model throws. */
export type ModelFailureReason =
  | 'MODEL_KEY_REJECTED'
  | 'MODEL_NOT_FOUND'
  | 'MODEL_RATE_LIMITED'
  | 'MODEL_QUOTA_EXHAUSTED'
  | 'MODEL_UNREACHABLE'
  | 'MODEL_FAILED'
  | 'MODEL_STREAM_CUT'
  | 'MODEL_NOT_COMPATIBLE'
  | 'MODEL_TIMEOUT'
  | 'MODEL_REQUEST_REJECTED'
  | 'CONTEXT_TOO_LONG'
  | 'CONTENT_FILTERED'

interface Kind {
  readonly code: ErrorCode
  readonly reason: ModelFailureReason
  readonly says: string
  /** Whether the endpoint's own words go into the message, which clients see; the cause has them always. */
  readonly quote?: boolean
}

const keyRejected: Kind = {
  code: 'UNAUTHENTICATED',
  reason: 'MODEL_KEY_REJECTED',
  says: 'The model endpoint rejected the API key: configure one that it accepts',
}
const keyForbidden: Kind = {
  code: 'PERMISSION_DENIED',
  reason: 'MODEL_KEY_REJECTED',
  says: 'The model endpoint does not let this API key use the model: give the key access or choose another model',
}
const notFound: Kind = {
  code: 'NOT_FOUND',
  reason: 'MODEL_NOT_FOUND',
  says: 'The model endpoint has no such model, or its base URL is another: check both',
}
const rateLimited: Kind = {
  code: 'RESOURCE_EXHAUSTED',
  reason: 'MODEL_RATE_LIMITED',
  says: 'The model endpoint takes no more requests for now: try again later',
}
const quotaExhausted: Kind = {
  code: 'RESOURCE_EXHAUSTED',
  reason: 'MODEL_QUOTA_EXHAUSTED',
  says: 'The account at the model endpoint has no credit left: raise its limit there',
}
const contextTooLong: Kind = {
  code: 'INVALID_ARGUMENT',
  reason: 'CONTEXT_TOO_LONG',
  says: 'The conversation is longer than what the model can read: send less of it',
  quote: true,
}
const contentFiltered: Kind = {
  code: 'INVALID_ARGUMENT',
  reason: 'CONTENT_FILTERED',
  says: "The model endpoint's content filter rejected the conversation: change what it says",
  quote: true,
}
const rejected: Kind = {
  code: 'INVALID_ARGUMENT',
  reason: 'MODEL_REQUEST_REJECTED',
  says: 'The model endpoint rejected the request: correct what it names',
  quote: true,
}
const otherProtocol: Kind = {
  code: 'FAILED_PRECONDITION',
  reason: 'MODEL_NOT_COMPATIBLE',
  says: 'What answers at the base URL is no OpenAI-compatible endpoint: check the base URL',
}
const failed: Kind = {
  code: 'UNAVAILABLE',
  reason: 'MODEL_FAILED',
  says: 'The model endpoint failed: try again',
}

/** The failure as a HoldfastError without secrets. */
export function failureOf(error: unknown, redact: Redact): HoldfastError {
  if (error instanceof HoldfastError) return error
  if (error instanceof APIConnectionError) return unreachable(error.cause ?? error, redact)
  if (error instanceof APIError) return answeredWith(error, redact)
  return streamCut(error, redact)
}

/** The answer ended without its end: what came may be half a sentence, so it must not pass for the whole. */
export function streamCut(error: unknown, redact: Redact): HoldfastError {
  return failure(
    { code: 'UNAVAILABLE', reason: 'MODEL_STREAM_CUT', says: 'The model endpoint broke off its answer: ask again' },
    error === undefined ? {} : { cause: cleanCause(error, redact) },
  )
}

/** Something answered, but not as an OpenAI-compatible endpoint does. */
export function notCompatible(answered: string, redact: Redact): HoldfastError {
  return failure(otherProtocol, { cause: new Error(redact(`It answered with ${answered}`)) })
}

export function timedOut(what: string, limitMs: number): HoldfastError {
  const message = `The model endpoint did not ${what} within ${limitMs} ms: try again, or raise the limit`
  return new HoldfastError('DEADLINE_EXCEEDED', message, { reason: 'MODEL_TIMEOUT' satisfies ModelFailureReason })
}

export function cancelled(cause: unknown): HoldfastError {
  return new HoldfastError('CANCELLED', 'The answer was cancelled by its caller', { cause })
}

function failure(kind: Kind, details: ErrorDetails, quotation?: string): HoldfastError {
  const message = kind.quote === true && quotation !== undefined ? `${kind.says} (${quotation})` : kind.says
  return new HoldfastError(kind.code, message, { ...details, reason: kind.reason })
}

function unreachable(cause: unknown, redact: Redact): HoldfastError {
  if (cause instanceof HoldfastError) return cause
  return failure(
    {
      code: 'UNAVAILABLE',
      reason: 'MODEL_UNREACHABLE',
      says: 'The model endpoint cannot be reached: check that it runs and that the base URL is right',
    },
    { cause: cleanCause(cause, redact) },
  )
}

/** An answer with an error status, or an error event within the stream, which has no status of its own. */
function answeredWith(error: APIError, redact: Redact): HoldfastError {
  const body: unknown = error.error
  // The declared types of `code` and `type` are wishes: vLLM sends a number as the code.
  const code = wordOf(field(body, 'code'))
  const status = error.status ?? statusInStream(code, wordOf(field(body, 'type')))
  const text = textOf(error, body)
  const retryAfterMs = retryAfter(error.headers)
  return failure(
    kindOf(status, code, text),
    { cause: cleanCause(error, redact), ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
    redact(text),
  )
}

/** Statuses and codes: https://platform.openai.com/docs/guides/error-codes; the wordings are those of vLLM, llama.cpp, TGI, Groq,
 *  Mistral, Anthropic and Google behind their compatible endpoints, which have no code of their own for this. */
function kindOf(status: number, code: string, text: string): Kind {
  if (status === 401) return keyRejected
  if (status === 403) return keyForbidden
  if (status === 402 || code === 'insufficient_quota') return quotaExhausted
  if (status === 429) return rateLimited
  if (status === 404) return notFound
  if (status === 405 || (status >= 300 && status < 400)) return otherProtocol
  if (status === 413 || (status < 500 && isContextTooLong(code, text))) return contextTooLong
  if (code === 'content_filter' || code === 'content_policy_violation') return contentFiltered
  // 408 and 409 are the endpoint's own time limit and lock: the same request may succeed.
  if (status >= 400 && status < 500 && status !== 408 && status !== 409) return rejected
  return failed
}

const tooLong =
  /context (length|window|size)|maximum (number of tokens|context)|prompt is too long|too many tokens|reduce the length|exceeds? the (available |model'?s? )?(context|token)|`?inputs`? tokens|too large for model/i

function isContextTooLong(code: string, text: string): boolean {
  return (
    /^(context_length_exceeded|exceed_context_size_error|string_above_max_length)$/.test(code) || tooLong.test(text)
  )
}

function statusInStream(code: string, type: string): number {
  if (/^[45]\d\d$/.test(code)) return Number(code)
  if (/rate_?limit|too_many_requests/i.test(`${code} ${type}`)) return 429
  return /invalid_request|bad_?request|context_length|content_filter/i.test(`${code} ${type}`) ? 400 : 500
}

/** Both headers as the openai package reads them; dates as in RFC 9110, section 10.2.3. */
function retryAfter(headers: Headers | undefined): number | undefined {
  const milliseconds = Number(headers?.get('retry-after-ms') ?? Number.NaN)
  if (Number.isFinite(milliseconds)) return Math.max(0, Math.ceil(milliseconds))
  const value = headers?.get('retry-after') ?? ''
  const seconds = value === '' ? Number.NaN : Number(value)
  const ms = Number.isNaN(seconds) ? Date.parse(value) - Date.now() : seconds * 1_000
  return Number.isFinite(ms) ? Math.max(0, Math.ceil(ms)) : undefined
}

function textOf(error: APIError, body: unknown): string {
  const message = typeof body === 'string' ? body : field(body, 'message')
  return typeof message === 'string' ? message : error.message
}

function wordOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

function field(body: unknown, name: string): unknown {
  return typeof body === 'object' && body !== null ? Reflect.get(body, name) : undefined
}

/** The original is not kept: it holds the response's headers and body, where an endpoint may repeat the key. */
function cleanCause(error: unknown, redact: Redact): Error {
  if (!(error instanceof Error)) return new Error(redact(String(error)))
  const clean = new Error(redact(error.message))
  clean.name = error.name
  if (error.cause !== undefined) clean.cause = cleanCause(error.cause, redact)
  // An AggregateError (an attempt for each address of a host) says nothing itself.
  if (error instanceof AggregateError) clean.message ||= error.errors.map((one) => redact(String(one))).join('; ')
  return clean
}
