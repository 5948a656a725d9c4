import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatAddress, parseListenAddress, requireLoopback } from './address.js'

describe('an address to listen on', () => {
  it('is read and written as HOST:PORT', () => {
    for (const text of ['127.0.0.1:9095', 'localhost:0', '[::1]:65535', '0.0.0.0:80']) {
      assert.equal(formatAddress(parseListenAddress(text, 'listen')), text)
    }
  })

  it('is refused with the name of the field when it is something else', () => {
    for (const text of [
      '',
      '9095',
      ':9095',
      '127.0.0.1',
      '127.0.0.1:65536',
      '::1:9095',
      '[no]:1',
      'http://a:1',
      'a b:1',
    ]) {
      assert.throws(
        () => parseListenAddress(text, 'listen'),
        { code: 'INVALID_ARGUMENT', message: /^listen must be/ },
        text,
      )
    }
  })

  it('is on loopback', () => {
    for (const host of ['127.0.0.1', '127.255.0.9', '::1', '0:0:0:0:0:0:0:1', 'localhost', 'LOCALHOST']) {
      requireLoopback({ host, port: 1 }, 'It')
    }
    for (const host of [
      '0.0.0.0',
      '::',
      '10.0.0.1',
      '127.evil.example',
      '128.0.0.1',
      '::ffff:10.0.0.1',
      'example.com',
    ]) {
      assert.throws(() => requireLoopback({ host, port: 1 }, 'It'), {
        code: 'FAILED_PRECONDITION',
        reason: 'LISTEN_NOT_LOOPBACK',
      })
    }
  })
})
