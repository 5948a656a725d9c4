import { type ErrorCode, HoldfastError } from '@holdfast/errors'

/** What a server says when a statement fails: https://www.postgresql.org/docs/current/protocol-error-fields.html */
export interface ServerError {
  /** SQLSTATE, five characters. */
  readonly code?: string | undefined
  readonly message: string
  readonly severity?: string | undefined
  readonly detail?: string | undefined
  readonly hint?: string | undefined
  readonly constraint?: string | undefined
}

interface Meaning {
  readonly code: ErrorCode
  readonly reason: string
  /** What to do next, after the server's own words. */
  readonly advice: string
  readonly retryAfterMs?: number
}

const conflict: Meaning = {
  code: 'ABORTED',
  reason: 'TRANSACTION_CONFLICT',
  advice: 'run the transaction again',
}
const shutDown: Meaning = {
  code: 'UNAVAILABLE',
  reason: 'SERVER_SHUT_DOWN',
  advice: 'nothing was written; try again when the server is back',
  retryAfterMs: 1_000,
}
const corrupt: Meaning = {
  code: 'DATA_LOSS',
  reason: 'DATA_CORRUPTED',
  advice: 'stop writing, keep a copy of the data folder and restore from a backup',
}
const login: Meaning = {
  code: 'UNAUTHENTICATED',
  reason: 'LOGIN_REFUSED',
  advice: 'check the user and the password in the connection string',
}

/** By SQLSTATE, else by its class (the first two characters); everything else is INTERNAL.
 *  Source: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const meanings: ReadonlyMap<string, Meaning> = new Map([
  ['40001', conflict],
  ['40P01', conflict],
  ['23505', { code: 'ALREADY_EXISTS', reason: 'UNIQUE_VIOLATION', advice: 'use another value' }],
  ['53100', { code: 'RESOURCE_EXHAUSTED', reason: 'DISK_FULL', advice: "free space on the server's disk" }],
  ['53200', { code: 'RESOURCE_EXHAUSTED', reason: 'OUT_OF_MEMORY', advice: 'write less at once' }],
  [
    '53300',
    {
      code: 'RESOURCE_EXHAUSTED',
      reason: 'TOO_MANY_CONNECTIONS',
      advice: "raise the server's max_connections or lower maxConnections here",
      retryAfterMs: 1_000,
    },
  ],
  ['57P01', shutDown],
  ['57P02', shutDown],
  [
    '57P03',
    {
      code: 'UNAVAILABLE',
      reason: 'SERVER_STARTING',
      advice: 'try again when the server is ready',
      retryAfterMs: 500,
    },
  ],
  [
    '57014',
    {
      code: 'DEADLINE_EXCEEDED',
      reason: 'STATEMENT_TIMEOUT',
      advice: 'nothing was written; ask for less or allow more time',
    },
  ],
  ['25P03', { code: 'ABORTED', reason: 'TRANSACTION_IDLE', advice: 'keep slow work out of the transaction' }],
  ['55P03', { code: 'ABORTED', reason: 'TRANSACTION_CONFLICT', advice: 'run the transaction again' }],
  ['28000', login],
  ['28P01', login],
  [
    '3D000',
    { code: 'FAILED_PRECONDITION', reason: 'NO_SUCH_DATABASE', advice: 'create it or correct the connection string' },
  ],
  [
    '42501',
    {
      code: 'PERMISSION_DENIED',
      reason: 'PERMISSION_DENIED',
      advice: 'grant the user of the connection string that right',
    },
  ],
  ['25006', { code: 'FAILED_PRECONDITION', reason: 'READ_ONLY', advice: 'connect to the primary server' }],
  ['22', { code: 'INVALID_ARGUMENT', reason: 'INVALID_DATA', advice: 'correct the value' }],
  ['54', { code: 'INVALID_ARGUMENT', reason: 'LIMIT_EXCEEDED', advice: 'store less in one value' }],
  ['XX001', corrupt],
  ['XX002', corrupt],
])

/** `cause` is what the driver threw; it is kept and not shown. */
export function errorOfSqlState(error: ServerError, cause: unknown): HoldfastError {
  const { code = 'XX000' } = error
  const meaning = meanings.get(code) ?? meanings.get(code.slice(0, 2))
  const said = `The database said "${error.message}" (SQLSTATE ${code})`
  const metadata: Record<string, string> = { sqlState: code }
  if (error.constraint !== undefined) metadata['constraint'] = error.constraint
  if (meaning === undefined) {
    return new HoldfastError('INTERNAL', `${said}: this is a fault in Holdfast or in its tables, please report it`, {
      cause,
      reason: 'UNEXPECTED_SQL_ERROR',
      metadata,
    })
  }
  return new HoldfastError(meaning.code, `${said}: ${meaning.advice}`, {
    cause,
    reason: meaning.reason,
    metadata,
    ...(meaning.retryAfterMs === undefined ? {} : { retryAfterMs: meaning.retryAfterMs }),
  })
}
