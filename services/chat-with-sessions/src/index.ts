export type { AttachmentOptions } from './attachments/attachments.js'
export { mediaOverGrpc } from './attachments/media-over-grpc.js'
export type {
  MadeText,
  MediaCall,
  MediaServices,
  Medium,
  SpokenReply,
  SpokenText,
} from './attachments/media-services.js'
export { type ChatService, type ChatServiceOptions, createChatService } from './chat-service.js'
export {
  type AskForReply,
  ChatEngine,
  type ChatEngineOptions,
  type ModelOptions,
  type ReplyStreamEvent,
} from './chat-engine.js'
export type { EngineLogger, ReplyHooks } from './hooks.js'
export { replyMetrics } from './reply-metrics.js'
export type { MessagePage, MessagePageRequest } from './message-pages.js'
export type { PromptLimits } from './prompt.js'
export type { DrainReport } from './reply-producer.js'
