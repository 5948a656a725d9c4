import { randomUUID } from 'node:crypto'
import { invalidField } from '@holdfast/errors'
import type { DocumentStore } from '@holdfast/persistence'
import { ActivityTimes } from './activity.js'
import type { StoreContext } from './context.js'
import type {
  Conversation,
  ConversationEvent,
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
import { Conversations } from './conversations.js'
import { finishDeletions } from './deletion.js'
import { eraseConversation, eraseUser, finishErasures } from './erasure.js'
import { exportConversation, exportUser } from './export.js'
import { checkConversationId, checkUserId } from './ids.js'
import { applyRetention, checkRetention } from './retention.js'
import { conversationDeleted } from './failures.js'
import type { JsonObject, Message, NewMessage, Part } from './message.js'
import { openHistories } from './history/open-histories.js'
import { readHistory } from './history/read-history.js'
import { Messages } from './messages.js'
import { Replies } from './replies.js'
import { Search } from './search.js'
import { openIndexing } from './semantic/open-indexing.js'
import type { Indexer } from './semantic/indexer.js'
import { Meaning } from './semantic/meaning.js'
import { checkEmbedder } from './semantic/embedder.js'
import { prepareShapes, shapesOf } from './shapes.js'
import { States } from './states.js'
import { subscribe } from './subscription.js'
import type { BeginTurn, BegunTurn, ReplyEvent, ReplyState } from './turn.js'
import { Turns } from './turns.js'
import { checkInteger } from './validation.js'

const mebibyte = 1024 * 1024
const dayMs = 86_400_000
const retentionIntervalMs = 600_000
const forever = Number.MAX_SAFE_INTEGER
const thisProcess = randomUUID()

/** Opens the conversations that a document store keeps. Closing them leaves the document store open.
 *  @throws UNAVAILABLE if the database is away */
export async function openConversationStore(
  store: DocumentStore,
  options: ConversationStoreOptions = {},
): Promise<ConversationStore> {
  const { limits = {}, search = {} } = options
  const scope = options.tenantId === undefined ? store : store.tenant(options.tenantId)
  const shapes = shapesOf(scope)
  const context = {
    store: scope,
    shapes,
    now: async () => (await store.now()).getTime(),
    processId: options.processId ?? thisProcess,
    singleOwner: store.kind !== 'postgres',
    textBytes: checkInteger(limits.textBytes ?? mebibyte, 'limits.textBytes', 1, 8 * mebibyte),
    stateBytes: checkInteger(limits.stateBytes ?? mebibyte, 'limits.stateBytes', 2, 8 * mebibyte),
    reportFailure: (doing: string, error: unknown) => options.onBackgroundError?.(doing, error),
  }
  const settings = {
    retentionMs: checkInteger(options.replyRetentionMs ?? dayMs, 'replyRetentionMs', 0, forever),
    maintenanceMs: checkInteger(options.maintenanceIntervalMs ?? 30_000, 'maintenanceIntervalMs', 0, dayMs),
    cancelPollMs: checkInteger(options.cancelPollMs ?? 400, 'cancelPollMs', 1, dayMs),
    users: checkInteger(search.users ?? 100, 'search.users', 1, forever),
    retention: options.retention === undefined ? undefined : checkRetention(options.retention, 'retention'),
    messagesPerUser: checkInteger(search.messagesPerUser ?? 20_000, 'search.messagesPerUser', 1, forever),
  }
  await prepareShapes(shapes)
  const histories = await openHistories(store, { store: scope, shapes }, options.cache)
  const { embedder, embedWaitMs = 2000, indexing } = search
  if (embedder === undefined) return new StoredConversations({ ...context, histories, changed: () => {} }, settings)
  checkEmbedder(embedder, 'search.embedder')
  checkInteger(embedWaitMs, 'search.embedWaitMs', 0, dayMs)
  let indexer: Indexer | undefined
  const whole = { ...context, histories, changed: (id: string) => indexer?.hint(id) }
  indexer = indexing === false ? undefined : openIndexing(whole, embedder, indexing)
  return new StoredConversations(whole, settings, new Meaning(whole, embedder, embedWaitMs), indexer)
}

interface Settings {
  readonly retentionMs: number
  readonly maintenanceMs: number
  readonly cancelPollMs: number
  readonly users: number
  readonly messagesPerUser: number
  readonly retention: Retention | undefined
}

class StoredConversations implements ConversationStore {
  readonly #context: StoreContext
  readonly #activity: ActivityTimes
  readonly #conversations: Conversations
  readonly #messages: Messages
  readonly #states: States
  readonly #turns: Turns
  readonly #replies: Replies
  readonly #search: Search
  readonly #indexer: Indexer | undefined
  readonly #maintenanceMs: number
  readonly #retention: Retention | undefined
  #retainedAt = -Infinity
  #timer: NodeJS.Timeout | undefined
  #maintaining: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined

  constructor(context: StoreContext, settings: Settings, meaning?: Meaning, indexer?: Indexer) {
    this.#context = context
    this.#activity = new ActivityTimes(context)
    this.#conversations = new Conversations(context, this.#activity)
    this.#messages = new Messages(context, this.#activity)
    this.#states = new States(context)
    this.#turns = new Turns(context, this.#messages, settings.cancelPollMs, (id) => this.#states.temporary.forget(id))
    this.#replies = new Replies(context, this.#turns, settings.retentionMs)
    this.#search = new Search(context, this.#activity, settings, meaning)
    this.#indexer = indexer
    this.#maintenanceMs = settings.maintenanceMs
    this.#retention = settings.retention
    if (settings.maintenanceMs > 0) this.#maintain()
  }

  create(conversation: NewConversation = {}): Promise<Conversation> {
    return this.#conversations.create(conversation)
  }

  get(id: string): Promise<Conversation> {
    return this.#conversations.get(id)
  }

  list(options: ListOptions = {}): Promise<ConversationPage> {
    return this.#conversations.list(options)
  }

  update(id: string, patch: ConversationPatch, options: IfVersion = {}): Promise<Conversation> {
    return this.#conversations.update(id, patch, options)
  }

  async delete(id: string, options: IfVersion = {}): Promise<boolean> {
    const deleted = await this.#conversations.delete(id, options)
    this.#states.temporary.forget(id)
    if (deleted?.replyId !== undefined) this.#turns.running(deleted.replyId)?.lose(conversationDeleted(id))
    return deleted?.first === true
  }

  append(id: string, messages: readonly NewMessage[]): Promise<Message[]> {
    return this.#messages.append(id, messages)
  }

  messages(id: string, options: MessagesOptions = {}): Promise<Message[]> {
    return this.#messages.read(id, options)
  }

  history(id: string, options: HistoryOptions = {}): Promise<History> {
    return readHistory(this.#context, id, options)
  }

  message(id: string, seq: number): Promise<Message> {
    return this.#messages.get(id, seq)
  }

  edit(id: string, seq: number, parts: readonly Part[]): Promise<Message> {
    return this.#messages.edit(id, seq, parts)
  }

  redact(id: string, seq: number): Promise<Message> {
    return this.#messages.redact(id, seq)
  }

  fork(id: string, options: ForkOptions = {}): Promise<Conversation> {
    return this.#conversations.fork(id, options)
  }

  state(of: StateTarget): Promise<StateDocument> {
    return this.#states.get(of)
  }

  patchState(of: StateTarget, patch: JsonObject, options: IfVersion = {}): Promise<StateDocument> {
    return this.#states.patch(of, patch, options)
  }

  replaceState(of: StateTarget, state: JsonObject, options: IfVersion = {}): Promise<StateDocument> {
    return this.#states.replace(of, state, options)
  }

  async erase(id: string): Promise<ErasureReport> {
    const report = await eraseConversation(this.#context, checkConversationId(id, 'id'))
    this.#states.temporary.forget(id)
    return report
  }

  async eraseUser(userId: string, { refuseMs = dayMs }: { readonly refuseMs?: number } = {}): Promise<ErasureReport> {
    if (userId === '') throw invalidField('userId', 'must not be empty: it would be what belongs to nobody')
    checkUserId(userId, 'userId')
    return eraseUser(this.#context, userId, checkInteger(refuseMs, 'refuseMs', 1, forever))
  }

  export(id: string): AsyncIterable<string> {
    return exportConversation(this.#context, checkConversationId(id, 'id'))
  }

  exportUser(userId: string): AsyncIterable<string> {
    return exportUser(this.#context, checkUserId(userId, 'userId'))
  }

  subscribe(id: string, options: SubscribeOptions = {}): AsyncIterable<ConversationEvent> {
    return subscribe(this.#context, id, options)
  }

  async search(userId: string, query: string, options: SearchOptions = {}): Promise<readonly SearchHit[]> {
    return (await this.#search.search(userId, query, options)).hits
  }

  searchReport(userId: string, query: string, options: SearchOptions = {}): Promise<SearchReport> {
    return this.#search.search(userId, query, options)
  }

  beginTurn(id: string, begin: BeginTurn): Promise<BegunTurn> {
    return this.#turns.begin(id, begin)
  }

  followReply(replyId: string, options: FollowOptions = {}): AsyncIterable<ReplyEvent> {
    return this.#replies.follow(replyId, options)
  }

  replyState(replyId: string): Promise<ReplyState> {
    return this.#replies.state(replyId)
  }

  cancelReply(replyId: string, { waitMs = 1000 }: { readonly waitMs?: number } = {}): Promise<ReplyState> {
    return this.#replies.cancel(replyId, waitMs)
  }

  recover(): Promise<number> {
    return this.#turns.recover()
  }

  sweep(): Promise<number> {
    return this.#replies.sweep()
  }

  applyRetention(): Promise<number> {
    return applyRetention(this.#context, this.#retention)
  }

  isCacheAway(): boolean {
    return this.#context.histories.isAway()
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      clearTimeout(this.#timer)
      this.#turns.close()
      await this.#indexer?.close()
      await this.#maintaining
      try {
        await this.#activity.close()
      } finally {
        await this.#context.histories.close()
      }
    })()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #maintain(): void {
    this.#maintaining = (async () => {
      try {
        await this.recover()
        await finishDeletions(this.#context)
        await finishErasures(this.#context)
        if (performance.now() > this.#retainedAt + retentionIntervalMs) {
          this.#retainedAt = performance.now()
          await this.applyRetention()
        }
        await this.sweep()
      } catch (error) {
        this.#context.reportFailure('Ending abandoned turns and deleting old reply streams', error)
      }
    })()
    void this.#maintaining.then(() => {
      if (this.#closing !== undefined) return
      this.#timer = setTimeout(() => this.#maintain(), this.#maintenanceMs)
      this.#timer.unref()
    })
  }
}
