import { HoldfastError, invalidField } from '@holdfast/errors'
import type { ChatModel, ChatRequest } from '@holdfast/models'
import type {
  ConversationEvent,
  ConversationStore,
  Message,
  NewMessage,
  Part,
  ReplyEvent,
  ReplyState,
  Turn,
} from '@holdfast/session'
import { type AttachmentOptions, Attachments } from './attachments/attachments.js'
import type { SpokenReply } from './attachments/media-services.js'
import { type EngineLogger, type ReplyHooks, silentLogger } from './hooks.js'
import { type MessagePage, type MessagePageRequest, readPage } from './message-pages.js'
import { type PromptSource, buildPrompt } from './prompt.js'
import { type DrainReport, ReplyProducer } from './reply-producer.js'

export interface ChatEngineOptions {
  readonly conversations: ConversationStore
  /** What answers. */
  readonly model: ChatModel
  /** Where images for the model are read from; default: it is told their names only. */
  readonly blobs?: PromptSource['blobs']
  /** What reads pictures and recordings and speaks replies; default: nothing does. */
  readonly attachments?: AttachmentOptions
  /** What the model reads first, unless the request brings another; default: nothing. */
  readonly systemPrompt?: string
  readonly prompt?: PromptSource['limits']
  /** Of a turn, in milliseconds: a reply whose process died can be ended by others after this time. Default 15,000. */
  readonly leaseMs?: number
  /** About how large a page of messages may be; default 3 MiB, since gRPC clients take 4 MiB by default. */
  readonly pageBytes?: number
  readonly logger?: EngineLogger
  readonly hooks?: ReplyHooks
}

export interface ModelOptions {
  /** Default: the server's. */
  readonly model?: string
  readonly temperature?: number
  readonly maxOutputTokens?: number
  readonly systemPrompt?: string
}

/** Either new parts or a stored message of the user is answered. */
export interface AskForReply {
  readonly conversationId: string
  /** Idempotency key; a repeated call finds the same reply. */
  readonly key?: string
  readonly parts?: readonly Part[]
  readonly regenerateFromSeq?: number
  /** While another reply is being made; as in `beginTurn`. */
  readonly policy?: 'reject' | 'queue' | 'interrupt'
  readonly waitMs?: number
  readonly options?: ModelOptions
  /** Has the reply spoken: its message then carries the sound. */
  readonly spoken?: SpokenReply
}

export type ReplyStreamEvent =
  | { readonly kind: 'started'; readonly replyId: string; readonly message: Message }
  | ReplyEvent

const maxSystemPromptBytes = 1024 * 1024

/** A chat with stored conversations. Knows nothing of how it is called: `server.ts` serves it over gRPC. What has no method here is done by
 *  `conversations` alone. Errors name fields as the arguments do. */
export class ChatEngine {
  readonly conversations: ConversationStore
  readonly model: ChatModel
  readonly #options: ChatEngineOptions
  readonly #producer: ReplyProducer
  readonly #attachments: Attachments | undefined
  #draining = false

  constructor(options: ChatEngineOptions) {
    const { conversations, model, logger = silentLogger, hooks } = options
    this.conversations = conversations
    this.model = model
    this.#options = options
    this.#producer = new ReplyProducer({ conversations, model, logger, hooks })
    const { attachments } = options
    this.#attachments = attachments === undefined ? undefined : new Attachments(attachments, conversations, logger)
  }

  /** Replies that this process is making. */
  get activeReplies(): number {
    return this.#producer.active
  }

  /** Answers when the message is durable. */
  async sendMessage(conversationId: string, message: NewMessage): Promise<Message> {
    const [stored] = await this.conversations.append(conversationId, [message])
    if (stored === undefined) throw new HoldfastError('INTERNAL', `Conversation ${conversationId} returned no message`)
    return stored
  }

  messages(request: MessagePageRequest): Promise<MessagePage> {
    return readPage(this.conversations, request, this.#options.pageBytes ?? 3 * 1024 * 1024)
  }

  /** Begins a reply, or finds the one that the same call began before, and yields it. The reply goes on when `signal` aborts or the
   *  iterator is left: only `cancelReply` stops it. @throws FAILED_PRECONDITION TURN_IN_PROGRESS */
  async *streamChat(ask: AskForReply, signal?: AbortSignal): AsyncGenerator<ReplyStreamEvent, void, undefined> {
    if (this.#draining) {
      throw new HoldfastError('UNAVAILABLE', 'This server is stopping: ask again, elsewhere or in a moment', {
        reason: 'DRAINING',
        retryAfterMs: 500,
      })
    }
    const options = this.#checkOptions(ask.options ?? {})
    this.#checkSpoken(ask.spoken)
    const begun = await this.#producer.beginning(async () => {
      const turn = await this.conversations.beginTurn(ask.conversationId, {
        ...this.#answered(ask),
        model: options.model ?? this.model.name,
        ...(ask.policy === undefined ? {} : { policy: ask.policy }),
        ...(ask.waitMs === undefined ? {} : { waitMs: ask.waitMs }),
        ...(signal === undefined ? {} : { signal }),
        ...(this.#options.leaseMs === undefined ? {} : { leaseMs: this.#options.leaseMs }),
      })
      if (turn.started) this.#make(turn.turn, options, ask.spoken)
      return turn
    })
    const message = begun.messages.at(-1)
    if (message === undefined) throw new HoldfastError('INTERNAL', `Reply ${begun.replyId} answers no message`)
    yield { kind: 'started', replyId: begun.replyId, message }
    yield* this.followReply(begun.replyId, 0, signal)
  }

