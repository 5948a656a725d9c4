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
