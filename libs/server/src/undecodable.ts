import { invalidField } from '@holdfast/errors'

/** Stands in for a request whose bytes are not what the contract says. */
export class UndecodableRequest {
  readonly cause: unknown
  constructor(cause: unknown) {
    this.cause = cause
  }
}

/** Bytes that are not a request are the caller's fault; grpc-js would call them INTERNAL. */
export function decodeOrStandIn(decode: (bytes: Buffer) => unknown): (bytes: Buffer) => unknown {
  return (bytes) => {
    try {
      return decode(bytes)
    } catch (error) {
      return new UndecodableRequest(error)
    }
  }
}

export function refuseUndecodable(request: unknown, method: string): void {
  if (!(request instanceof UndecodableRequest)) return
  const text = request.cause instanceof Error ? request.cause.message : String(request.cause)
  throw invalidField('request', `of ${method} cannot be decoded: ${text}`, {
    cause: request.cause,
    reason: 'REQUEST_UNDECODABLE',
  })
}
