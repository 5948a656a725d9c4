import { invalidField } from '@holdfast/errors'

/** The bytes of a request, decoded when somebody is about to serve it: a call that is refused costs no decoding. */
class UndecodedRequest {
  readonly bytes: Buffer
  readonly decode: (bytes: Buffer) => unknown

  constructor(bytes: Buffer, decode: (bytes: Buffer) => unknown) {
    this.bytes = bytes
    this.decode = decode
  }
}

export function decodeLater(decode: (bytes: Buffer) => unknown): (bytes: Buffer) => unknown {
  return (bytes) => new UndecodedRequest(bytes, decode)
}

/** Bytes that are not a request are the caller's fault; grpc-js would call them INTERNAL. @throws INVALID_ARGUMENT */
export function decoded(request: unknown, method: string): unknown {
  if (!(request instanceof UndecodedRequest)) return request
  try {
    return request.decode(request.bytes)
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause)
    throw invalidField('request', `of ${method} cannot be decoded: ${text}`, { cause, reason: 'REQUEST_UNDECODABLE' })
  }
}
