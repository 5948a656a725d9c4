import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { asHoldfastError, codeOfGrpcStatus, errorCodes, grpcStatusOf, HoldfastError, invalidField } from './index.js'

describe('HoldfastError', () => {
  it('has a gRPC status for every code, and the code for every status', () => {
    assert.equal(errorCodes.length, 16)
    for (const code of errorCodes) assert.equal(codeOfGrpcStatus(grpcStatusOf(code)), code)
    assert.equal(grpcStatusOf('UNAUTHENTICATED'), 16)
    assert.equal(codeOfGrpcStatus(99), 'UNKNOWN')
  })

  it('keeps the cause, and takes the code for the reason when none is given', () => {
    const cause = new Error('disk')
    const error = new HoldfastError('UNAVAILABLE', 'The database is away: retry', { cause })
    assert.equal(error.cause, cause)
    assert.equal(error.reason, 'UNAVAILABLE')
    assert.equal(error.grpcStatus, 14)
  })

  it('names the field at fault', () => {
    const error = invalidField('parts[0].text', 'must not be empty')
    assert.equal(error.code, 'INVALID_ARGUMENT')
    assert.equal(error.message, 'parts[0].text must not be empty')
    assert.deepEqual(error.fields, [{ field: 'parts[0].text', description: 'must not be empty' }])
  })

  it('wraps what is not its own as INTERNAL and leaves its own as it is', () => {
    const own = new HoldfastError('NOT_FOUND', 'gone')
    assert.equal(asHoldfastError(own, 'Reading'), own)
    const wrapped = asHoldfastError(new TypeError('x is not a function'), 'Reading')
    assert.equal(wrapped.code, 'INTERNAL')
    assert.equal(wrapped.message, 'Reading failed: x is not a function')
    assert.ok(wrapped.cause instanceof TypeError)
  })
})
