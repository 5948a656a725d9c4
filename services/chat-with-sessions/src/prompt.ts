import type { Blobs } from '@holdfast/persistence'
import type { ChatMessage, ChatPart, ChatRequest } from '@holdfast/models'
import type { ConversationStore, Message, Part } from '@holdfast/session'

export interface PromptLimits {
  /** How many messages the model reads at most; default 50. */
  readonly maxMessages?: number
  /** How much text in bytes of UTF-8; default 128 KiB. The message that is answered is always read whole. */
  readonly maxBytes?: number
  /** How many bytes of images; default 8 MiB. */
  readonly maxImageBytes?: number
}

export interface PromptSource {
  readonly conversations: ConversationStore
  /** Where images are read from; without it the model is told their names only. */
  readonly blobs?: Pick<Blobs, 'bytes' | 'stat'>
  readonly limits?: PromptLimits
}

/** What the model reads: the system prompt, then the newest messages up to the one that is answered, as many as the limits allow. */
export async function buildPrompt(
  { conversations, blobs, limits = {} }: PromptSource,
  reply: { readonly conversationId: string; readonly replyTo: number; readonly systemPrompt?: string },
): Promise<Pick<ChatRequest, 'messages'>> {
  const { maxMessages = 50, maxBytes = 128 * 1024, maxImageBytes = 8 * 1024 * 1024 } = limits
  const { conversationId, replyTo, systemPrompt } = reply
  const newest = await conversations.messages(conversationId, {
    before: replyTo + 1,
    limit: maxMessages,
    reverse: true,
  })
  const images = new ImageBudget(blobs, maxImageBytes)
  const messages: ChatMessage[] = []
  let bytes = 0
  for (const message of newest) {
    const parts = await partsForModel(message, images)
    bytes += parts.reduce((sum, part) => sum + textBytes(part), 0)
    if (messages.length > 0 && bytes > maxBytes) break
    // Redacted messages, and replies of which nothing was durable.
    if (parts.length > 0) messages.unshift({ role: message.role, parts, seq: message.seq })
  }
  // A tool's result without the call before it is refused by model endpoints.
  while (messages.length > 1 && messages[0]?.role === 'tool') messages.shift()
  if (systemPrompt !== undefined && systemPrompt !== '') {
    messages.unshift({ role: 'system', parts: [{ type: 'text', text: systemPrompt }] })
  }
  return { messages }
}

async function partsForModel(message: Message, images: ImageBudget): Promise<ChatPart[]> {
  const parts = message.parts.filter((part) => part.type !== 'reasoning')
  return Promise.all(parts.map((part) => partForModel(part, images)))
}

async function partForModel(part: Part, images: ImageBudget): Promise<ChatPart> {
  if (!('hash' in part)) return part
  const bytes = part.type === 'image' ? await images.bytes(part.hash) : undefined
  if (bytes !== undefined) return { type: 'image', bytes, contentType: part.contentType }
  return { type: 'text', text: `[${part.type}${part.name === undefined ? '' : ` ${part.name}`}, ${part.contentType}]` }
}

/** Newest images first, while they fit. */
class ImageBudget {
  readonly #blobs: Pick<Blobs, 'bytes' | 'stat'> | undefined
  #left: number

  constructor(blobs: Pick<Blobs, 'bytes' | 'stat'> | undefined, maxBytes: number) {
    this.#blobs = blobs
    this.#left = maxBytes
  }

  async bytes(hash: string): Promise<Uint8Array | undefined> {
    const blob = await this.#blobs?.stat(hash)
    if (blob === undefined || blob.sizeBytes > this.#left) return undefined
    this.#left -= blob.sizeBytes
    return this.#blobs?.bytes(hash)
  }
}

function textBytes(part: ChatPart): number {
  switch (part.type) {
    case 'image':
      return 0
    case 'tool-call':
      return Buffer.byteLength(part.argumentsJson)
    case 'tool-result':
      return Buffer.byteLength(part.content)
    default:
      return Buffer.byteLength(part.text)
  }
}
