import { HoldfastError } from '@holdfast/errors'

export function noConversation(id: string): HoldfastError {
  return new HoldfastError('NOT_FOUND', `There is no conversation ${id}: create it, or check the id`, {
    reason: 'CONVERSATION_NOT_FOUND',
    metadata: { conversationId: id },
  })
}

export function conversationDeleted(id: string, cause?: unknown): HoldfastError {
  return new HoldfastError(
    'FAILED_PRECONDITION',
    `Conversation ${id} was deleted: go on in a new one, with another id`,
    {
      reason: 'CONVERSATION_DELETED',
      metadata: { conversationId: id },
      cause,
    },
  )
}

/** For reads; a writer that comes too late gets `conversationDeleted`. */
export function conversationGone(id: string, cause?: unknown): HoldfastError {
  return new HoldfastError('NOT_FOUND', `Conversation ${id} was deleted: go on in a new one, with another id`, {
    reason: 'CONVERSATION_DELETED',
    metadata: { conversationId: id },
    cause,
  })
}

export function noMessage(id: string, seq: number): HoldfastError {
  return new HoldfastError('NOT_FOUND', `Conversation ${id} has no message ${seq}: its last one is told by lastSeq`, {
    reason: 'MESSAGE_NOT_FOUND',
    metadata: { conversationId: id, seq: String(seq) },
  })
}

export function noReply(replyId: string): HoldfastError {
  return new HoldfastError('NOT_FOUND', `There is no reply ${replyId}: check the id, or read the conversation`, {
    reason: 'REPLY_NOT_FOUND',
    metadata: { replyId },
  })
}

export function staleVersion(what: string, actual: number, expected: number): HoldfastError {
  return new HoldfastError('ABORTED', `${what} is at version ${actual}, not ${expected}: read it again and retry`, {
    reason: 'STALE_VERSION',
    metadata: { version: String(actual) },
  })
}

export function turnLost(replyId: string, cause?: unknown): HoldfastError {
  return new HoldfastError(
    'ABORTED',
    `The turn of reply ${replyId} was taken over: follow the reply to see how it ended`,
    {
      reason: 'TURN_LOST',
      metadata: { replyId },
      cause,
    },
  )
}

export function isCode(error: unknown, ...codes: readonly HoldfastError['code'][]): error is HoldfastError {
  return error instanceof HoldfastError && codes.includes(error.code)
}

/** Whether a log says that its stream was removed. A closed store is a failed precondition as well. */
export function isRemoved(error: unknown): error is HoldfastError {
  return isCode(error, 'FAILED_PRECONDITION') && error.reason === 'STREAM_REMOVED'
}

export function isDeleted(error: unknown): error is HoldfastError {
  return error instanceof HoldfastError && error.reason === 'CONVERSATION_DELETED'
}

/** Whether the same call can succeed a moment later: the database was away, or another transaction was in the way. */
export function isTransient(error: unknown): boolean {
  return (
    isCode(error, 'UNAVAILABLE', 'UNKNOWN', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED') ||
    (isCode(error, 'ABORTED') && (error.reason === 'TRANSACTION_CONFLICT' || error.reason === 'CONTENTION'))
  )
}

/** Runs work that is idempotent by its keys again when its outcome is unknown. If the outcome cannot be found out, the
 *  error stays UNKNOWN, even if the last run failed for a reason that is known: an earlier one may have been committed. */
export async function resolveUnknown<R>(work: () => Promise<R>): Promise<R> {
  let unknown: HoldfastError | undefined
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (isCode(error, 'UNKNOWN')) unknown = error
      else if (unknown === undefined || !isTransient(error)) throw error
      if (attempt >= 4) throw unknown
      await new Promise((resolve) => setTimeout(resolve, 25 * 2 ** attempt))
    }
  }
}
