/** JSON as it is stored. Keys such as `__proto__` are plain own properties. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject
export type JsonObject = { readonly [key: string]: JsonValue }

export type Role = 'user' | 'assistant' | 'system' | 'tool'

export interface TextPart {
  readonly type: 'text'
  readonly text: string
  /** The hash of a blob part of the same message: the text was made from its bytes, as what is on a picture or what was said in a recording. */
  readonly madeFrom?: string
}

/** What a model wrote before it answered. */
export interface ReasoningPart {
  readonly type: 'reasoning'
  readonly text: string
}

/** Bytes that are stored apart, in the store's blobs. */
export interface BlobPart {
  /** Follows from the media type; see `blobPartType`. */
  readonly type: 'image' | 'audio' | 'file'
  /** sha256 of the bytes, 64 lower-case hexadecimal digits. */
  readonly hash: string
  /** Media type: `image/png`. */
  readonly contentType: string
  /** File name without folders. */
  readonly name?: string
  /** Looked up when the message is appended; what the caller says is not used. */
  readonly sizeBytes?: number
}

export interface ToolCallPart {
  readonly type: 'tool-call'
  /** Names the call; `tool-result` parts refer to it. */
  readonly id: string
  readonly name: string
  /** JSON text, kept as it was written. */
  readonly argumentsJson: string
}

export interface ToolResultPart {
  readonly type: 'tool-result'
  /** The `id` of the call. */
  readonly id: string
  readonly content: string
}

export type Part = TextPart | ReasoningPart | BlobPart | ToolCallPart | ToolResultPart

/** How a reply ended. `interrupted`: its process died, the message holds what was durable. */
export type ReplyStatus = 'complete' | 'interrupted' | 'cancelled' | 'failed'

export interface Usage {
  readonly inputTokens: number
  readonly outputTokens: number
}

export interface ReplyFailure {
  /** Name of an error code: `UNAVAILABLE`. */
  readonly code: string
  readonly message: string
}

/** How an assistant's message was made. */
export interface Reply {
  /** For `followReply` and `cancelReply`. */
  readonly id: string
  /** `seq` of the message that it answers. Always there in what a store returns. */
  readonly replyTo?: number
  readonly status: ReplyStatus
  readonly model?: string
  readonly usage?: Usage
  /** As the model gave it: `stop`, `length`, `tool_calls`. */
  readonly finishReason?: string
  /** Only with `failed`. */
  readonly error?: ReplyFailure
}

export interface Message {
  /** Its place: 1, 2, 3, … without gaps within a conversation. Never changes. */
  readonly seq: number
  /** The key it was appended with, or one made for it. Unique within the conversation. */
  readonly id: string
  readonly role: Role
  /** Empty if redacted, and in a reply of which nothing was durable. */
  readonly parts: readonly Part[]
  readonly at: Date
  /** Last edit or redaction. */
  readonly editedAt?: Date
  readonly redacted?: true
  /** Only on messages that a turn made. */
  readonly reply?: Reply
}

export interface NewMessage {
  /** Idempotency key, 1 to 200 characters, not starting with `reply:`; becomes the message's id. Default: one is made. */
  readonly key?: string
  readonly role: Role
  /** 1 to 100 parts. */
  readonly parts: readonly Part[]
}

/** The text of all text parts, joined by a line break. */
export function textOf(message: Pick<Message, 'parts'>): string {
  return message.parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n')
}

/** The part type for bytes of a media type. */
export function blobPartType(contentType: string): BlobPart['type'] {
  if (contentType.startsWith('image/')) return 'image'
  return contentType.startsWith('audio/') ? 'audio' : 'file'
}
