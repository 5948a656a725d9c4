import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { chatModelFromConfig } from './chat-model-from-config.js'

const recall = { retrieve: () => Promise.resolve([]) }

describe('the chat model of a configuration', () => {
  it('is recall when nothing is configured, empty variables and mere limits included', () => {
    for (const config of [{}, { baseUrl: '', model: '', apiKey: '' }, { apiKey: undefined }, { maxRetries: 1 }]) {
      assert.equal(chatModelFromConfig(config, recall).kind, 'recall')
    }
  })

  it('is the language model when its endpoint and its name are configured', () => {
    const config = { baseUrl: 'http://127.0.0.1:11434/v1', model: 'llama3.2', apiKey: '', totalTimeoutMs: undefined }
    const model = chatModelFromConfig(config, recall)
    assert.deepEqual([model.kind, model.name], ['language-model', 'llama3.2'])
  })

  for (const [field, config] of [
    ['model', { baseUrl: 'http://127.0.0.1:11434/v1' }],
    ['baseUrl', { model: 'llama3.2' }],
    ['baseUrl', { apiKey: 'sk-1' }],
    ['idleTimeoutMs', { baseUrl: 'http://127.0.0.1:11434/v1', model: 'llama3.2', idleTimeoutMs: -1 }],
  ] as const) {
    it(`is an error naming ${field} when ${Object.keys(config).join(' and ')} alone will not do`, () => {
      assert.throws(
        () => chatModelFromConfig(config, recall),
        (error: { code: string; fields: readonly { field: string }[] }) => {
          assert.deepEqual([error.code, error.fields[0]?.field], ['INVALID_ARGUMENT', field])
          return true
        },
      )
    })
  }
})
