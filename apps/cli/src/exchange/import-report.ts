import { HoldfastError } from '@holdfast/errors'

/** What an import did; all zero but `conversations` when everything was there before. */
export interface ImportReport {
  /** Read from the input. */
  conversations: number
  created: number
  messages: number
  appended: number
  statesChanged: number
  /** Left out because they were deleted since: a deletion is final. */
  deleted: number
}

export function emptyReport(): ImportReport {
  return { conversations: 0, created: 0, messages: 0, appended: 0, statesChanged: 0, deleted: 0 }
}

export interface ImportOptions {
  /** Stops after what is under way; then the import throws CANCELLED and can be run again. */
  readonly signal: AbortSignal
  /** Conversations under way at once, at least 1. */
  readonly concurrency: number
  /** Told as bytes of input are done. */
  readonly onProgress?: (bytes: number) => void
}

export function throwIfStopped(signal: AbortSignal): void {
  if (!signal.aborted) return
  throw new HoldfastError('CANCELLED', 'The import was stopped: run it again to go on where it stood')
}
