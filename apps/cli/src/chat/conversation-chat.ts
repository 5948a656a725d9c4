import { HoldfastError } from '@holdfast/errors'
import type { ChatClient } from '@holdfast/grpc-clients'
import type { BlobReference } from '@holdfast/protocol'
import type { Conversation, Message } from '@holdfast/session'
import { findConversation } from '../exchange/reconcile.js'
import { conversationsOverGrpc } from '../access/over-grpc.js'
import { conversationFromWire, messageFromWire } from '../access/wire-shapes.js'

export interface ChatOptions {
  /** Go on with this one, or make it; default: a new one. */
  readonly conversationId: string | undefined
  readonly userId: string
  /** Replies are read out as well; default false. */
  readonly isSpoken?: boolean
}

/** One conversation with a server, whatever shows it. */
export class ConversationChat {
  readonly #chat: ChatClient
  readonly #options: ChatOptions
  readonly #attached: BlobReference[] = []
  #conversation: Conversation | undefined
  #running: RunningReply | undefined

  constructor(chat: ChatClient, options: ChatOptions) {
    this.#chat = chat
    this.#options = options
  }

  /** Of the conversation, once there is one. */
  get id(): string | undefined {
    return this.#conversation?.id
  }

  /** The last messages of a conversation that is there, and the reply that is being made, if there is one. */
  async open(
    historyMessages: number,
  ): Promise<{ readonly history: readonly Message[]; readonly activeReplyId?: string }> {
    const id = this.#options.conversationId
    if (id === undefined) return { history: [] }
    const access = conversationsOverGrpc(this.#chat)
    const found = await findConversation(access, id)
    if (found === undefined) return { history: [] }
    this.#conversation = found
    const { activeReplyId } = found
    const history = historyMessages === 0 ? [] : await access.messages(id, { limit: historyMessages, reverse: true })
    return { history: history.toReversed(), ...(activeReplyId === undefined ? {} : { activeReplyId }) }
  }

  /** Pictures and recordings that go with the next message. */
  attach(blobs: readonly BlobReference[]): void {
    this.#attached.push(...blobs)
  }

  /** What goes with the next message waits for one. */
  get hasAttached(): boolean {
    return this.#attached.length > 0
  }

  /** Sends a message and hands on the reply as it comes. @returns the assistant's message as stored */
  async ask(text: string, onText: (text: string) => Promise<void>): Promise<Message> {
    this.#conversation ??= await this.#create()
    const parts = [
      ...this.#attached.splice(0).map((value) => ({ content: { $case: 'blob' as const, value } })),
      ...(text === '' ? [] : [{ content: { $case: 'text' as const, value: text } }]),
    ]
    const running = this.#begin()
    const { isSpoken } = this.#options
    const events = this.#chat.streamChat({
      conversationId: this.#conversation.id,
      parts,
      ...(isSpoken === true ? { spoken: {} } : {}),
    })
    return this.#read(running, events, onText)
  }

  /** The rest of a reply that was begun before. */
  async follow(replyId: string, onText: (text: string) => Promise<void>): Promise<Message> {
    const running = this.#begin()
    running.replyId = replyId
    return this.#read(running, this.#chat.resumeStream({ replyId }), onText)
  }

  /** Stops the reply that is coming; what came of it stays. `false`: there is none. */
  cancel(): boolean {
    if (this.#running === undefined) return false
    this.#running.cancel()
    return true
  }

  async #create(): Promise<Conversation> {
    const { conversationId = '', userId } = this.#options
    return conversationFromWire((await this.#chat.createConversation({ conversationId, userId })).conversation)
  }

  #begin(): RunningReply {
    this.#running = new RunningReply(this.#chat)
    return this.#running
  }

  async #read(
    running: RunningReply,
    events: ReturnType<ChatClient['streamChat' | 'resumeStream']>,
    onText: (text: string) => Promise<void>,
  ): Promise<Message> {
    try {
      for await (const { event } of events) {
        if (event?.$case === 'started') running.replyId = event.value.replyId
        else if (event?.$case === 'delta') await onText(event.value.text)
        else if (event?.$case === 'finished') return messageFromWire(event.value.message)
      }
    } finally {
      this.#running = undefined
    }
    throw new HoldfastError('INTERNAL', 'The server ended a reply without saying how: ask again')
  }
}

/** Can be cancelled before its id is known. */
class RunningReply {
  readonly #chat: ChatClient
  #replyId: string | undefined
  #cancelled = false

  constructor(chat: ChatClient) {
    this.#chat = chat
  }

  set replyId(id: string) {
    this.#replyId = id
    if (this.#cancelled) this.#send()
  }

  cancel(): void {
    if (this.#cancelled) return
    this.#cancelled = true
    this.#send()
  }

  #send(): void {
    if (this.#replyId === undefined) return
    // That the reply ended, or that the server is away, is seen on the stream.
    this.#chat.cancelReply({ replyId: this.#replyId }).catch(() => {})
  }
}