  /** The reply after a cursor: what is durable, then live, then its end, whichever process makes it. */
  followReply(replyId: string, after: number, signal?: AbortSignal): AsyncIterable<ReplyEvent> {
    return this.conversations.followReply(replyId, signal === undefined ? { after } : { after, signal })
  }

  /** Whether the reply is being made by this process. */
  makes(replyId: string): boolean {
    return this.#producer.makes(replyId)
  }

  cancelReply(replyId: string): Promise<ReplyState> {
    return this.conversations.cancelReply(replyId)
  }

  subscribe(
    conversationId: string,
    cursor: string | undefined,
    signal?: AbortSignal,
  ): AsyncIterable<ConversationEvent> {
    return this.conversations.subscribe(conversationId, {
      ...(cursor === undefined ? {} : { cursor }),
      ...(signal === undefined ? {} : { signal }),
    })
  }

  /** Begins no more replies, waits `waitMs` for those that run, then ends them as `interrupted` with what they have. */
  drain(waitMs: number): Promise<DrainReport> {
    this.#draining = true
    return this.#producer.drain(waitMs)
  }

  #make(turn: Turn, options: ModelOptions, spoken: SpokenReply | undefined): void {
    const attachments = this.#attachments
    const prompt = async (signal: AbortSignal): Promise<ChatRequest> => {
      // Recall sees nothing, and no chat model hears.
      const sees = this.model.kind !== 'recall' && this.#options.blobs !== undefined
      await attachments?.read(turn, sees, signal)
      return this.#request(turn, options)
    }
    const isSpoken = attachments !== undefined && spoken !== undefined
    this.#producer.start(
      turn,
      prompt,
      isSpoken ? (text, signal) => attachments.speak(text, spoken, turn, signal) : undefined,
    )
  }

  #answered({ key, parts = [], regenerateFromSeq }: AskForReply) {
    const keyed = key === undefined ? {} : { key }
    if (regenerateFromSeq === undefined) return { messages: [{ ...keyed, role: 'user', parts }] } as const
    if (parts.length > 0) throw invalidField('parts', 'must be empty with regenerateFromSeq')
    return { replyTo: regenerateFromSeq, ...keyed } as const
  }

  #checkOptions(options: ModelOptions): ModelOptions {
    const { model, temperature, maxOutputTokens, systemPrompt } = options
    if (model !== undefined && model !== this.model.name && this.model.kind === 'recall') {
      throw new HoldfastError('NOT_FOUND', `There is no model ${model}: this server has no language model`, {
        reason: 'MODEL_NOT_FOUND',
        fields: [{ field: 'options.model', description: 'names a model that this server does not have' }],
      })
    }
    if (temperature !== undefined && !(temperature >= 0 && temperature <= 2)) {
      throw invalidField('options.temperature', 'must be a number from 0 to 2')
    }
    if (maxOutputTokens !== undefined && !(Number.isSafeInteger(maxOutputTokens) && maxOutputTokens >= 1)) {
      throw invalidField('options.maxOutputTokens', 'must be an integer from 1')
    }
    if (systemPrompt !== undefined && Buffer.byteLength(systemPrompt) > maxSystemPromptBytes) {
      throw invalidField('options.systemPrompt', `must be at most ${maxSystemPromptBytes} bytes of UTF-8`)
    }
    return options
  }

  #checkSpoken(spoken: SpokenReply | undefined): void {
    if (spoken === undefined) return
    if (this.#attachments === undefined) {
      throw new HoldfastError('FAILED_PRECONDITION', 'This server speaks no replies: ask without spoken', {
        reason: 'NO_SPEECH_SERVICE',
      })
    }
    const { speed } = spoken
    if (speed !== undefined && !(speed >= 0.5 && speed <= 2)) {
      throw invalidField('spoken.speed', 'must be a number from 0.5 to 2')
    }
  }

  async #request({ conversationId, replyTo }: Turn, options: ModelOptions): Promise<ChatRequest> {
    const { blobs, prompt: limits } = this.#options
    const { model, temperature, maxOutputTokens, systemPrompt = this.#options.systemPrompt } = options
    const source = {
      conversations: this.conversations,
      ...(blobs === undefined ? {} : { blobs }),
      ...(limits === undefined ? {} : { limits }),
    }
    const reply = { conversationId, replyTo, ...(systemPrompt === undefined ? {} : { systemPrompt }) }
    const [prompt, user] = await Promise.all([buildPrompt(source, reply), this.#user(conversationId)])
    return {
      ...prompt,
      ...user,
      conversationId,
      ...(model === undefined ? {} : { model }),
      ...(temperature === undefined ? {} : { temperature }),
      ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
    }
  }

  /** Recall quotes the user's own words. A language model is not told who it is. */
  async #user(conversationId: string): Promise<{ readonly userId?: string }> {
    if (this.model.kind !== 'recall') return {}
    const { userId } = await this.conversations.get(conversationId)
    return { userId }
  }
}
