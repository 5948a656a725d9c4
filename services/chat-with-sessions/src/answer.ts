import { HoldfastError, asHoldfastError } from '@holdfast/errors'
import type { ChatEvent, ChatModel, ChatRequest } from '@holdfast/models'
import { linkedSignal } from '@holdfast/server'
import type { Part, Turn, TurnEnding } from '@holdfast/session'

// What a model may write besides its answer.
const maxReasoningLength = 256 * 1024
const maxToolCalls = 50

export interface Answering {
  readonly turn: Turn
  readonly model: ChatModel
  /** Aborts when the process stops: the reply ends as `interrupted`. */
  readonly stop: AbortSignal
  readonly onToken: () => void
  /** What the reply gets besides, once its text is complete. */
  readonly complete?: ((text: string, signal: AbortSignal) => Promise<Part[]>) | undefined
}

/** Has the model answer into the turn and says how that ended; `undefined` if the turn was lost, so that there is nothing to end. Never
 *  throws: a failure is an ending too. */
export async function answer(
  { turn, model, stop, onToken, complete }: Answering,
  prompt: (signal: AbortSignal) => Promise<ChatRequest>,
): Promise<TurnEnding | undefined> {
  const made = new Besides()
  let text = ''
  try {
    using link = linkedSignal([turn.signal, stop])
    const { signal } = link
    for await (const event of model.stream(await prompt(signal), { signal })) {
      if (event.type === 'text') {
        if (event.text === '') continue
        onToken()
        turn.write(event.text)
        if (complete !== undefined) text += event.text
      } else if (event.type === 'finish') {
        const { usage, reason, endpointReason } = event
        if (complete !== undefined) made.addParts(await complete(text, signal))
        const finishReason = finishReasonOnWire[reason] ?? endpointReason ?? 'other'
        return { status: 'complete', finishReason, ...(usage === undefined ? {} : { usage }), ...made.parts() }
      } else {
        made.add(event)
      }
    }
    throw new HoldfastError('INTERNAL', `Model ${model.name} stopped without saying that it was done`)
  } catch (error) {
    if (turn.signal.aborted) {
      const reason: unknown = turn.signal.reason
      const isCancel = reason instanceof HoldfastError && reason.reason === 'REPLY_CANCELLED'
      return isCancel ? { status: 'cancelled', ...made.parts() } : undefined
    }
    if (stop.aborted) return { status: 'interrupted', ...made.parts() }
    return { ...failed(asHoldfastError(error, `Model ${model.name}`)), ...made.parts() }
  }
}

/** For a failure that the caller is to be told of. */
export function failed({ code, message }: HoldfastError): TurnEnding {
  return { status: 'failed', error: { code, message } }
}

/** As model endpoints name them, and the contract. */
const finishReasonOnWire: Readonly<Partial<Record<string, string>>> = {
  stop: 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  'content-filter': 'content_filter',
}

/** What the reply holds besides its text. */
class Besides {
  #reasoning = ''
  readonly #calls: Part[] = []
  readonly #others: Part[] = []

  addParts(parts: readonly Part[]): void {
    this.#others.push(...parts)
  }

  add(event: Exclude<ChatEvent, { readonly type: 'text' | 'finish' }>): void {
    if (event.type === 'reasoning') {
      if (this.#reasoning.length < maxReasoningLength) this.#reasoning += event.text
      return
    }
    const { id, name, argumentsJson } = event
    if (this.#calls.length >= maxToolCalls) {
      throw new HoldfastError('RESOURCE_EXHAUSTED', `The model called more than ${maxToolCalls} tools in one reply`)
    }
    if (!isJson(argumentsJson)) {
      throw new HoldfastError(
        'INTERNAL',
        `The model called the tool ${name} with arguments that are not JSON: ask again`,
      )
    }
    this.#calls.push({ type: 'tool-call', id, name, argumentsJson })
  }

  parts(): Pick<TurnEnding, 'reasoning' | 'parts'> {
    return {
      ...(this.#reasoning === ''
        ? {}
        : { reasoning: this.#reasoning.slice(0, maxReasoningLength).replace(/[\ud800-\udbff]$/, '') }),
      ...(this.#calls.length + this.#others.length === 0 ? {} : { parts: [...this.#calls, ...this.#others] }),
    }
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
