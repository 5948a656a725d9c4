import { type LocalEmbeddingModel, localEmbeddingModel } from '@holdfast/models'
import type { Logger } from '@holdfast/server'

/** What messages are found by meaning with: the local model, if its packages are installed. It loads with the first message or search. */
export async function openEmbedder(logger: Pick<Logger, 'info'>): Promise<LocalEmbeddingModel | undefined> {
  const model = localEmbeddingModel()
  const { ok, detail } = await model.check()
  if (ok) return model
  await model[Symbol.asyncDispose]()
  logger.info(`Messages are found by their words, not by what they mean. ${detail}`)
  return undefined
}
