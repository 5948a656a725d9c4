import { Metadata, type MetadataValue, type StatusObject, status } from '@grpc/grpc-js'
import { type FieldViolation, HoldfastError, type QuotaViolation, codeOfGrpcStatus } from '@holdfast/errors'
import { BadRequest, ErrorInfo, QuotaFailure, RequestInfo, RetryInfo } from './gen/google/rpc/error_details.js'
import { Status } from './gen/google/rpc/status.js'

/** `google.rpc.ErrorInfo.domain` of all our errors. */
export const errorDomain = 'holdfast'

const detailsKey = 'grpc-status-details-bin'
const typePrefix = 'type.googleapis.com/google.rpc.'

// Trailers are HTTP/2 headers, and gRPC peers refuse more than 8 KiB of them by default. In UTF-8 bytes; the message
// travels twice: percent-encoded (times 3 at worst) in `grpc-message`, and in base64 with the rest.
const maxMessageBytes = 600
const maxTextBytes = 200
const maxListBytes = 1200

/** The status, message and trailers that tell `error` to a gRPC peer. Long texts are cut, so that the trailers stay
 *  within what peers accept; `cause` and stack stay here.
 *  @param requestId by what the call is found in the server's logs and traces; travels as `google.rpc.RequestInfo.request_id` */
export function grpcStatusObject(error: HoldfastError, requestId?: string): StatusObject {
  const message = cut(error.message, maxMessageBytes)
  const details = [packed('ErrorInfo', ErrorInfo.encode(errorInfoOf(error)).finish())]
  if (error.fields.length > 0) details.push(packed('BadRequest', BadRequest.encode(badRequestOf(error)).finish()))
  if (error.retryAfterMs !== undefined) {
    details.push(packed('RetryInfo', RetryInfo.encode(retryInfoOf(error.retryAfterMs)).finish()))
  }
  if (error.quota.length > 0) {
    details.push(packed('QuotaFailure', QuotaFailure.encode(quotaFailureOf(error)).finish()))
  }
  if (requestId !== undefined) {
    details.push(packed('RequestInfo', RequestInfo.encode({ requestId: cut(requestId, maxTextBytes) }).finish()))
  }
  const metadata = new Metadata()
  const code = status[error.code]
  metadata.set(detailsKey, Buffer.from(Status.encode({ code, message, details }).finish()))
  return { code, details: message, metadata }
}

/** What came over gRPC as the error that was thrown at the other end: code, message, reason, fields, metadata, retry
 *  delay; the id of the request as `metadata.requestId`. `error` becomes the cause. Understands peers that send no details, or details that it cannot read. */
export function errorFromGrpc(error: Partial<StatusObject>): HoldfastError {
  const code = codeOfGrpcStatus(error.code ?? 2)
  const message = error.details || (error instanceof Error ? error.message : `The call failed with ${code}`)
  const read = readDetails(error.metadata?.get(detailsKey)[0])
  return new HoldfastError(code, message, { cause: error, ...read })
}

function errorInfoOf(error: HoldfastError): ErrorInfo {
  const entries = Object.entries(error.metadata).map(([key, value]): [string, string] => [
    cut(key, maxTextBytes),
    cut(value, maxTextBytes),
  ])
  return { reason: cut(error.reason, maxTextBytes), domain: errorDomain, metadata: new Map(first(entries)) }
}

function badRequestOf(error: HoldfastError): BadRequest {
  const violations = error.fields.map(({ field, description }): [string, string] => [
    cut(field, maxTextBytes),
    cut(description, maxTextBytes),
  ])
  return { fieldViolations: first(violations).map(([field, description]) => ({ field, description, reason: '' })) }
}

function quotaFailureOf(error: HoldfastError): QuotaFailure {
  const violations = error.quota.map(({ subject, description }): [string, string] => [
    cut(subject, maxTextBytes),
    cut(description, maxTextBytes),
  ])
  return { violations: first(violations).map(([subject, description]) => ({ subject, description })) }
}

function retryInfoOf(retryAfterMs: number): RetryInfo {
  const ms = Math.max(0, Math.round(retryAfterMs))
  return { retryDelay: { seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1_000_000 } }
}

function packed(name: string, value: Uint8Array): { typeUrl: string; value: Buffer } {
  return { typeUrl: typePrefix + name, value: Buffer.from(value) }
}

/** Well-formed (grpc-js throws on a lone surrogate) and at most `maxBytes` of UTF-8. */
function cut(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text.slice(0, maxBytes + 1))
  if (bytes.length <= maxBytes) return bytes.toString()
  const isInsideCharacter = (index: number): boolean => ((bytes[index] ?? 0) & 0xc0) === 0x80
  let end = maxBytes - Buffer.byteLength('…')
  while (isInsideCharacter(end)) end--
  return `${bytes.toString('utf8', 0, end)}…`
}

/** As many pairs from the start as fit. */
function first(pairs: [string, string][]): [string, string][] {
  let size = 0
  const isOver = ([one, two]: [string, string]): boolean => (size += Buffer.byteLength(one + two)) > maxListBytes
  const end = pairs.findIndex(isOver)
  return end < 0 ? pairs : pairs.slice(0, end)
}

interface ReadDetails {
  reason?: string
  metadata?: Record<string, string>
  fields?: FieldViolation[]
  quota?: QuotaViolation[]
  retryAfterMs?: number
}

function readDetails(value: MetadataValue | undefined): ReadDetails {
  const read: ReadDetails = {}
  if (!(value instanceof Uint8Array)) return read
  try {
    for (const detail of Status.decode(value).details) readDetail(detail.typeUrl, detail.value, read)
  } catch {
    // A peer that is not ours may send anything; its code and message stand.
  }
  return read
}

function readDetail(typeUrl: string, value: Uint8Array, read: ReadDetails): void {
  if (typeUrl === `${typePrefix}ErrorInfo`) {
    const info = ErrorInfo.decode(value)
    if (info.domain !== errorDomain) return
    if (info.reason !== '') read.reason = info.reason
    // Own properties even for `__proto__`, unlike assignment.
    read.metadata = { ...Object.fromEntries(info.metadata), ...read.metadata }
  } else if (typeUrl === `${typePrefix}BadRequest`) {
    const { fieldViolations } = BadRequest.decode(value)
    read.fields = fieldViolations.map(({ field, description }) => ({ field, description }))
  } else if (typeUrl === `${typePrefix}QuotaFailure`) {
    const { violations } = QuotaFailure.decode(value)
    read.quota = violations.map(({ subject, description }) => ({ subject, description }))
  } else if (typeUrl === `${typePrefix}RequestInfo`) {
    const { requestId } = RequestInfo.decode(value)
    if (requestId !== '') read.metadata = { ...read.metadata, requestId }
  } else if (typeUrl === `${typePrefix}RetryInfo`) {
    const delay = RetryInfo.decode(value).retryDelay
    if (delay) read.retryAfterMs = delay.seconds * 1000 + delay.nanos / 1_000_000
  }
}
