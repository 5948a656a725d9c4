import type {
  AgentInputItem,
  AgentOutputItem,
  Model,
  ModelRequest,
  ModelResponse,
  StreamEvent,
} from '@openai/agents-core'
import { Usage } from '@openai/agents-core'

/** Answers what the script says, in its order, and keeps what it was asked. */
export class ScriptedModel implements Model {
  readonly asked: AgentInputItem[][] = []
  readonly #script: (AgentOutputItem[] | Error)[]

  constructor(...script: (AgentOutputItem[] | Error)[]) {
    this.#script = script
  }

  async getResponse(request: ModelRequest): Promise<ModelResponse> {
    return { output: this.#next(request), usage: new Usage() }
  }

  async *getStreamedResponse(request: ModelRequest): AsyncIterable<StreamEvent> {
    const output = this.#next(request) as Extract<StreamEvent, { type: 'response_done' }>['response']['output']
    yield { type: 'response_started' }
    const usage = { inputTokens: 0, outputTokens: 0, totalTokens: 0 }
    yield { type: 'response_done', response: { id: 'response', output, usage } }
  }

  #next({ input }: ModelRequest): AgentOutputItem[] {
    this.asked.push(typeof input === 'string' ? [said(input)] : structuredClone(input))
    const output = this.#script.shift()
    if (output === undefined) throw new Error('The script is at its end')
    if (output instanceof Error) throw output
    return output
  }
}

export function said(text: string): AgentInputItem {
  return { type: 'message', role: 'user', content: text }
}

export function answer(text: string): AgentOutputItem {
  return { type: 'message', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text }] }
}

export function call(callId: string, name: string, input: object = {}): AgentOutputItem & { type: 'function_call' } {
  return { type: 'function_call', callId, name, status: 'completed', arguments: JSON.stringify(input) }
}

export function result(callId: string, name: string, text: string): AgentInputItem {
  return { type: 'function_call_result', callId, name, status: 'completed', output: { type: 'text', text } }
}

/** Short forms to compare by: `user: Hello`, `call a`, `result a`. */
export function outline(items: readonly AgentInputItem[]): string[] {
  return items.map((item) => {
    if (item.type === 'function_call') return `call ${item.callId}`
    if (item.type === 'function_call_result') return `result ${item.callId}`
    if (!('role' in item)) return item.type
    const { content } = item
    const text =
      typeof content === 'string' ? content : content.map((part) => ('text' in part ? part.text : '')).join('')
    return `${item.role}: ${text}`
  })
}
