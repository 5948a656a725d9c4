import { invalidField } from '@holdfast/errors'
import type { EmbeddingModel } from './embedding-model.js'
import type { ImageModel } from './image-model.js'
import { embeddingModelName } from './local/embeddings/embedding-packages.js'
import { localEmbeddingModel } from './local/embeddings/local-embedding-model.js'
import { fliteModel } from './local/flite/flite-model.js'
import { kokoroSpeechModel } from './local/kokoro/kokoro-model.js'
import { moonshineModel } from './local/moonshine/moonshine-model.js'
import { proceduralImageModel } from './local/procedural/procedural-model.js'
import { localVisionModel } from './local/vision/local-vision-model.js'
import { type OpenAiEmbeddingOptions, openAiEmbeddingModel } from './openai-compatible/embeddings.js'
import { openAiImageModel } from './openai-compatible/images.js'
import type { OpenAiServiceModelOptions } from './openai-compatible/service-model-base.js'
import { openAiSpeechModel } from './openai-compatible/speech.js'
import { openAiTranscriptionModel } from './openai-compatible/transcription.js'
import { type OpenAiVisionOptions, openAiVisionModel } from './openai-compatible/vision.js'
import type { SpeechModel } from './speech-model.js'
import type { TranscriptionModel } from './transcription-model.js'
import type { VisionModel } from './vision-model.js'

/** Which model a service has. An empty text means the same as none, as environments have it. */
export interface ServiceModelConfig {
  /** Default: `openai` if there is a `baseUrl`, else `local`. */
  readonly provider?: 'local' | 'openai' | undefined
  /** Of a local one see the constants below, default the first of them; of an endpoint required. */
  readonly name?: string | undefined
  /** Required for `openai`. */
  readonly baseUrl?: string | undefined
  readonly apiKey?: string | undefined
  /** Of an endpoint's model: another one whenever it may answer otherwise. */
  readonly version?: string | undefined
  /** Where local models live that a command installs (`kokoro`); default `defaultModelsFolder`. */
  readonly modelsFolder?: string | undefined
}

/** Beside the working directory's data folder, which holds nothing but data. */
export const defaultModelsFolder = '.holdfast-models'

type Local<Model> = Readonly<Record<string, (config: { readonly modelsFolder: string }) => Model>>

const localTranscription: Local<TranscriptionModel> = {
  'moonshine-base': () => moonshineModel({ size: 'base' }),
  'moonshine-tiny': () => moonshineModel({ size: 'tiny' }),
}
const localSpeech: Local<SpeechModel> = {
  flite: () => fliteModel(),
  kokoro: ({ modelsFolder }) => kokoroSpeechModel({ folder: modelsFolder }),
}
const localVision: Local<VisionModel> = { 'local-vision': () => localVisionModel() }
const localImage: Local<ImageModel> = { procedural: () => proceduralImageModel() }
const localEmbedding: Local<EmbeddingModel> = { [embeddingModelName]: () => localEmbeddingModel() }

/** Names of the local models of each service, the default one first. */
export const localModelNames: Readonly<
  Record<'transcription' | 'speech' | 'vision' | 'image' | 'embedding', readonly string[]>
> = {
  transcription: Object.keys(localTranscription),
  speech: Object.keys(localSpeech),
  vision: Object.keys(localVision),
  image: Object.keys(localImage),
  embedding: Object.keys(localEmbedding),
}

/** @throws INVALID_ARGUMENT naming the field that is missing or wrong, as all below */
export function transcriptionModelFromConfig(config: ServiceModelConfig): TranscriptionModel {
  return chosen(config, localTranscription, openAiTranscriptionModel)
}

export function speechModelFromConfig(config: ServiceModelConfig): SpeechModel {
  return chosen(config, localSpeech, openAiSpeechModel)
}

export function visionModelFromConfig(
  config: ServiceModelConfig & Pick<OpenAiVisionOptions, 'canDetect'>,
): VisionModel {
  const { canDetect = false } = config
  return chosen(config, localVision, (options) => openAiVisionModel({ ...options, canDetect }))
}

export function imageModelFromConfig(config: ServiceModelConfig): ImageModel {
  return chosen(config, localImage, openAiImageModel)
}

export function embeddingModelFromConfig(
  config: ServiceModelConfig & { readonly dimensions?: OpenAiEmbeddingOptions['dimensions'] | undefined },
): EmbeddingModel {
  const { dimensions } = config
  return chosen(config, localEmbedding, (options) =>
    openAiEmbeddingModel(dimensions === undefined ? options : { ...options, dimensions }),
  )
}

function chosen<Model>(
  { provider, name = '', baseUrl = '', apiKey = '', version = '', modelsFolder = '' }: ServiceModelConfig,
  local: Local<Model>,
  openAi: (options: OpenAiServiceModelOptions) => Model,
): Model {
  if (provider === 'local' || (provider === undefined && baseUrl === '')) {
    if (baseUrl !== '') throw invalidField('baseUrl', 'is set, but the provider is local: set it to openai')
    if (apiKey !== '') throw invalidField('baseUrl', 'is not set, but apiKey is: say which endpoint the key is for')
    const open = name === '' ? Object.values(local)[0] : Object.hasOwn(local, name) ? local[name] : undefined
    if (open !== undefined) return open({ modelsFolder: modelsFolder === '' ? defaultModelsFolder : modelsFolder })
    const known = Object.keys(local).join(', ')
    throw invalidField('name', `is ${name}, which is no local model: known are ${known}; for an endpoint set baseUrl`)
  }
  if (baseUrl === '') throw invalidField('baseUrl', 'is not set: say which endpoint has the model')
  if (name === '') throw invalidField('name', 'is not set, but baseUrl is: name the model to use there')
  return openAi({ baseUrl, model: name, ...(apiKey === '' ? {} : { apiKey }), ...(version === '' ? {} : { version }) })
}
