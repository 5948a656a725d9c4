import type { HoldfastError } from '@holdfast/errors'
import type { Embedder } from './semantic/embedder.js'
import type { JsonObject, Message, NewMessage, Part } from './message.js'
import type { BeginTurn, BegunTurn, ReplyEvent, ReplyState } from './turn.js'

export interface Conversation {
  readonly id: string
  /** Whose it is; may be empty. */
  readonly userId: string
  readonly title: string
  /** The application's own labels. */
  readonly metadata: Readonly<Record<string, string>>
  /** Sorted; absent: none. */
  readonly tags?: readonly string[]
  /** Its own; absent: the store's. */
  readonly retention?: Retention
  /** Starts at 1, grows by one with every change of what stands above; messages and state do not change it. */
  readonly version: number
  readonly createdAt: Date
  /** When title or metadata changed last. */
  readonly updatedAt: Date
  /** When the last message was appended. Listings by other processes may see it up to about a second late. */
  readonly lastActivityAt: Date
  /** `seq` of the last message; 0: there is none. */
  readonly lastSeq: number
  /** Where it was forked from: the messages up to and including `seq` are those of `conversationId`. */
  readonly parent?: { readonly conversationId: string; readonly seq: number }
  /** The reply that is being made. */
  readonly activeReplyId?: string
}

export interface NewConversation {
  /** 1 to 200 printable characters without spaces and `/`; default: one is made (from `key`, if there is one). */
  readonly id?: string
  /** Idempotency key, 1 to 200 characters, instead of an id. Works as long as the conversation exists. */
  readonly key?: string
  /** At most 200 characters; default ''. */
  readonly userId?: string
  /** At most 1,000 characters; default ''. */
  readonly title?: string
  /** At most 64 entries; keys of 1 to 128, values of at most 4,096 characters. */
  readonly metadata?: Readonly<Record<string, string>>
  /** At most 64, of 1 to 128 characters; to list conversations by. */
  readonly tags?: readonly string[]
  readonly retention?: Retention
}

export interface ConversationPatch {
  readonly title?: string
  /** Replaces all entries. */
  readonly metadata?: Readonly<Record<string, string>>
  /** Replaces all of them. */
  readonly tags?: readonly string[]
  /** null: the store's again. */
  readonly retention?: Retention | null
}

/** How much is kept of a conversation's messages; older ones are deleted in the background. */
export interface Retention {
  /** In milliseconds from when a message was appended. */
  readonly maxAgeMs?: number
  readonly maxMessages?: number
}

/** What was deleted. */
export interface ErasureReport {
  readonly conversations: number
  readonly messages: number
  /** Edits and redactions. */
  readonly edits: number
  /** Streams of replies. */
  readonly replies: number
  readonly states: number
  /** Those that nothing else needs. */
  readonly blobs: number
  readonly blobBytes: number
}

/** What a state belongs to: the application, a user, a conversation, or a conversation in this process alone. A text is a conversation's id.
 *  A `temp` state is never stored: it lasts until a turn of its conversation ends in this process, or the store is closed. */
export type StateTarget =
  | string
  | { readonly scope: 'app' }
  | { readonly scope: 'user'; readonly userId: string }
  | { readonly scope: 'session' | 'temp'; readonly conversationId: string }

export interface IfVersion {
  /** Write only if the version is this one; otherwise ABORTED. */
  readonly ifVersion?: number
}

export interface ListOptions {
  /** Only this user's; default: all. */
  readonly userId?: string
  /** Only those that have this tag. */
  readonly tag?: string
  /** Default 50, at most 1,000 (more counts as 1,000). */
  readonly limit?: number
  /** `next` of the former page of a listing with the same `userId` and `tag`. */
  readonly cursor?: string
  /** Gives up what the database has not begun, and ends what it can, when it aborts; its reason is thrown. */
  readonly signal?: AbortSignal
}

export interface ConversationPage {
  readonly items: readonly Conversation[]
  /** Absent on the last page. */
  readonly next?: string
}

export interface MessagesOptions {
  /** Exclusive bounds. */
  readonly after?: number
  readonly before?: number
  /** Default 100, at most 1,000 (more counts as 1,000). */
  readonly limit?: number
  /** Newest first. */
  readonly reverse?: boolean
}

export interface HistoryOptions {
  /** How many messages, 1 to 1,000; default 20. */
  readonly last?: number
}

