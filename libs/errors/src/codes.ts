/** The closed set of error codes, each with its gRPC status number.
 *  Source: https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
const statuses = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const

/** What callers branch on. `UNKNOWN` means that the outcome of a write is not known: it may or may not have been
 *  committed. `UNAVAILABLE` means that it was not. */
export type ErrorCode = keyof typeof statuses

export const errorCodes: readonly ErrorCode[] = Object.keys(statuses) as ErrorCode[]

const codeByStatus = new Map<number, ErrorCode>(errorCodes.map((code) => [statuses[code], code]))

export function grpcStatusOf(code: ErrorCode): number {
  return statuses[code]
}

/** The code of a gRPC status number; `UNKNOWN` for numbers that gRPC does not define. */
export function codeOfGrpcStatus(status: number): ErrorCode {
  return codeByStatus.get(status) ?? 'UNKNOWN'
}
