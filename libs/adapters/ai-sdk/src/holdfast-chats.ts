import { randomUUID } from 'node:crypto'
import type { UIMessage, UIMessageChunk } from 'ai'
import { invalidField } from '@holdfast/errors'
import type { TenantStore } from '@holdfast/persistence'
import { checkChatId, checkMessageId } from './message-json.js'
import { type RecordedReply, Recording } from './recording.js'
import { StoredMessages } from './stored-messages.js'
import { type FoundReply, type LastReply, StoredReplies } from './stored-replies.js'

export interface HoldfastChatsOptions {
  /** Where chats are durable, from `openDocumentStore`, or a tenant of it; it is not closed with this. */
  readonly store: TenantStore
  /** Of the names of the collections and the log; default `ai-`. */
  readonly prefix?: string
  /** How long a reply counts as alive without a sign of its process, in milliseconds; default 15,000, at least 100. A reply also outlasts an
   *  outage of the database that is shorter. */
  readonly leaseMs?: number
}

export interface LoadOptions {
  /** The newest so many; default: all. */
  readonly limit?: number
  /** Only messages before the one with this id. */
  readonly before?: string
  /** With what is durable of a reply that is still running; default false, because `resume` gives a client all of it again. */
  readonly running?: boolean
}

export interface RecordOptions {
  /** Makes the id of a message whose stream names none; default: a UUID. */
  readonly generateMessageId?: () => string
  /** Called when the reply has ended and its message is stored. */
  readonly onEnd?: (reply: RecordedReply) => void
  /** Called when the reply was lost to a newer one, its chat was deleted or the database stayed away. The stream says so too. */
  readonly onError?: (error: unknown) => void
}

/** The chats of an application that uses the AI SDK: its `UIMessage`s, and the replies that are streamed into them. Every method:
 *  INVALID_ARGUMENT naming the field; UNAVAILABLE when the database is away; FAILED_PRECONDITION for a write to a deleted chat. */
export class HoldfastChats<Message extends UIMessage = UIMessage> {
  readonly #store: TenantStore
  readonly #messages: StoredMessages
  readonly #replies: StoredReplies

  /** @throws INVALID_ARGUMENT naming the option at fault */
  constructor({ store, prefix = 'ai-', leaseMs = 15_000 }: HoldfastChatsOptions) {
    if (!Number.isSafeInteger(leaseMs) || leaseMs < 100) throw invalidField('leaseMs', 'must be an integer from 100')
    this.#store = store
    this.#messages = new StoredMessages(store, prefix)
    this.#replies = new StoredReplies(store, this.#messages, prefix, leaseMs)
  }

  /** Oldest first; a chat that nobody wrote to is empty. A reply whose process died is in it with what was durable. */
  async load(chatId: string, { limit, before, running = false }: LoadOptions = {}): Promise<Message[]> {
    checkChatId(chatId)
    if (limit !== undefined && !(Number.isSafeInteger(limit) && limit > 0)) {
      throw invalidField('limit', 'must be a positive integer')
    }
    const last = await this.#settled(chatId)
    const messages = await this.#messages.load<Message>(chatId, limit, before)
    if (!running || before !== undefined || last?.begun === undefined) return messages
    const partial = (await this.#replies.partial(chatId, last.begun)) as Message | undefined
    if (partial === undefined) return messages
    const place = messages.findIndex(({ id }) => id === partial.id)
    const all = place < 0 ? [...messages, partial] : messages.with(place, partial)
    return limit === undefined ? all : all.slice(-limit)
  }

  /** Adds messages at the end; those whose id is there already are replaced where they stand. Repeating it changes nothing. */
  async append(chatId: string, messages: readonly Message[]): Promise<void> {
    await this.#messages.append(checkChatId(chatId), messages)
  }

  /** Makes the chat these messages and no others, in one commit, and writes only what differs. Reads the whole chat, and knows nothing of
   *  what others have added: with `record`, `append` is enough. */
  async save(chatId: string, messages: readonly Message[]): Promise<void> {
    await this.#messages.save(checkChatId(chatId), messages)
  }

  /** Removes a message and all behind it, to make it anew. Ends a reply that is running. @returns how many there were; 0: it is not there */
  async truncate(chatId: string, messageId: string): Promise<number> {
    checkMessageId(messageId, 'messageId')
    const last = await this.#settled(checkChatId(chatId))
    if (last?.begun !== undefined) await this.#replies.interrupt(chatId, last.begun)
    return this.#messages.truncate(chatId, messageId)
  }

  /** For good: its id stays taken, and nothing that comes late brings it back. @returns whether there was one */
  async delete(chatId: string): Promise<boolean> {
    checkChatId(chatId)
    return this.#store.transaction(
      async (tx) => {
        const was = await this.#messages.remove(tx, chatId)
        if (was) await this.#replies.remove(tx, chatId)
        return was
      },
      { key: randomUUID(), maxAttempts: 50 },
    )
  }

