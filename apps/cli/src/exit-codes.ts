import type { ErrorCode } from '@holdfast/errors'

/** The exit code of a command that failed, as in sysexits.h: https://man.openbsd.org/sysexits.3 */
const exitCodes: Readonly<Record<ErrorCode, number>> = {
  INVALID_ARGUMENT: 64,
  OUT_OF_RANGE: 64,
  DATA_LOSS: 65,
  NOT_FOUND: 66,
  UNAVAILABLE: 69,
  UNIMPLEMENTED: 69,
  INTERNAL: 70,
  UNKNOWN: 70,
  ALREADY_EXISTS: 73,
  ABORTED: 75,
  DEADLINE_EXCEEDED: 75,
  RESOURCE_EXHAUSTED: 75,
  PERMISSION_DENIED: 77,
  UNAUTHENTICATED: 77,
  FAILED_PRECONDITION: 78,
  CANCELLED: 130,
}

export function exitCodeOf(code: ErrorCode): number {
  return exitCodes[code]
}

const signalNumbers: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }

/** What a shell reports for a process that a signal ended. */
export function exitCodeOfSignal(signal: string): number {
  return 128 + (signalNumbers[signal] ?? 15)
}
