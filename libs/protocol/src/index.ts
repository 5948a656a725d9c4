import { refuseMalformedText } from './strict-text.js'

export {
  ChatServiceClient,
  ChatServiceService,
  type ChatServiceServer,
  Conversation,
  ForkOrigin,
  Message,
  Part,
  BlobReference,
  ToolCall,
  ToolResult,
  Reasoning,
  Reply,
  Usage,
  ReplyError,
  CreateConversationRequest,
  CreateConversationResponse,
  GetConversationRequest,
  GetConversationResponse,
  ListConversationsRequest,
  ListConversationsResponse,
  UpdateConversationRequest,
  MetadataEntries,
  UpdateConversationResponse,
  DeleteConversationRequest,
  DeleteConversationResponse,
  SearchHit,
  SearchMessagesRequest,
  SearchMessagesResponse,
  SendMessageRequest,
  SendMessageResponse,
  GetMessagesRequest,
  GetMessagesResponse,
  UpdateMessageRequest,
  UpdateMessageResponse,
  DeleteMessageRequest,
  DeleteMessageResponse,
  StreamChatRequest,
  ModelOptions,
  StreamChatResponse,
  ReplyStarted,
  ReplyDelta,
  ReplyFinished,
  ResumeStreamRequest,
  ResumeStreamResponse,
  CancelReplyRequest,
  CancelReplyResponse,
  SubscribeToConversationRequest,
  SubscribeToConversationResponse,
  ConversationDeleted,
  GetStateRequest,
  GetStateResponse,
  PatchStateRequest,
  PatchStateResponse,
  EraseUserRequest,
  EraseUserResponse,
  ForkConversationRequest,
  ForkConversationResponse,
  MeaningSearch,
  ReplyStatus,
  SearchWay,
  StateScope,
  Tags,
  TurnPolicy,
  Role,
  type DeepPartial,
  type MessageFns,
} from './gen/holdfast/chat/v1/chat.js'
// Each of these packages has a `GetRequest` of its own.
export * as access from './gen/holdfast/access/v1/access.js'
export * as artifacts from './gen/holdfast/artifacts/v1/artifacts.js'
export * as dag from './gen/holdfast/dag/v1/dag.js'
export * as imageGeneration from './gen/holdfast/image_generation/v1/image_generation.js'
export * as jobs from './gen/holdfast/jobs/v1/jobs.js'
export * as models from './gen/holdfast/models/v1/models.js'
export * as speechToText from './gen/holdfast/speech_to_text/v1/speech_to_text.js'
export * as textToSpeech from './gen/holdfast/text_to_speech/v1/text_to_speech.js'
export * as vision from './gen/holdfast/vision/v1/vision.js'
export { fileDescriptors } from './file-descriptors.js'
export { errorDomain, errorFromGrpc, grpcStatusObject } from './status-details.js'

refuseMalformedText()
