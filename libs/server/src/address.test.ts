import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatAddress, parseListenAddress, requireMetricsProtection, requireProtection } from './address.js'

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

  it('is on loopback, unless there are authentication and TLS', () => {
    const none = { auth: false, tls: false }
    for (const host of ['127.0.0.1', '127.255.0.9', '::1', '0:0:0:0:0:0:0:1', 'localhost', 'LOCALHOST']) {
      requireProtection({ host, port: 1 }, none)
      requireMetricsProtection({ host, port: 1 }, { token: false, tls: false })
    }
    for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.evil.example', '::ffff:10.0.0.1', 'example.com']) {
      const refusal = (message: RegExp) => ({ code: 'FAILED_PRECONDITION', reason: 'LISTEN_UNPROTECTED', message })
      const both = /HOLDFAST_AUTH.*HOLDFAST_TLS_CERTIFICATE and HOLDFAST_TLS_KEY/
      assert.throws(() => requireProtection({ host, port: 1 }, none), refusal(both))
      assert.throws(() => requireProtection({ host, port: 1 }, { auth: true, tls: false }), refusal(/HOLDFAST_TLS_KEY/))
      assert.throws(() => requireProtection({ host, port: 1 }, { auth: false, tls: true }), refusal(/HOLDFAST_AUTH/))
      requireProtection({ host, port: 1 }, { auth: true, tls: true })
      assert.throws(
        () => requireMetricsProtection({ host, port: 1 }, { token: false, tls: false }),
        refusal(/HOLDFAST_METRICS_TOKEN.*HOLDFAST_TLS_CERTIFICATE/),
      )
      requireMetricsProtection({ host, port: 1 }, { token: true, tls: true })
    }
  })
})
