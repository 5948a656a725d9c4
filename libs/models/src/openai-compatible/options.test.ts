import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { settingsFrom } from './options.js'

const good = { baseUrl: 'http://127.0.0.1:11434/v1', model: 'm' }

describe('the options of an OpenAI-compatible model', () => {
  it('have defaults', () => {
    const { baseUrl, ...settings } = settingsFrom(good)
    assert.equal(baseUrl.href, good.baseUrl)
    assert.deepEqual(settings, {
      apiKey: undefined,
      model: 'm',
      connectTimeoutMs: 10_000,
      firstTokenTimeoutMs: 120_000,
      idleTimeoutMs: 60_000,
      totalTimeoutMs: 600_000,
      maxRetries: 2,
      retryDelayMs: 500,
      headers: {},
    })
  })

  for (const [field, bad] of [
    ['model', { model: '' }],
    ['baseUrl', { baseUrl: '' }],
    ['baseUrl', { baseUrl: '127.0.0.1:8080' }],
    ['baseUrl', { baseUrl: 'ftp://127.0.0.1/v1' }],
    ['baseUrl', { baseUrl: 'http://user:password@127.0.0.1/v1' }],
    ['baseUrl', { baseUrl: 'http://127.0.0.1/v1?api-version=1' }],
    ['apiKey', { apiKey: 'sk-1\n' }],
    ['apiKey', { apiKey: 'sk 1' }],
    ['connectTimeoutMs', { connectTimeoutMs: 0 }],
    ['firstTokenTimeoutMs', { firstTokenTimeoutMs: 1.5 }],
    ['idleTimeoutMs', { idleTimeoutMs: Number.NaN }],
    ['totalTimeoutMs', { totalTimeoutMs: 2 ** 31 }],
    ['maxRetries', { maxRetries: -1 }],
    ['maxRetries', { maxRetries: 1_000 }],
    ['headers.x y', { headers: { 'x y': '1' } }],
    ['headers.x', { headers: { x: 'a\r\nb: c' } }],
  ] as const) {
    it(`are rejected when ${field} is ${JSON.stringify(Object.values(bad)[0])}`, () => {
      assert.throws(
        () => settingsFrom({ ...good, ...bad }),
        (error: { code: string; fields: readonly { field: string }[] }) => {
          assert.equal(error.code, 'INVALID_ARGUMENT')
          assert.deepEqual(
            error.fields.map((one) => one.field),
            [field],
          )
          return true
        },
      )
    })
  }
})
