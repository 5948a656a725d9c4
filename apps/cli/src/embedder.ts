import { type EmbeddingModel, embeddingModelFromConfig } from '@holdfast/models'
import type { Config, Logger } from '@holdfast/server'
import { modelConfigOf } from './service-models.js'

/** What messages are found by meaning with: the model that is configured, or the local one, if its packages are installed. It loads with the
 *  first message or search. @throws INVALID_ARGUMENT if it is configured by half, or wrong */
export async function openEmbedder(config: Config, logger: Pick<Logger, 'info'>): Promise<EmbeddingModel | undefined> {
  const model = embeddingModelFromConfig(modelConfigOf(config, 'embedding'))
  // An endpoint may be away now and there later.
  if (model.provider !== 'local') return model
  const { ok, detail } = await model.check()
  if (ok) return model
  await model[Symbol.asyncDispose]()
  logger.info(`Messages are found by their words, not by what they mean. ${detail}`)
  return undefined
}
