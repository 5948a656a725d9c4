import assert from 'node:assert/strict'
import { it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { createClients } from '@holdfast/grpc-clients'
import type { ModelCheck } from '@holdfast/models'
import { models as wire } from '@holdfast/protocol'
import { createLogger, createMetrics, serveMetrics, startGrpcServer } from '@holdfast/server'
import { createModelService, modelStates, type UsedModel } from './model-service.js'

const used = (service: string, check: Partial<ModelCheck>, provider: 'local' | 'openai-compatible' = 'local') => {
  const answer = { ok: true, detail: `${service} it is`, latencyMs: 0, ...check }
  return {
    service,
    model: { name: `of ${service}`, version: '1', provider, check: async () => answer },
  } satisfies UsedModel
}

it('tells of each model whether it is there and whether it is loaded, over gRPC and to who asks whether calls may come', async () => {
  const endpoint = used('far', {}, 'openai-compatible')
  endpoint.model.check = () => assert.fail('endpoints are not called for it')
  const missing = new HoldfastError('FAILED_PRECONDITION', 'run npm', { reason: 'MODEL_NOT_INSTALLED' })
  const models = () =>
    modelStates([
      endpoint,
      used('ear', { isLoaded: true }),
      used('eye', { isLoaded: false }),
      used('brush', { ok: false, detail: 'run npm', error: missing }),
      used('voice', { ok: false, error: new HoldfastError('UNAVAILABLE', 'died'), isLoaded: false }),
    ])
  const { REMOTE, LOADED, UNLOADED, NOT_INSTALLED, FAILED } = wire.ModelState
  await using server = await startGrpcServer({
    services: [createModelService(models)],
    listen: '127.0.0.1:0',
    auth: 'none',
    logger: createLogger({ level: 'fatal' }),
    models,
  })
  await using clients = createClients({ address: server.address })
  const told = (await clients.models.listModels({})).models
  assert.deepEqual(
    told.map(({ service, name, state }) => [service, name, state]),
    [
      ['far', 'of far', REMOTE],
      ['ear', 'of ear', LOADED],
      ['eye', 'of eye', UNLOADED],
      ['brush', 'of brush', NOT_INSTALLED],
      ['voice', 'of voice', FAILED],
    ],
  )
  assert.deepEqual([told[0]?.provider, told[1]?.version, told[3]?.detail], ['openai-compatible', '1', 'run npm'])
  await using metrics = await serveMetrics(createMetrics(), { listen: '127.0.0.1:0', health: () => server.health })
  const { status, models: seen } = (await (await fetch(`http://${metrics.address}/readyz`)).json()) as {
    status: string
    models: readonly { service: string; state: string }[]
  }
  assert.deepEqual(
    [status, seen.map(({ state }) => state)],
    ['ready', ['remote', 'loaded', 'unloaded', 'not-installed', 'failed']],
  )
})
