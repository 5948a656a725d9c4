import type OpenAI from 'openai'
import type { ChatEvent, ChatModel, ChatRequest, CheckOptions, ModelCheck, StreamOptions } from '../chat-model.js'
import { ModelWatch } from '../model-span.js'
import { type Dialect, adapted, commonDialect } from './dialect.js'
import { Endpoint } from './endpoint.js'
import { failureOf, notCompatible, streamCut, timedOut } from './failures.js'
import { type OpenAiCompatibleOptions, type Settings, settingsFrom } from './options.js'
import { ReplyLimits } from './reply-limits.js'
import { ReplyReader } from './reply-reader.js'
import { requestBody } from './request-body.js'

/** After its last word an answer's token counts are worth waiting for, and after them only the end of the response, so that the
 *  connection can be used again. Some servers send no counts, some never end. */
const countsTimeoutMs = 2_000
const endTimeoutMs = 100

/** A language model behind an endpoint that speaks OpenAI's chat completions: Ollama, vLLM, llama.cpp's server, a hosted
 *  one. `stream` throws HoldfastErrors whose `reason` is a ModelFailureReason:
 *  UNAUTHENTICATED and PERMISSION_DENIED (the endpoint's key, not the caller's), NOT_FOUND (no such model), RESOURCE_EXHAUSTED
 *  (with `retryAfterMs` if the endpoint says), UNAVAILABLE (unreachable, failed, or broke off its answer), DEADLINE_EXCEEDED (a time
 *  limit), INVALID_ARGUMENT (CONTEXT_TOO_LONG, CONTENT_FILTERED, or a request that it rejects), FAILED_PRECONDITION (no such
 *  endpoint), CANCELLED. What fails before the first token is tried again where that can help.
 *  @throws INVALID_ARGUMENT when an option is invalid */
export function openAiCompatibleModel(options: OpenAiCompatibleOptions): ChatModel & Disposable {
  return new OpenAiCompatibleModel(settingsFrom(options))
}

class OpenAiCompatibleModel implements ChatModel, Disposable {
  readonly kind = 'language-model'
  readonly name: string
  readonly #endpoint: Endpoint
  readonly #watch: ModelWatch
  #dialect: Dialect = commonDialect

  constructor(settings: Settings) {
    this.name = settings.model
    this.#endpoint = new Endpoint(settings)
    this.#watch = new ModelWatch('chat', settings.model, 'openai-compatible')
  }

  stream(request: ChatRequest, options: StreamOptions = {}): AsyncGenerator<ChatEvent, void, undefined> {
    return this.#watch.stream(this.#stream(request, options))
  }

  async *#stream(request: ChatRequest, options: StreamOptions): AsyncGenerator<ChatEvent, void, undefined> {
    using limits = new ReplyLimits(options.signal, this.#endpoint.settings.totalTimeoutMs)
    let started = false
    for (let retries = 0; ;) {
      const dialect = this.#dialect
      try {
        for await (const event of this.#attempt(request, dialect, limits)) {
          started = true
          yield event
        }
        return
      } catch (error) {
        const failure = limits.failure ?? failureOf(error, this.#endpoint.redact)
        if (started) throw failure
        const other = adapted(dialect, failure)
        if (other === undefined) await this.#endpoint.beforeRetry(retries++, failure, limits)
        else this.#dialect = other
      }
    }
  }

  check(options: CheckOptions = {}): Promise<ModelCheck> {
    return this.#endpoint.check(options)
  }

  [Symbol.dispose](): void {
    this.#endpoint[Symbol.dispose]()
  }

  async *#attempt(
    request: ChatRequest,
    dialect: Dialect,
    limits: ReplyLimits,
  ): AsyncGenerator<ChatEvent, void, undefined> {
    const { firstTokenTimeoutMs, idleTimeoutMs, model } = this.#endpoint.settings
    const body = requestBody(request, model, dialect)
    limits.throwIfEnded()
    const firstTokenBy = performance.now() + firstTokenTimeoutMs
    const reader = new ReplyReader(body.model)
    let hasTokens = false
    const next = <T>(step: () => Promise<T>): Promise<T> => {
      if (reader.ended) {
        const ms = reader.counted ? endTimeoutMs : countsTimeoutMs
        return limits.within(ms, () => timedOut('end its response', ms), step)
      }
      if (hasTokens) return limits.within(idleTimeoutMs, () => timedOut('go on with its answer', idleTimeoutMs), step)
      const left = firstTokenBy - performance.now()
      return limits.within(left, () => timedOut('begin its answer', firstTokenTimeoutMs), step)
    }
    const chunks = (await next(() => this.#open(body, limits.signal)))[Symbol.asyncIterator]()
    try {
      for (;;) {
        const step = await next(() => chunks.next())
        // The package ends its stream quietly when it is aborted.
        limits.throwIfEnded()
        if (step.done === true) break
        const pieces = reader.read(step.value)
        hasTokens ||= ReplyReader.hasTokens(step.value, pieces)
        yield* pieces
      }
    } catch (error) {
      if (!reader.ended || limits.failure?.code === 'CANCELLED') throw error
    } finally {
      await chunks.return?.(undefined)
    }
    if (!reader.ended || reader.broken) throw streamCut(undefined, this.#endpoint.redact)
    yield* reader.finish()
  }

  async #open(
    body: OpenAI.ChatCompletionCreateParamsStreaming,
    signal: AbortSignal,
  ): Promise<AsyncIterable<unknown, void, undefined>> {
    const { data, response } = await this.#endpoint.client.chat.completions.create(body, { signal }).withResponse()
    const contentType = response.headers.get('content-type') ?? ''
    if (/json|html/.test(contentType) || response.status !== 200) {
      data.controller.abort()
      throw notCompatible(contentType || `status ${response.status}`, this.#endpoint.redact)
    }
    return data
  }
}
