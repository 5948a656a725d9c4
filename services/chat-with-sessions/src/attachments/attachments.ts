import { HoldfastError } from '@holdfast/errors'
import type { Blobs } from '@holdfast/persistence'
import type { BlobPart, ConversationStore, Message, Part, TextPart, Turn } from '@holdfast/session'
import type { EngineLogger } from '../hooks.js'
import type { MediaServices, MadeText, SpokenReply } from './media-services.js'

export interface AttachmentOptions {
  readonly services: MediaServices
  readonly blobs: Pick<Blobs, 'bytes' | 'put'>
  /** Where it is noted which message was made from what; default: nowhere. */
  readonly lineage?: { derive(id: string, inputs: readonly string[]): Promise<unknown> }
}

// Recordings and pictures that were sent just before the message that is answered belong to it.
const messagesLookedAt = 10
const mostAtOnce = 8

/** Puts what pictures show and what recordings say beside them, as text that models and searches read; and speaks replies. What fails is
 *  logged, and the reply is made without. */
export class Attachments {
  readonly #options: AttachmentOptions
  readonly #conversations: ConversationStore
  readonly #logger: EngineLogger

  constructor(options: AttachmentOptions, conversations: ConversationStore, logger: EngineLogger) {
    this.#options = options
    this.#conversations = conversations
    this.#logger = logger
  }

  /** Of the user's messages up to the one that is answered, newest first.
   *  @param sees the model looks at pictures itself */
  async read({ conversationId, replyTo }: Turn, sees: boolean, signal: AbortSignal): Promise<void> {
    const range = { before: replyTo + 1, limit: messagesLookedAt, reverse: true }
    let left = mostAtOnce
    for (const message of await this.#conversations.messages(conversationId, range)) {
      if (message.role !== 'user') continue
      const unread = unreadParts(message, sees).slice(0, left)
      left -= unread.length
      if (unread.length > 0) await this.#readMessage(conversationId, message, unread, signal)
    }
  }

  /** The reply as sound; nothing if that failed. */
  async speak(text: string, how: SpokenReply, { conversationId, replyTo }: Turn, signal: AbortSignal): Promise<Part[]> {
    if (!/[\p{L}\p{N}]/u.test(text)) return []
    const { services, blobs } = this.#options
    try {
      const message = `${conversationId}/${replyTo}`
      const { audio, contentType } = await services.speak(text, how, { message, signal })
      const { hash } = await blobs.put(audio, { contentType })
      return [{ type: 'audio', hash, contentType }]
    } catch (error) {
      if (signal.aborted) throw error
      this.#failed(error, 'A reply could not be spoken', { conversationId, replyTo })
      return []
    }
  }

  async #readMessage(id: string, message: Message, unread: readonly BlobPart[], signal: AbortSignal): Promise<void> {
    const node = `${id}/${message.seq}`
    const made = new Map<string, MadeText>()
    for (const part of unread) {
      try {
        const text = await this.#readPart(part, node, signal)
        if (text.text !== '') made.set(part.hash, text)
      } catch (error) {
        if (signal.aborted) throw error
        this.#failed(error, `${part.type} ${part.hash} could not be read`, { conversationId: id, seq: message.seq })
      }
    }
    if (made.size === 0) return
    try {
      // As it stands now: it may have been edited meanwhile.
      const current = await this.#conversations.message(id, message.seq)
      const parts = current.parts.flatMap((part) => [part, ...textsOf(part, made, current)])
      if (parts.length === current.parts.length) return
      await this.#conversations.edit(id, message.seq, parts)
      await this.#options.lineage?.derive(
        node,
        [...made].flatMap(([hash, { artifacts }]) => [hash, ...artifacts]),
      )
    } catch (error) {
      if (signal.aborted) throw error
      this.#failed(error, 'What was read could not be put into a message', { conversationId: id, seq: message.seq })
    }
  }

  async #readPart(part: BlobPart, message: string, signal: AbortSignal): Promise<MadeText> {
    const { services, blobs } = this.#options
    const { hash, contentType, name } = part
    const medium = { hash, contentType, bytes: () => blobs.bytes(hash) }
    if (part.type === 'audio') return services.transcribe(medium, { message, signal })
    const described = await services.describe(medium, { message, signal })
    if (described.text === '') return described
    // In brackets: nobody said it.
    return { ...described, text: `[${name ?? 'Picture'}: ${described.text}]` }
  }

  #failed(error: unknown, text: string, facts: object): void {
    // A server that does not have the service is no fault that has to be looked into each time.
    const isMissing = error instanceof HoldfastError && error.code === 'UNIMPLEMENTED'
    if (isMissing) this.#logger.info({ ...facts, reason: error.message }, text)
    else this.#logger.warn({ ...facts, err: error }, text)
  }
}

function unreadParts({ parts, redacted }: Message, sees: boolean): BlobPart[] {
  if (redacted === true) return []
  const read = new Set(parts.flatMap((part) => (part.type === 'text' ? [part.madeFrom] : [])))
  return parts.filter((part): part is BlobPart => {
    const isWanted = part.type === 'audio' || (part.type === 'image' && !sees)
    return isWanted && !read.has(part.hash)
  })
}

function textsOf(part: Part, made: ReadonlyMap<string, MadeText>, { parts }: Message): TextPart[] {
  if (part.type !== 'image' && part.type !== 'audio') return []
  const text = made.get(part.hash)?.text
  const isThere = parts.some((one) => one.type === 'text' && one.madeFrom === part.hash)
  return text === undefined || isThere ? [] : [{ type: 'text', text, madeFrom: part.hash }]
}
