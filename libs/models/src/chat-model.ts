import type { HoldfastError } from '@holdfast/errors'

/** What answers in a conversation. */
export interface ChatModel {
  /** Stands in every reply's metadata: the model's name at its endpoint, or `recall`. */
  readonly name: string
  readonly kind: 'language-model' | 'recall'
  /** Answers piece by piece; the last event is the one `finish`, and without it there is an error, never a silent end.
   *  To stop early, abort the signal: that closes the connection to the model at once.
   *  @throws CANCELLED when the signal aborts; what else, each model says */
  stream(request: ChatRequest, options?: StreamOptions): AsyncIterable<ChatEvent>
  /** Whether the model can be reached now; for health checks and `holdfast doctor`. Never throws. */
  check(options?: CheckOptions): Promise<ModelCheck>
}

export interface StreamOptions {
  readonly signal?: AbortSignal
}

export interface CheckOptions {
  readonly signal?: AbortSignal
  /** Default 5,000. */
  readonly timeoutMs?: number
}

export interface ModelCheck {
  readonly ok: boolean
  /** One sentence for people. */
  readonly detail: string
  readonly latencyMs: number
  /** Why it is not ok. */
  readonly error?: HoldfastError
  /** Of a local model: whether it is in memory; one of several parts, whether any of them is. */
  readonly isLoaded?: boolean
}

export interface ChatRequest {
  /** The conversation so far, oldest first, at least one message. */
  readonly messages: readonly ChatMessage[]
  /** Whose words recall may quote. Not sent to language models. */
  readonly userId?: string
  readonly conversationId?: string
  /** What the model may call; default: nothing. */
  readonly tools?: readonly ChatTool[]
  readonly temperature?: number
  readonly maxOutputTokens?: number
  /** Instead of the configured model, at the same endpoint. */
  readonly model?: string
  /** Texts at which the model stops. */
  readonly stop?: readonly string[]
}

export interface ChatMessage {
  readonly role: 'user' | 'assistant' | 'system' | 'tool'
  readonly parts: readonly ChatPart[]
  /** The message's number in its conversation, so that recall does not quote the question. */
  readonly seq?: number
}

export type ChatPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image'; readonly bytes: Uint8Array; readonly contentType: string }
  /** A `data:` URL, or one that the model's endpoint can fetch. */
  | { readonly type: 'image'; readonly url: string }
  | { readonly type: 'tool-call'; readonly id: string; readonly name: string; readonly argumentsJson: string }
  | { readonly type: 'tool-result'; readonly id: string; readonly content: string }
  /** What the model thought in an earlier reply. Not sent back to it. */
  | { readonly type: 'reasoning'; readonly text: string }

export interface ChatTool {
  readonly name: string
  readonly description?: string
  /** JSON Schema of the arguments. */
  readonly parameters?: Readonly<Record<string, unknown>>
}

export type ChatEvent =
  /** Pieces of the answer, to be joined as they are. A piece never ends within a surrogate pair. */
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'reasoning'; readonly text: string }
  /** One whole call. `argumentsJson` is what the model wrote: it may not be valid JSON. */
  | { readonly type: 'tool-call'; readonly id: string; readonly name: string; readonly argumentsJson: string }
  | FinishEvent

export interface FinishEvent {
  readonly type: 'finish'
  readonly reason: FinishReason
  /** What the endpoint called the reason, when `reason` is `other`. */
  readonly endpointReason?: string
  /** Absent when the model does not count tokens or its endpoint does not tell. */
  readonly usage?: TokenUsage
  /** The model that answered, as the endpoint names it. */
  readonly model: string
}

/** `length`: the limit of output tokens was reached. `content_filter`: the endpoint withheld the rest. */
export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'other'

export interface TokenUsage {
  readonly inputTokens: number
  readonly outputTokens: number
}