export interface History {
  /** Without the reply that is being made, which `get` tells. */
  readonly conversation: Omit<Conversation, 'activeReplyId'>
  /** The last ones, oldest first. */
  readonly messages: readonly Message[]
}

/** Where the newest messages and what else is known of a conversation are cached. */
export interface ConversationCache {
  /** Of one server: `redis://…`. */
  readonly redis?: string
  /** Of some nodes of a cluster. */
  readonly redisCluster?: readonly string[]
  /** How many messages of a conversation are cached at least, if they fit; default 50, at most 1,000. */
  readonly messages?: number
  /** How large a cached conversation may be; default 256 KiB. */
  readonly bytes?: number
  /** How long a process uses what it knows of the cache without asking the database again, in milliseconds; default 500. The first write
   *  after the cache was lost takes this much longer. The same in all processes. */
  readonly trustMs?: number
}

export interface ForkOptions {
  /** The last message that both share; 0: none; default: the last one there is. */
  readonly atSeq?: number
  /** As in NewConversation. */
  readonly id?: string
  readonly key?: string
  /** Default: the title of the original. */
  readonly title?: string
}

export interface StateDocument {
  readonly state: JsonObject
  /** Grows by one with every change; 0: never changed. */
  readonly version: number
  readonly updatedAt: Date
}

/** `cursor`: the position after the event, opaque. */
export type ConversationEvent =
  | { readonly kind: 'message' | 'edited' | 'redacted'; readonly message: Message; readonly cursor: string }
  | { readonly kind: 'deleted'; readonly conversationId: string; readonly cursor: string }

export interface SubscribeOptions {
  /** Of the last event that was seen; default: from the first message. */
  readonly cursor?: string
  /** Ends the subscription quietly. */
  readonly signal?: AbortSignal
}

export interface SearchOptions {
  /** Default 10, at most 100. */
  readonly limit?: number
  /** Messages not to return, such as the question itself. */
  readonly exclude?: readonly { readonly conversationId: string; readonly seq: number }[]
  /** Only messages of these roles; default: user and assistant. */
  readonly roles?: readonly Message['role'][]
  /** What the messages should mean, where that says more than the words to look for: the whole question. Default: the query. */
  readonly meaning?: string
  /** Gives up what the database has not begun, and ends what it can, when it aborts; its reason is thrown. */
  readonly signal?: AbortSignal
}

export interface SearchHit {
  readonly conversationId: string
  /** As it stands now; edited, redacted and deleted text is never returned. */
  readonly message: Message
  /** Comparable within one answer only: BM25 where only words were compared, else from 0 to 1. */
  readonly score: number
  /** How it was found: by its words, by what it means, by both. */
  readonly by: readonly ('words' | 'meaning')[]
  /** How near its meaning is to what was asked, if that is near: cosine, up to 1 for the same text. */
  readonly similarity?: number
}

export interface SearchReport {
  readonly hits: readonly SearchHit[]
  /** Whether meaning was compared. `off`: the store has no model for it. Only words were compared with `behind` (nothing of the user's is
   *  indexed yet), `late` (the model did not answer in time: it loads, or is busy), `unread` (it can read nothing of the query) and
   *  `unavailable` (it cannot work; `failure` says why). */
  readonly meaning: 'used' | 'off' | 'behind' | 'late' | 'unread' | 'unavailable'
  /** How many of the user's messages and edits are not indexed yet: those are found by their words only. */
  readonly unindexed: number
  readonly failure?: HoldfastError
}

export interface FollowOptions {
  /** `cursor` of the last event that was seen; default 0: from the start. */
  readonly after?: number
  /** Ends it quietly. The reply goes on. */
  readonly signal?: AbortSignal
}

/** Conversations, their messages, replies and state. Every method: INVALID_ARGUMENT for bad input, naming the field as the caller
 *  wrote it; UNAVAILABLE when the database is away; UNKNOWN when nobody can say whether a write took effect (repeat it with
 *  its key). A method that names a conversation: NOT_FOUND if there is none, a deleted one included; a write that comes too
 *  late for a deleted one: FAILED_PRECONDITION with reason CONVERSATION_DELETED. */
