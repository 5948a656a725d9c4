import type { ServiceModel } from '@holdfast/models'
import { models as wire } from '@holdfast/protocol'
import { defineService, type GrpcService, type ModelHealth } from '@holdfast/server'

/** A model and what it works for. */
export interface UsedModel {
  /** `speech-to-text`, `embedding`. */
  readonly service: string
  readonly model: Pick<ServiceModel, 'name' | 'version' | 'provider' | 'check'>
}

/** How a model is, with one sentence for people. */
export interface ModelState extends ModelHealth {
  readonly version: string
  readonly provider: ServiceModel['provider']
  readonly detail: string
}

/** How models are, in the order in which they are given. Loads none, and calls no endpoint: what one of those answers is known by its calls. */
export function modelStates(used: readonly UsedModel[]): Promise<ModelState[]> {
  return Promise.all(used.map(stateOf))
}

async function stateOf({ service, model }: UsedModel): Promise<ModelState> {
  const { name, version, provider } = model
  const known = { service, name, version, provider }
  if (provider !== 'local')
    return { ...known, state: 'remote', detail: 'Behind an endpoint, which is asked by calls only' }
  const { ok, error, isLoaded = false, detail } = await model.check()
  const state = ok
    ? isLoaded
      ? 'loaded'
      : 'unloaded'
    : error?.reason === 'MODEL_NOT_INSTALLED'
      ? 'not-installed'
      : 'failed'
  return { ...known, state, detail }
}

/** Serves holdfast.models.v1.ModelService. @param models asked with each call */
export function createModelService(models: () => Promise<readonly ModelState[]>): GrpcService {
  return defineService(wire.ModelServiceService, {
    listModels: async () => ({ models: (await models()).map((model) => ({ ...model, state: onWire[model.state] })) }),
  })
}

const onWire: Readonly<Record<ModelState['state'], wire.ModelState>> = {
  remote: wire.ModelState.REMOTE,
  'not-installed': wire.ModelState.NOT_INSTALLED,
  unloaded: wire.ModelState.UNLOADED,
  loaded: wire.ModelState.LOADED,
  failed: wire.ModelState.FAILED,
}
