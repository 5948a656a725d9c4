import type {
  Conversation,
  ConversationPage,
  JsonObject,
  ListOptions,
  Message,
  MessagesOptions,
  NewConversation,
  NewMessage,
} from '@holdfast/session'

/** Conversations wherever they are: in a store that this process opened, or behind a server. A ConversationStore is one as
 *  it stands; errors are the same either way. */
export interface ConversationAccess {
  /** Idempotent by id. @throws ALREADY_EXISTS with other content; FAILED_PRECONDITION CONVERSATION_DELETED */
  create(conversation: NewConversation): Promise<Conversation>
  /** @throws NOT_FOUND */
  get(id: string): Promise<Conversation>
  list(options?: ListOptions): Promise<ConversationPage>
  /** `false`: it was deleted before. */
  delete(id: string): Promise<boolean>
  /** In order. Over gRPC it is one call for each, so a failure may leave the first ones appended. */
  append(id: string, messages: readonly NewMessage[]): Promise<Message[]>
  messages(id: string, options?: MessagesOptions): Promise<Message[]>
  redact(id: string, seq: number): Promise<Message>
  state(id: string): Promise<VersionedState>
  /** RFC 7396. @throws ABORTED if `ifVersion` does not hold */
  patchState(id: string, patch: JsonObject, options?: { readonly ifVersion?: number }): Promise<VersionedState>
}

export interface VersionedState {
  readonly state: JsonObject
  readonly version: number
}
