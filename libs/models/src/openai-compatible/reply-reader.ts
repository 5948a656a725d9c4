import type { ChatEvent, FinishEvent, FinishReason, TokenUsage } from '../chat-model.js'

/** Puts an answer together from the chunks of a chat completion stream. Chunks come from other people's servers, so nothing in
 *  them is taken for granted: https://platform.openai.com/docs/api-reference/chat-streaming is what they should be. */
export class ReplyReader {
  #model: string
  #usage: TokenUsage | undefined
  #endpointReason: string | undefined
  /** Half of a surrogate pair that the endpoint's tokenizer cut in two. */
  #text = ''
  #reasoning = ''
  readonly #calls: ToolCall[] = []

  constructor(model: string) {
    this.#model = model
  }

  /** Whether the endpoint has said why it stopped: the answer is whole then, and only token counts may follow. */
  get ended(): boolean {
    return this.#endpointReason !== undefined
  }

  get counted(): boolean {
    return this.#usage !== undefined
  }

  /** Whether the endpoint itself reports that it failed, in the place of a reason to stop. */
  get broken(): boolean {
    return this.#endpointReason === 'error' || this.#endpointReason === 'abort'
  }

  /** What the chunk adds to the answer; nothing for chunks with only a role, a tool call's piece or token counts. */
  read(chunk: unknown): ChatEvent[] {
    this.#model = textField(chunk, 'model') || this.#model
    this.#usage = usageIn(field(chunk, 'usage')) ?? this.#usage
    const choices = field(chunk, 'choices')
    const choice: unknown = Array.isArray(choices) ? choices[0] : undefined
    const delta = field(choice, 'delta')
    const calls = field(delta, 'tool_calls')
    if (Array.isArray(calls)) for (const call of calls) this.#addToCall(call)
    this.#endpointReason = textField(choice, 'finish_reason') || this.#endpointReason
    return this.#piecesOf(delta)
  }

  /** Whether the chunk holds tokens of any kind. */
  static hasTokens(chunk: unknown, pieces: readonly ChatEvent[]): boolean {
    if (pieces.length > 0) return true
    const choices = field(chunk, 'choices')
    const calls = field(field(Array.isArray(choices) ? choices[0] : undefined, 'delta'), 'tool_calls')
    return Array.isArray(calls) && calls.length > 0
  }

  /** What was held back, the tool calls, and the finish. */
  finish(): ChatEvent[] {
    const events: ChatEvent[] = []
    if (this.#reasoning !== '') events.push({ type: 'reasoning', text: this.#reasoning })
    if (this.#text !== '') events.push({ type: 'text', text: this.#text })
    for (const call of this.#calls) {
      events.push({ type: 'tool-call', id: call.id, name: call.name, argumentsJson: call.arguments || '{}' })
    }
    events.push(this.#finishEvent())
    return events
  }

  #piecesOf(delta: unknown): ChatEvent[] {
    const pieces: ChatEvent[] = []
    const content = contentIn(field(delta, 'content'))
    // DeepSeek, llama.cpp and older vLLM say `reasoning_content`, Ollama, OpenRouter and newer vLLM `reasoning`; some say both.
    const thought = textField(delta, 'reasoning_content') || textField(delta, 'reasoning') || content.reasoning
    const reasoning = splitAtPair(this.#reasoning + thought)
    if (reasoning.whole !== '') pieces.push({ type: 'reasoning', text: reasoning.whole })
    this.#reasoning = reasoning.half
    const text = splitAtPair(this.#text + content.text + textField(delta, 'refusal'))
    if (text.whole !== '') pieces.push({ type: 'text', text: text.whole })
    this.#text = text.half
    return pieces
  }

  /** A call comes in pieces: id and name first, then its arguments, told apart by `index`. Some servers send whole calls
   *  that all have index 0 or none; a new id under an index is a new call. */
  #addToCall(piece: unknown): void {
    const index = field(piece, 'index')
    const id = textField(piece, 'id')
    const called = field(piece, 'function')
    const name = textField(called, 'name')
    let call = this.#calls.findLast((one) => one.index === index)
    if (call === undefined || (id !== '' && id !== call.id && name !== '')) {
      call = { index, id: id || `call_${this.#calls.length}`, name, arguments: '' }
      this.#calls.push(call)
    } else {
      call.name ||= name
    }
    call.arguments += textField(called, 'arguments')
  }

  #finishEvent(): FinishEvent {
    const endpointReason = this.#endpointReason ?? ''
    const known = reasons.get(endpointReason.toLowerCase()) ?? 'other'
    const reason = known === 'stop' && this.#calls.length > 0 ? 'tool_calls' : known
    return {
      type: 'finish',
      reason,
      ...(reason === 'other' ? { endpointReason } : {}),
      ...(this.#usage === undefined ? {} : { usage: this.#usage }),
      model: this.#model,
    }
  }
}

interface ToolCall {
  readonly index: unknown
  readonly id: string
  name: string
  arguments: string
}

// The second line and on: what TGI, Anthropic, Google and others pass through behind their compatible endpoints.
const reasons: ReadonlyMap<string, FinishReason> = new Map([
  ['stop', 'stop'],
  ['eos_token', 'stop'],
  ['stop_sequence', 'stop'],
  ['end_turn', 'stop'],
  ['length', 'length'],
  ['max_tokens', 'length'],
  ['model_length', 'length'],
  ['tool_calls', 'tool_calls'],
  ['function_call', 'tool_calls'],
  ['tool_use', 'tool_calls'],
  ['content_filter', 'content_filter'],
  ['safety', 'content_filter'],
  ['refusal', 'content_filter'],
])

/** The content is a string or null; Mistral's thinking models send a list of parts. */
function contentIn(content: unknown): { text: string; reasoning: string } {
  if (typeof content === 'string') return { text: content, reasoning: '' }
  const parts: unknown[] = Array.isArray(content) ? content : []
  return {
    text: parts.map((part) => textField(part, 'text')).join(''),
    reasoning: parts.map((part) => contentIn(field(part, 'thinking')).text).join(''),
  }
}

function usageIn(usage: unknown): TokenUsage | undefined {
  const inputTokens = field(usage, 'prompt_tokens')
  const outputTokens = field(usage, 'completion_tokens')
  if (!isCount(inputTokens)) return undefined
  return { inputTokens, outputTokens: isCount(outputTokens) ? outputTokens : 0 }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function splitAtPair(text: string): { whole: string; half: string } {
  const last = text.charCodeAt(text.length - 1)
  const cut = last >= 0xd800 && last <= 0xdbff ? text.length - 1 : text.length
  return { whole: text.slice(0, cut), half: text.slice(cut) }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

function textField(value: unknown, name: string): string {
  const text = field(value, name)
  return typeof text === 'string' ? text : ''
}
