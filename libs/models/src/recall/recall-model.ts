import { HoldfastError, asHoldfastError } from '@holdfast/errors'
import { setImmediate } from 'node:timers/promises'
import type { ChatEvent, ChatMessage, ChatModel, ChatRequest, ModelCheck, StreamOptions } from '../chat-model.js'
import { ModelWatch } from '../model-span.js'
import { type Question, answerFrom, greeting, nobodyToQuote, nothingToLookFor } from './answer.js'
import { isGreeting, queryTerms } from './query-terms.js'
import { beginningOf } from './passage.js'
import type { Retrieve } from './quote.js'
import { wordGroups } from './word-groups.js'

export interface RecallOptions {
  readonly retrieve: Retrieve
}

/** More than are quoted, since some turn out to be the question itself, a repetition, or another question. */
const retrievedQuotes = 12

/** What answers where there is no language model: it quotes what this user said before, or says that it knows nothing
 *  about it, and always says what it is. The same question over the same quotes gives the same answer. Options for language
 *  models (temperature, limits, stop texts, tools) mean nothing to it.
 *  `stream` throws CANCELLED, and what `retrieve` throws: an outage is never an answer. */
export function recallModel({ retrieve }: RecallOptions): ChatModel {
  const watch = new ModelWatch('chat', 'recall', 'local')
  return {
    name: 'recall',
    kind: 'recall',
    stream: (request, options = {}) => watch.stream(stream(retrieve, request, options)),
    check: (): Promise<ModelCheck> =>
      Promise.resolve({ ok: true, detail: 'Recall answers: no language model is configured', latencyMs: 0 }),
  }
}

async function* stream(
  retrieve: Retrieve,
  request: ChatRequest,
  { signal }: StreamOptions,
): AsyncGenerator<ChatEvent, void, undefined> {
  for (const text of wordGroups(await answerTo(request, retrieve, signal))) {
    throwIfAborted(signal)
    yield { type: 'text', text }
    // Lets the process do other work between pieces, such as hearing of a cancel.
    await setImmediate()
  }
  throwIfAborted(signal)
  yield { type: 'finish', reason: 'stop', model: 'recall' }
}

async function answerTo(request: ChatRequest, retrieve: Retrieve, signal: AbortSignal | undefined): Promise<string> {
  throwIfAborted(signal)
  const question = questionOf(request)
  if (isGreeting(question.text)) return greeting
  const { userId } = request
  if (userId === undefined || userId === '') return nobodyToQuote
  if (question.terms.length === 0) return nothingToLookFor
  const { conversationId, seq } = question
  const found = retrieve({
    userId,
    query: question.terms.join(' '),
    question: question.text,
    limit: retrievedQuotes,
    exclude: conversationId === undefined || seq === undefined ? [] : [{ conversationId, seq }],
    ...(signal === undefined ? {} : { signal }),
  })
  const quotes = await untilAborted(found, signal).catch((error: unknown) => {
    throw asHoldfastError(error, 'Searching what the user said before')
  })
  return answerFrom(quotes, question)
}

function questionOf({ messages, conversationId }: ChatRequest): Question {
  const message = messages.findLast((one) => one.role === 'user')
  const text = message === undefined ? '' : beginningOf(textOf(message))
  return { text, terms: queryTerms(text), conversationId, seq: message?.seq }
}

function textOf(message: ChatMessage): string {
  return message.parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n')
}

/** A search that does not look at the signal is left to itself. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(cancelled(signal))
    signal.addEventListener('abort', stop, { once: true })
    work
      // The search may have heard of the abort first, and have its own words for it.
      .then(resolve, (error: unknown) => reject(signal.aborted ? cancelled(signal) : error))
      .finally(() => signal.removeEventListener('abort', stop))
  })
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw cancelled(signal)
}

function cancelled(signal: AbortSignal): HoldfastError {
  return new HoldfastError('CANCELLED', 'The answer was cancelled by its caller', { cause: signal.reason })
}
