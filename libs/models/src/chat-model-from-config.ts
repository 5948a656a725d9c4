import { invalidField } from '@holdfast/errors'
import type { ChatModel } from './chat-model.js'
import { openAiCompatibleModel } from './openai-compatible/openai-compatible-model.js'
import type { OpenAiCompatibleOptions } from './openai-compatible/options.js'
import { type RecallOptions, recallModel } from './recall/recall-model.js'

/** OpenAiCompatibleOptions, all of them optional; an empty text means the same as none, as environments have it. */
export type ChatModelConfig = { readonly [K in keyof OpenAiCompatibleOptions]?: OpenAiCompatibleOptions[K] | undefined }

/** The language model that is configured, or recall if none is. Half a configuration is an error, so that nobody talks to
 *  recall who believes to have configured a model.
 *  @throws INVALID_ARGUMENT naming the field */
export function chatModelFromConfig(config: ChatModelConfig, recall: RecallOptions): ChatModel & Partial<Disposable> {
  const given = Object.entries(config).filter(([, value]) => value !== undefined && value !== '')
  const { baseUrl, model, apiKey, ...rest } = Object.fromEntries(given) as Partial<OpenAiCompatibleOptions>
  if (baseUrl !== undefined && model !== undefined) {
    return openAiCompatibleModel({ ...rest, baseUrl, model, ...(apiKey === undefined ? {} : { apiKey }) })
  }
  if (baseUrl !== undefined) throw invalidField('model', 'is not set, but baseUrl is: name the model to use there')
  if (model !== undefined) throw invalidField('baseUrl', 'is not set, but model is: say which endpoint has the model')
  if (apiKey !== undefined)
    throw invalidField('baseUrl', 'is not set, but apiKey is: say which endpoint the key is for')
  return recallModel(recall)
}
