import { type ModelState, modelStates, type UsedModel } from '@holdfast/job-service'
import { type ChatModel, type EmbeddingModel, embeddingModelFromConfig } from '@holdfast/models'
import type { Config } from '@holdfast/server'
import { modelConfigOf } from '../service-models.js'
import { isServed } from './served.js'

export interface ModelsInUse {
  readonly chat: Pick<ChatModel, 'name' | 'kind'>
  readonly media: readonly UsedModel[]
  /** `undefined`: the packages of the local one are not installed. */
  readonly embedder: EmbeddingModel | undefined
}

/** How the models are that the services of this process work with. */
export async function modelsInUse(config: Config, { chat, media, embedder }: ModelsInUse): Promise<ModelState[]> {
  if (!isServed(config, 'chat')) return modelStates(media)
  await using missing =
    embedder === undefined ? embeddingModelFromConfig(modelConfigOf(config, 'embedding')) : undefined
  const meaning = embedder ?? missing
  const others = await modelStates([
    ...media,
    ...(meaning === undefined ? [] : [{ service: 'embedding', model: meaning }]),
  ])
  const { name, kind } = chat
  const isLocal = kind === 'recall'
  const answers: ModelState = {
    service: 'chat',
    name,
    version: '',
    provider: isLocal ? 'local' : 'openai-compatible',
    state: isLocal ? 'loaded' : 'remote',
    detail: isLocal ? 'Quotes what was said before' : 'Behind an endpoint, which is asked by calls only',
  }
  return [answers, ...others]
}