export interface ConversationStore extends AsyncDisposable {
  /** Idempotent: the same id (or key) with the same content returns what is there.
   *  @throws ALREADY_EXISTS with other content; FAILED_PRECONDITION CONVERSATION_DELETED if the id was used and deleted */
  create(conversation?: NewConversation): Promise<Conversation>
  /** @throws NOT_FOUND */
  get(id: string): Promise<Conversation>
  /** Newest activity first. One that becomes active while you page moves to the front and may be seen twice, none is left out. */
  list(options?: ListOptions): Promise<ConversationPage>
  /** @throws ABORTED if `ifVersion` does not hold */
  update(id: string, patch: ConversationPatch, options?: IfVersion): Promise<Conversation>
  /** With its messages, replies and state, for good; the id stays taken. Branches keep the past that they share.
   *  `false`: it was deleted before. @throws ABORTED if `ifVersion` does not hold */
  delete(id: string, options?: IfVersion): Promise<boolean>

  /** Appends all, in order, in one commit. A message whose key is there already is not appended again, the stored one is
   *  returned. @throws ALREADY_EXISTS if the key belongs to other content */
  append(id: string, messages: readonly NewMessage[]): Promise<Message[]>
  /** In the order of `seq`, or newest first. */
  messages(id: string, options?: MessagesOptions): Promise<Message[]>
  /** The last messages and the conversation, as of one moment: one round trip to the cache, or one to the database. */
  history(id: string, options?: HistoryOptions): Promise<History>
  /** @throws NOT_FOUND if no message has this `seq` */
  message(id: string, seq: number): Promise<Message>
  /** Replaces the parts; the former ones are gone. Branches that share the message see the change.
   *  @throws NOT_FOUND; FAILED_PRECONDITION MESSAGE_REDACTED, or MESSAGE_SHARED if it belongs to the past that a fork shares */
  edit(id: string, seq: number, parts: readonly Part[]): Promise<Message>
  /** Erases the content for good, also from the reply's stream; the place stays. Redacting twice changes nothing.
   *  @throws NOT_FOUND; FAILED_PRECONDITION MESSAGE_SHARED, which names the conversation that owns it */
  redact(id: string, seq: number): Promise<Message>
  /** A new conversation with the same owner and metadata, a copy of the current state, and the shared past up to `atSeq`;
   *  nothing of the past is copied. @throws OUT_OF_RANGE if `atSeq` is beyond the last message; ALREADY_EXISTS as `create` */
  fork(id: string, options?: ForkOptions): Promise<Conversation>

  /** Of the application or of a user: empty, at version 0, until the first change. */
  state(of: StateTarget): Promise<StateDocument>
  /** RFC 7396: members are set, null removes, objects are merged, anything else replaces. Concurrent patches all take effect.
   *  @throws ABORTED if `ifVersion` does not hold; RESOURCE_EXHAUSTED if the state outgrows `limits.stateBytes` */
  patchState(of: StateTarget, patch: JsonObject, options?: IfVersion): Promise<StateDocument>
  replaceState(of: StateTarget, state: JsonObject, options?: IfVersion): Promise<StateDocument>

  /** Deletes it as `delete` does, and the bytes of blobs that nothing else needs, and says how much that was; all zero: it was deleted before.
   *  A past that branches share stays for as long as they do. */
  erase(id: string): Promise<ErasureReport>
  /** Everything of a user: conversations with all that belongs to them, and the user's state. From its first moment on and for `refuseMs`
   *  (default a day) nothing new is stored for the id: FAILED_PRECONDITION USER_ERASED. May be repeated, and goes on where it was cut off. */
  eraseUser(userId: string, options?: { readonly refuseMs?: number }): Promise<ErasureReport>
  /** Lines of JSON, each with its line feed: the conversation, its state, its messages. */
  export(id: string): AsyncIterable<string>
  /** The same of all conversations of a user, after the user's state. */
  exportUser(userId: string): AsyncIterable<string>

  /** What has happened since the cursor, then live; ends after `deleted`, or when the signal aborts. A message that was edited
   *  before it is first read comes as it stands, followed by its `edited` event. */
  subscribe(id: string, options?: SubscribeOptions): AsyncIterable<ConversationEvent>
  /** The user's messages by relevance: by their words (BM25), and with `search.embedder` by what they mean as well. Looks at the newest
   *  `search.messagesPerUser` messages. */
  search(userId: string, query: string, options?: SearchOptions): Promise<readonly SearchHit[]>
  /** The same, and how it was searched. */
  searchReport(userId: string, query: string, options?: SearchOptions): Promise<SearchReport>

