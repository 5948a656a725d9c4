import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  embeddingModelFromConfig,
  imageModelFromConfig,
  localModelNames,
  speechModelFromConfig,
  transcriptionModelFromConfig,
  visionModelFromConfig,
} from './service-models-from-config.js'

const byService = {
  transcription: transcriptionModelFromConfig,
  speech: speechModelFromConfig,
  vision: visionModelFromConfig,
  image: imageModelFromConfig,
  embedding: embeddingModelFromConfig,
} as const
const endpoint = { baseUrl: 'http://127.0.0.1:1/v1', name: 'text-embedding-3-small' }

describe('the model that is configured', () => {
  for (const [service, open] of Object.entries(byService)) {
    it(`for ${service} is a local one unless there is an endpoint, and has the name that it was called by`, async () => {
      for (const name of [undefined, '', ...localModelNames[service as keyof typeof byService]]) {
        await using model = open({ name })
        assert.equal(model.provider, 'local')
        const expected =
          name === undefined || name === '' ? localModelNames[service as keyof typeof byService][0] : name
        assert.equal(model.name, expected)
        assert.notEqual(model.version, '')
      }
      await using remote = open({ ...endpoint, version: '7' })
      assert.deepEqual([remote.provider, remote.name, remote.version], ['openai-compatible', endpoint.name, '7'])
      await using unversioned = open({ ...endpoint, provider: 'openai', apiKey: '' })
      assert.equal(unversioned.version, 'unversioned')
    })

    it(`for ${service} is refused by half, with what is missing`, () => {
      for (const [config, field] of [
        [{ name: 'unknown' }, 'name'],
        [{ name: 'constructor' }, 'name'],
        [{ baseUrl: endpoint.baseUrl }, 'name'],
        [{ provider: 'openai', name: 'x' }, 'baseUrl'],
        [{ provider: 'local', baseUrl: endpoint.baseUrl }, 'baseUrl'],
        [{ apiKey: 'sk' }, 'baseUrl'],
      ] as const) {
        assert.throws(
          () => open(config),
          (error: { fields?: { field: string }[] }) => error.fields?.[0]?.field === field,
        )
      }
    })
  }

  it('may say what an endpoint cannot: dimensions, and whether it can tell where things are', async () => {
    await using embedding = embeddingModelFromConfig({ ...endpoint, name: 'other', dimensions: 384 })
    assert.equal(embedding.dimensions, 384)
    await using vision = visionModelFromConfig({ ...endpoint, canDetect: true })
    assert.ok(vision.abilities.has('detect'))
  })
})
