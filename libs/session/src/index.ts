export { openConversationStore } from './open-conversation-store.js'
export type {
  Conversation,
  ConversationCache,
  ConversationEvent,
  ConversationLimits,
  ConversationPage,
  ConversationPatch,
  ConversationStore,
  ConversationStoreOptions,
  ErasureReport,
  FollowOptions,
  ForkOptions,
  History,
  HistoryOptions,
  IfVersion,
  IndexingOptions,
  ListOptions,
  MessagesOptions,
  NewConversation,
  Retention,
  SearchHit,
  SearchOptions,
  SearchReport,
  StateDocument,
  StateTarget,
  SubscribeOptions,
} from './conversation-store.js'
export type { Embedder } from './semantic/embedder.js'
export {
  type BlobPart,
  type JsonObject,
  type JsonValue,
  type Message,
  type NewMessage,
  type Part,
  type ReasoningPart,
  type Reply,
  type ReplyFailure,
  type ReplyStatus,
  type Role,
  type TextPart,
  type ToolCallPart,
  type ToolResultPart,
  type Usage,
  blobPartType,
  textOf,
} from './message.js'
export type { BeginTurn, BeginTurnOptions, BegunTurn, ReplyEvent, ReplyState, Turn, TurnEnding } from './turn.js'
export {
  type NearOptions,
  openSessionStore,
  type SessionCacheChoice,
  type SessionStoreOptions,
} from './session-store/open-session-store.js'
export type { SessionBackend, SessionRow, SessionWrite } from './session-store/session-backend.js'
export type {
  PartHealth,
  SessionEntry,
  SessionHealth,
  SessionStore,
  SessionVersion,
  SessionWriteOptions,
} from './session-store/session-store.js'
export { type DirectBackend, type DirectBackendOptions, openDirectBackend } from './session-store/direct-backend.js'
export {
  type MigratingBackend,
  type MigratingBackendOptions,
  openMigratingBackend,
} from './session-store/migrating-backend.js'
export {
  openSessionMigration,
  type SessionMigration,
  type SessionMigrationOptions,
} from './migration/session-migration.js'
export type {
  BackfillReport,
  CutoverReport,
  MigrationProgress,
  PhaseReport,
  PlanReport,
  RollbackReport,
  StatusReport,
  StepOptions,
  VerifyReport,
} from './migration/migration-report.js'
export {
  type ConversationConversionOptions,
  type ConversationConversionReport,
  convertConversations,
  writeConversationsBack,
} from './migration/conversation-conversion.js'
export { type Phase, phases } from './migration/phase.js'
