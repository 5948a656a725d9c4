import { HoldfastError } from '@holdfast/errors'
import { DatabaseError } from 'pg'
import { errorOfSqlState } from '../sql/sqlstate.js'

/** Where a connection goes, without the password. */
export interface Target {
  readonly host: string
  readonly port: number
  readonly user: string | undefined
  readonly database: string | undefined
}

/** Why a connection could not be made, and what to do. */
export function connectError(error: unknown, target: Target, timeoutMs: number): HoldfastError {
  if (error instanceof HoldfastError) return error
  const server = `PostgreSQL at ${target.host}:${target.port}`
  if (error instanceof DatabaseError) {
    switch (error.code) {
      case '28P01':
      case '28000': {
        return new HoldfastError(
          'UNAUTHENTICATED',
          `${server} refused the login of ${target.user} (${error.message}): check user and password in the connection string`,
          { cause: error, reason: 'LOGIN_REFUSED' },
        )
      }
      case '3D000': {
        return new HoldfastError(
          'FAILED_PRECONDITION',
          `${server} has no database ${target.database}: create it (createdb ${target.database}) or correct the connection string`,
          { cause: error, reason: 'NO_SUCH_DATABASE' },
        )
      }
      default: {
        return errorOfSqlState(error, error)
      }
    }
  }
  const { code, message } = facts(error)
  if (message.startsWith('SASL')) {
    return new HoldfastError(
      'UNAUTHENTICATED',
      `${server} wants a password for ${target.user} that the connection string does not have (${message})`,
      { cause: error, reason: 'LOGIN_REFUSED' },
    )
  }
  if (/SSL|TLS|CERT|ALTNAME/i.test(`${code} ${message}`)) {
    return new HoldfastError(
      'FAILED_PRECONDITION',
      `The encrypted connection to ${server} failed (${message}): correct sslmode in the connection string or the certificates`,
      { cause: error, reason: 'TLS_FAILED' },
    )
  }
  const why = message === 'timeout expired' ? `no answer within ${timeoutMs} ms` : (code ?? message)
  return new HoldfastError(
    'UNAVAILABLE',
    `${server} cannot be reached (${why}): start it, or correct the connection string`,
    { cause: error, reason: 'SERVER_UNREACHABLE', retryAfterMs: 1_000 },
  )
}

function facts(error: unknown): { readonly code: string | undefined; readonly message: string } {
  // A host of several addresses fails with one error for each.
  const one: unknown = error instanceof AggregateError ? error.errors[0] : error
  const code = one instanceof Error && 'code' in one && typeof one.code === 'string' ? one.code : undefined
  return { code, message: one instanceof Error ? one.message : String(one) }
}
