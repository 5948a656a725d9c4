import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorOfSqlState } from './sqlstate.js'

const cases = [
  ['40001', 'ABORTED', 'TRANSACTION_CONFLICT'],
  ['40P01', 'ABORTED', 'TRANSACTION_CONFLICT'],
  ['23505', 'ALREADY_EXISTS', 'UNIQUE_VIOLATION'],
  ['53100', 'RESOURCE_EXHAUSTED', 'DISK_FULL'],
  ['53200', 'RESOURCE_EXHAUSTED', 'OUT_OF_MEMORY'],
  ['53300', 'RESOURCE_EXHAUSTED', 'TOO_MANY_CONNECTIONS'],
  ['57P01', 'UNAVAILABLE', 'SERVER_SHUT_DOWN'],
  ['57P02', 'UNAVAILABLE', 'SERVER_SHUT_DOWN'],
  ['57P03', 'UNAVAILABLE', 'SERVER_STARTING'],
  ['57014', 'DEADLINE_EXCEEDED', 'STATEMENT_TIMEOUT'],
  ['28000', 'UNAUTHENTICATED', 'LOGIN_REFUSED'],
  ['28P01', 'UNAUTHENTICATED', 'LOGIN_REFUSED'],
  ['3D000', 'FAILED_PRECONDITION', 'NO_SUCH_DATABASE'],
  ['42501', 'PERMISSION_DENIED', 'PERMISSION_DENIED'],
  ['25006', 'FAILED_PRECONDITION', 'READ_ONLY'],
  ['22021', 'INVALID_ARGUMENT', 'INVALID_DATA'],
  ['22P05', 'INVALID_ARGUMENT', 'INVALID_DATA'],
  ['54000', 'INVALID_ARGUMENT', 'LIMIT_EXCEEDED'],
  ['XX001', 'DATA_LOSS', 'DATA_CORRUPTED'],
  ['XX002', 'DATA_LOSS', 'DATA_CORRUPTED'],
  ['42P01', 'INTERNAL', 'UNEXPECTED_SQL_ERROR'],
  ['XX000', 'INTERNAL', 'UNEXPECTED_SQL_ERROR'],
] as const

for (const [sqlState, code, reason] of cases) {
  test(`SQLSTATE ${sqlState} is ${code}, ${reason}, with the server's words and the cause`, () => {
    const cause = new Error('from the driver')
    const error = errorOfSqlState({ code: sqlState, message: 'went wrong' }, cause)
    assert.deepEqual([error.code, error.reason, error.metadata], [code, reason, { sqlState }])
    assert.ok(error.message.startsWith(`The database said "went wrong" (SQLSTATE ${sqlState}): `))
    assert.equal(error.cause, cause)
  })
}

test('a violated constraint is named', () => {
  const error = errorOfSqlState({ code: '23505', message: 'duplicate key', constraint: 'c_users_email' }, undefined)
  assert.equal(error.metadata['constraint'], 'c_users_email')
})
