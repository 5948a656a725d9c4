import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Metadata, status } from '@grpc/grpc-js'
import { HoldfastError, errorCodes, grpcStatusOf, invalidField } from '@holdfast/errors'
import { ErrorInfo } from './gen/google/rpc/error_details.js'
import { Status } from './gen/google/rpc/status.js'
import { errorFromGrpc, grpcStatusObject } from './status-details.js'

describe('the details of a status', () => {
  it('carries code, message, reason, fields, metadata and retry delay to the other end', () => {
    const sent = new HoldfastError('INVALID_ARGUMENT', 'parts[0].text is too long', {
      reason: 'TEXT_TOO_LONG',
      fields: [{ field: 'parts[0].text', description: 'is too long' }],
      metadata: { conversationId: 'c-1', ['__proto__']: 'kept' },
      retryAfterMs: 1500,
      quota: [{ subject: 'tenant acme', description: '10 calls a second' }],
    })
    const received = errorFromGrpc(grpcStatusObject(sent))
    assert.equal(received.code, sent.code)
    assert.equal(received.message, sent.message)
    assert.equal(received.reason, sent.reason)
    assert.deepEqual(received.fields, sent.fields)
    assert.deepEqual(Object.entries(received.metadata), Object.entries(sent.metadata))
    assert.equal(received.retryAfterMs, 1500)
    assert.deepEqual(received.quota, [{ subject: 'tenant acme', description: '10 calls a second' }])
  })

  it('maps every code to its gRPC status and back', () => {
    for (const code of errorCodes) {
      const object = grpcStatusObject(new HoldfastError(code, 'it failed'))
      assert.equal(object.code, grpcStatusOf(code))
      assert.equal(errorFromGrpc(object).code, code)
    }
  })

  it('keeps the trailers of a huge error below 8 KiB', () => {
    const long = '√é\u0000'.repeat(100_000)
    const error = new HoldfastError('INVALID_ARGUMENT', long, {
      fields: Array.from({ length: 500 }, () => ({ field: long, description: long })),
      metadata: Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`${index}${long}`, long])),
    })
    const { details, metadata } = grpcStatusObject(error)
    const binary = metadata?.get('grpc-status-details-bin')[0]
    assert.ok(binary instanceof Buffer)
    const onTheWire = encodeURIComponent(details).length + Math.ceil(binary.length / 3) * 4
    assert.ok(onTheWire < 8 * 1024, `${onTheWire} bytes`)
  })

  it('tells an error whose text is not well-formed Unicode', () => {
    const lone = grpcStatusObject(invalidField('text', `holds ${String.fromCharCode(0xd800)}`)).details
    assert.equal(lone, 'text holds \ufffd')
    const { details } = grpcStatusObject(invalidField('text', '😀'.repeat(1000)))
    assert.match(details, /^text (😀)+…$/u)
  })

  it('keeps the code and message of a peer whose details it cannot read', () => {
    const metadata = new Metadata()
    metadata.set('grpc-status-details-bin', Buffer.from([0xff, 0xff, 0xff]))
    const received = errorFromGrpc({ code: status.NOT_FOUND, details: 'no such thing', metadata })
    assert.equal(received.code, 'NOT_FOUND')
    assert.equal(received.message, 'no such thing')
    assert.equal(received.reason, 'NOT_FOUND')
  })

  it('does not take the reason of another domain for ours', () => {
    const metadata = new Metadata()
    const info = ErrorInfo.encode(ErrorInfo.fromPartial({ domain: 'example.com', reason: 'THEIRS' })).finish()
    const details = [{ typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo', value: Buffer.from(info) }]
    metadata.set('grpc-status-details-bin', Buffer.from(Status.encode({ code: 5, message: '', details }).finish()))
    assert.equal(errorFromGrpc({ code: status.NOT_FOUND, details: 'gone', metadata }).reason, 'NOT_FOUND')
  })
})