  /** One turn at a time. An abandoned one is ended as `interrupted` first.
   *  @throws FAILED_PRECONDITION TURN_IN_PROGRESS if another reply is being made (`metadata.replyId`); NOT_FOUND and
   *  FAILED_PRECONDITION NOT_A_USER_MESSAGE about `replyTo`; ALREADY_EXISTS as `append` */
  beginTurn(id: string, begin: BeginTurn): Promise<BegunTurn>
  /** The reply after a position: what is durable, then live, from whichever process makes it, then its end. Any process yields
   *  the same text. @throws NOT_FOUND; OUT_OF_RANGE if `after` is beyond the reply */
  followReply(replyId: string, options?: FollowOptions): AsyncIterable<ReplyEvent>
  replyState(replyId: string): Promise<ReplyState>
  /** Asks whoever makes the reply to stop, and waits at most `waitMs` (default 1,000) for its end. A reply that has ended stays as it is. */
  cancelReply(replyId: string, options?: { readonly waitMs?: number }): Promise<ReplyState>

  /** Ends the abandoned turns of dead processes as `interrupted`. @returns how many */
  recover(): Promise<number>
  /** Deletes the streams of replies that began longer than `replyRetentionMs` ago and have ended, at most 2,000 in one call; their
   *  messages stay, and `followReply` answers from them. @returns how many */
  sweep(): Promise<number>
  /** Deletes the messages that no retention keeps; runs by itself every ten minutes. @returns how many */
  applyRetention(): Promise<number>
  /** Whether there is a cache that cannot be reached now: the database answers meanwhile. */
  isCacheAway(): boolean
  /** Writes what was put off (activity times), stops what runs in the background. Turns that are still open lose their renewal. Idempotent. */
  close(): Promise<void>
}

export interface ConversationLimits {
  /** Of one text and of one reply, in bytes of UTF-8. Default 1 MiB. */
  readonly textBytes?: number
  /** Of one conversation's state as JSON, in bytes of UTF-8. Default 1 MiB. */
  readonly stateBytes?: number
}

/** Of several processes on one database, one indexes at a time. */
export interface IndexingOptions {
  /** How long after the store was opened it begins, in milliseconds; default 5,000. */
  readonly startAfterMs?: number
  /** How often what others said is looked for, in milliseconds; default 2,000. */
  readonly pollMs?: number
  /** The part of the time in which the model may work in the background, above 0 to 1; default 0.5. */
  readonly duty?: number
  /** How long vectors of another model stay after it was last used, in milliseconds; default 86,400,000 (a day). */
  readonly retireAfterMs?: number
  /** How soon another process takes over when the one that indexes is dead, in milliseconds; default 30,000. */
  readonly leaseMs?: number
}

export interface ConversationStoreOptions {
  /** Whose conversations; default: the store's own tenant. */
  readonly tenantId?: string
  readonly limits?: ConversationLimits
  /** Of conversations that have none of their own; default: all messages are kept. */
  readonly retention?: Retention
  /** Default: none. The database is written first and decides; a cache that is away is no failure. */
  readonly cache?: ConversationCache
  /** How long the stream of a reply that has ended is kept, in milliseconds from its beginning; default 86,400,000 (a day). */
  readonly replyRetentionMs?: number
  /** How often `recover` and `sweep` run by themselves, in milliseconds; default 30,000; 0: never. The first run is at once. */
  readonly maintenanceIntervalMs?: number
  /** How often the flags of running replies are looked at for a cancel from another process, in milliseconds; default 400. */
  readonly cancelPollMs?: number
  readonly search?: {
    /** Indexes held in memory; default 100. */
    readonly users?: number
    /** Default 20,000. */
    readonly messagesPerUser?: number
    /** Finds messages by what they mean. Default: by their words only. The store does not close it. */
    readonly embedder?: Embedder
    /** How long a search waits for the model before it compares words only, in milliseconds; default 2,000. */
    readonly embedWaitMs?: number
    /** Of what is said, in the background; false: this process leaves it to others. */
    readonly indexing?: false | IndexingOptions
  }
  /** Called when work in the background failed; it is tried again. */
  readonly onBackgroundError?: (doing: string, error: unknown) => void
  /** Names this process in leases; default: random, the same for the whole process. On a store with a single owner
   *  (embedded, memory) turns of other names are known to be dead. */
  readonly processId?: string
}
