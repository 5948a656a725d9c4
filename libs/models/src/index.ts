export { type ChatModelConfig, chatModelFromConfig } from './chat-model-from-config.js'
export { type RecallOptions, recallModel } from './recall/recall-model.js'
export type { Quote, Retrieve, RetrieveQuery } from './recall/quote.js'
export { openAiCompatibleModel } from './openai-compatible/openai-compatible-model.js'
export type { OpenAiCompatibleOptions } from './openai-compatible/options.js'
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
