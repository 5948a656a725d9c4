export { type ChatModelConfig, chatModelFromConfig } from './chat-model-from-config.js'
export {
  type ServiceModelConfig,
  defaultModelsFolder,
  embeddingModelFromConfig,
  imageModelFromConfig,
  localModelNames,
  speechModelFromConfig,
  transcriptionModelFromConfig,
  visionModelFromConfig,
} from './service-models-from-config.js'
export { type RecallOptions, recallModel } from './recall/recall-model.js'
export type { Quote, Retrieve, RetrieveQuery } from './recall/quote.js'
export { openAiCompatibleModel } from './openai-compatible/openai-compatible-model.js'
export type { OpenAiCompatibleOptions } from './openai-compatible/options.js'
export { type OpenAiTranscriptionOptions, openAiTranscriptionModel } from './openai-compatible/transcription.js'
export { type OpenAiSpeechOptions, openAiSpeechModel } from './openai-compatible/speech.js'
export { type OpenAiVisionOptions, openAiVisionModel } from './openai-compatible/vision.js'
export { type OpenAiImageOptions, openAiImageModel } from './openai-compatible/images.js'
export { type OpenAiEmbeddingOptions, openAiEmbeddingModel } from './openai-compatible/embeddings.js'
export type { OpenAiServiceModelOptions } from './openai-compatible/service-model-base.js'
export type { ModelFailureReason } from './openai-compatible/failures.js'
export type {
  ChatEvent,
  ChatMessage,
  ChatModel,
  ChatPart,
  ChatRequest,
  ChatTool,
  CheckOptions,
  FinishEvent,
  FinishReason,
  ModelCheck,
  StreamOptions,
  TokenUsage,
} from './chat-model.js'
export type { ModelCallOptions, ModelIdentity, ModelUsage, ServiceModel } from './service-model.js'
export {
  type TranscribeOptions,
  type TranscriptionEvent,
  type TranscriptionFinish,
  type TranscriptionModel,
  type TranscriptSegment,
  transcriptionSampleRate,
} from './transcription-model.js'
export { type MoonshineModel, type MoonshineOptions, moonshineModel } from './local/moonshine/moonshine-model.js'
export { type FliteModel, type FliteOptions, fliteModel } from './local/flite/flite-model.js'
export { type KokoroModel, type KokoroOptions, kokoroSpeechModel } from './local/kokoro/kokoro-model.js'
export { installKokoro, removeKokoro } from './local/kokoro/kokoro-files.js'
export type { InstallOptions, InstallProgress } from './local/kokoro/install-recipe.js'
export { sentencesOf } from './local/normaliser/sentences.js'
export { spokenText } from './local/normaliser/spoken-text.js'
export type { ModelHostState, ModelHostStatus } from './local/host/model-host.js'
export { type OpenAudioOptions, type OpenedAudio, openAudio } from './audio/open-audio.js'
export {
  type AudioFormat,
  audioFormats,
  contentTypeOf,
  encodeAudio,
  encodedAudio,
  fileExtensionOf,
} from './audio/encode-audio.js'
export type { AudioFailureReason } from './audio/audio-failures.js'
export type { FfmpegOptions } from './audio/ffmpeg-process.js'
export type { SpeakOptions, SpeechEvent, SpeechModel, Voice } from './speech-model.js'
export type {
  Box,
  DescribeOptions,
  Description,
  DetectedObject,
  Detections,
  DetectOptions,
  Picture,
  PictureEmbedding,
  ReadText,
  TextLine,
  VisionModel,
} from './vision-model.js'
export type {
  GeneratedImage,
  GeneratedImages,
  ImageCallOptions,
  ImageEditRequest,
  ImageModel,
  ImageRequest,
} from './image-model.js'
export type { EmbeddingModel, Embeddings } from './embedding-model.js'
export { type TakenPicture, type TakePictureOptions, takePicture } from './pictures/take-picture.js'
export { defaultPictureLimits, type PictureLimits } from './pictures/picture-limits.js'
export { type EncodeOptions, encodePicture, thumbnailOf } from './pictures/picture-forms.js'
export { proceduralImageModel } from './local/procedural/procedural-model.js'
export {
  type LocalEmbeddingModel,
  type LocalEmbeddingOptions,
  localEmbeddingModel,
} from './local/embeddings/local-embedding-model.js'
export { type LocalVisionModel, type LocalVisionOptions, localVisionModel } from './local/vision/local-vision-model.js'