  /** Stores a reply while it is streamed, and gives it on: each chunk when it is durable. It goes on whether somebody reads what it returns or
   *  not. One reply at a time: one that is running in this chat is ended as interrupted. When the returned stream ends, the message is stored.
   *  @param stream of `toUIMessageStream` or `createUIMessageStream` */
  record<Chunk extends UIMessageChunk>(
    chatId: string,
    stream: ReadableStream<Chunk>,
    { generateMessageId = randomUUID, onEnd, onError }: RecordOptions = {},
  ): ReadableStream<Chunk> {
    const recording = new Recording(this.#replies, checkChatId(chatId), generateMessageId)
    let reader: ReadableStreamDefaultController<Chunk> | undefined
    return new ReadableStream<Chunk>({
      start: (controller) => {
        reader = controller
        const emit = (chunks: readonly UIMessageChunk[]): void => {
          for (const chunk of chunks) reader?.enqueue(chunk as Chunk)
        }
        recording.run(stream, emit).then(
          (reply) => {
            reader?.close()
            onEnd?.(reply)
          },
          (error: unknown) => {
            reader?.error(error)
            onError?.(error)
          },
        )
      },
      cancel: () => {
        reader = undefined
      },
    })
  }

  /** The reply that is running, from its first chunk, in any process; ends with it. `undefined`: none is (HTTP 204). If its process dies, the last
   *  chunk is an `error`.
   *  @param options.after id of the last message that the client has: a reply that came behind it and has ended meanwhile is given as well */
  async resume(
    chatId: string,
    { after }: { readonly after?: string } = {},
  ): Promise<ReadableStream<UIMessageChunk> | undefined> {
    const last = await this.#settled(checkChatId(chatId))
    if (last === undefined) return undefined
    if (last.status !== 'running') {
      if (after === undefined || !(await this.#messages.isBehind(chatId, last.messageId, after))) return undefined
    }
    return this.#follow(chatId, last.reply)
  }

  /** How the last reply that was recorded stands; `undefined`: there was none. */
  async lastReply(chatId: string): Promise<LastReply | undefined> {
    const last = await this.#settled(checkChatId(chatId))
    return last && { messageId: last.messageId, status: last.status }
  }

  /** The last reply; if its process died, it is ended. */
  async #settled(chatId: string): Promise<(FoundReply & { readonly status: LastReply['status'] }) | undefined> {
    for (;;) {
      const last = await this.#replies.last(chatId)
      if (last === undefined) return undefined
      if (last.begun === undefined) return last
      if (last.status === 'running') return { ...last, status: last.status }
      await this.#replies.interrupt(chatId, last.begun)
    }
  }

  #follow(chatId: string, reply: number): ReadableStream<UIMessageChunk> {
    const stop = new AbortController()
    const start = async (controller: ReadableStreamDefaultController<UIMessageChunk>): Promise<void> => {
      // Somebody has to notice that its process died: whoever waits for it.
      const watch = setInterval(() => void this.#settled(chatId).catch(() => undefined), this.#replies.leaseMs / 3)
      try {
        for await (const piece of this.#replies.follow(chatId, reply, stop.signal)) {
          if (stop.signal.aborted) return
          if (typeof piece === 'string') {
            if (piece === 'interrupted') controller.enqueue({ type: 'error', errorText: 'The reply was interrupted.' })
            break
          }
          for (const chunk of piece) controller.enqueue(chunk)
        }
        if (!stop.signal.aborted) controller.close()
      } catch (error) {
        if (!stop.signal.aborted) controller.error(error)
      } finally {
        clearInterval(watch)
      }
    }
    return new ReadableStream({
      start: (controller) => {
        void start(controller)
      },
      cancel: () => stop.abort(),
    })
  }
}
