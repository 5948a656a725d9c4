import { HoldfastError } from '@holdfast/errors'
import { type Clients, type ClientsOptions, createClients } from '@holdfast/grpc-clients'
import type { ChatEvent, ChatModel, ChatRequest, FinishEvent } from '@holdfast/models'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import { type DeepPartial, Part, type StreamChatResponse } from '@holdfast/protocol'
import { type GrpcServer, createLogger, startGrpcServer } from '@holdfast/server'
import { type ConversationStore, type ConversationStoreOptions, openConversationStore } from '@holdfast/session'
import { cacheForTests } from './cache-for-tests.js'
import { type ChatService, type ChatServiceOptions, createChatService } from './chat-service.js'

/** A model whose every word the test decides: each question waits in `asked` until the test answers it. */
export class PuppetModel implements ChatModel {
  readonly name = 'puppet'
  readonly kind: ChatModel['kind']
  readonly #questions: Question[] = []
  #wake: (() => void) | undefined

  constructor(kind: ChatModel['kind'] = 'language-model') {
    this.kind = kind
  }

  /** The next question that was not taken yet. */
  async asked(): Promise<Question> {
    for (;;) {
      const question = this.#questions.shift()
      if (question !== undefined) return question
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async check(): Promise<{ ok: true; detail: string; latencyMs: number }> {
    return { ok: true, detail: 'A test holds the strings', latencyMs: 0 }
  }

  stream(request: ChatRequest, { signal }: { signal?: AbortSignal } = {}): AsyncIterable<ChatEvent> {
    const question = new Question(request, signal)
    this.#questions.push(question)
    this.#wake?.()
    return question
  }
}

export class Question implements AsyncIterable<ChatEvent> {
  readonly request: ChatRequest
  readonly signal: AbortSignal | undefined
  readonly #events: (ChatEvent | Error)[] = []
  #wake: (() => void) | undefined

  constructor(request: ChatRequest, signal: AbortSignal | undefined) {
    this.request = request
    this.signal = signal
    signal?.addEventListener('abort', () => this.#put(new HoldfastError('CANCELLED', 'The question was withdrawn')))
  }

  say(...texts: readonly string[]): void {
    for (const text of texts) this.#put({ type: 'text', text })
  }

  emit(event: ChatEvent): void {
    this.#put(event)
  }

  finish(finish: Partial<FinishEvent> = {}): void {
    this.#put({ type: 'finish', reason: 'stop', model: 'puppet', ...finish })
  }

  fail(error: Error): void {
    this.#put(error)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ChatEvent> {
    for (;;) {
      const event = this.#events.shift()
      if (event instanceof Error) throw event
      if (event === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      } else yield event
    }
  }

  #put(event: ChatEvent | Error): void {
    this.#events.push(event)
    this.#wake?.()
  }
}

export interface ChatForTests extends AsyncDisposable {
  readonly clients: Clients
  readonly address: string
  readonly model: PuppetModel
  readonly server: GrpcServer
  readonly chat: ChatService
  readonly conversations: ConversationStore
  readonly store: DocumentStore
}

export interface ChatForTestsOptions {
  /** Default `memory:`. */
  readonly database?: string
  readonly model?: PuppetModel
  readonly conversations?: ConversationStoreOptions
  readonly chat?: Partial<ChatServiceOptions>
  readonly clients?: Partial<ClientsOptions>
}

/** The service as it runs, on a free port, with a client. */
export async function startChat(options: ChatForTestsOptions = {}): Promise<ChatForTests> {
  const model = options.model ?? new PuppetModel()
  const store = await openDocumentStore(options.database ?? 'memory:')
  const conversations = await openConversationStore(store, { ...cacheForTests(), ...options.conversations })
  const chat = createChatService({ conversations, model, blobs: store.blobs, ...options.chat })
  const logger = createLogger({ level: 'fatal' })
  const server = await startGrpcServer({
    services: [chat.service],
    listen: '127.0.0.1:0',
    auth: 'none',
    logger,
    drainMs: 1_000,
  })
  const { address } = server
  const clients = createClients({ address, ...options.clients })
  return {
    clients,
    address,
    model,
    server,
    chat,
    conversations,
    store,
    async [Symbol.asyncDispose]() {
      clients.close()
      await Promise.all([server.stop(), chat.drain(0)])
      await conversations.close()
      await store.close()
    },
  }
}

export function textPart(value: string): Part {
  return { content: { $case: 'text', value } }
}

export function textIn(message: { readonly parts: readonly DeepPartial<Part>[] } | undefined): string {
  return (message?.parts ?? []).map(({ content }) => (content?.$case === 'text' ? (content.value ?? '') : '')).join('')
}

type Finished = Extract<StreamChatResponse['event'], { $case: 'finished' }>['value']

export interface ReadReply {
  readonly replyId: string
  readonly text: string
  readonly finished: Finished | undefined
  readonly cursors: readonly number[]
}

/** Reads a reply to its end. */
export async function readReply(
  stream: AsyncIterable<{ readonly event: StreamChatResponse['event'] }>,
): Promise<ReadReply> {
  let replyId = ''
  let text = ''
  let finished: Finished | undefined
  const cursors: number[] = []
  for await (const { event } of stream) {
    if (event?.$case === 'started') ({ replyId } = event.value)
    if (event?.$case === 'delta') {
      text += event.value.text
      cursors.push(event.value.cursor)
    }
    if (event?.$case === 'finished') finished = event.value
  }
  return { replyId, text, finished, cursors }
}
