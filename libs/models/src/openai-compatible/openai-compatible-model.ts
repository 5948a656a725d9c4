import type { HoldfastError } from '@holdfast/errors'
import OpenAI from 'openai'
import type { ChatEvent, ChatModel, ChatRequest, CheckOptions, ModelCheck, StreamOptions } from '../chat-model.js'
import { checkEndpoint } from './check-endpoint.js'
import { type Dialect, adapted, commonDialect } from './dialect.js'
import { failureOf, notCompatible, streamCut, timedOut } from './failures.js'
import { HttpFetch } from './http-fetch.js'
import { type OpenAiCompatibleOptions, type Settings, settingsFrom } from './options.js'
import { ReplyLimits } from './reply-limits.js'
import { ReplyReader } from './reply-reader.js'
import { requestBody } from './request-body.js'
import { retryDelayMs } from './retry.js'
import { type Redact, redactor } from './secrets.js'

/** After its last word an answer's token counts are worth waiting for, and after them only the end of the response, so that the
 *  connection can be used again. Some servers send no counts, some never end. */
const countsTimeoutMs = 2_000
const endTimeoutMs = 100

// The package's own limits, which must never be reached before those of ReplyLimits.
const unlimitedMs = 2 ** 31 - 1

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
  // Private fields, so that printing a model does not print its key.
  readonly #settings: Settings
  readonly #redact: Redact
  readonly #http: HttpFetch
  readonly #client: OpenAI
  #dialect: Dialect = commonDialect

  constructor(settings: Settings) {
    this.name = settings.model
    this.#settings = settings
    this.#redact = redactor(settings)
    this.#http = new HttpFetch(settings)
    this.#client = new OpenAI({
      baseURL: settings.baseUrl.href.replace(/\/$/, ''),
      // HttpFetch sends the key. The package wants one and would else take OPENAI_API_KEY, which is for another endpoint.
      apiKey: 'sent by HttpFetch',
      adminAPIKey: null,
      fetch: this.#http.fetch,
      maxRetries: 0,
      timeout: unlimitedMs,
      // It would log what the model says when an event is not JSON.
      logLevel: 'off',
    })
  }

  async *stream(request: ChatRequest, options: StreamOptions = {}): AsyncGenerator<ChatEvent, void, undefined> {
    using limits = new ReplyLimits(options.signal, this.#settings.totalTimeoutMs)
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
        const failure = limits.failure ?? failureOf(error, this.#redact)
        if (started) throw failure
        const other = adapted(dialect, failure)
        if (other === undefined) await this.#beforeRetry(retries++, failure, limits)
        else this.#dialect = other
      }
    }
  }

  check(options: CheckOptions = {}): Promise<ModelCheck> {
    return checkEndpoint(this.#client, this.#settings, this.#redact, options)
  }

  [Symbol.dispose](): void {
    this.#http[Symbol.dispose]()
  }

  async *#attempt(
    request: ChatRequest,
    dialect: Dialect,
    limits: ReplyLimits,
  ): AsyncGenerator<ChatEvent, void, undefined> {
    const { firstTokenTimeoutMs, idleTimeoutMs, model } = this.#settings
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
    if (!reader.ended || reader.broken) throw streamCut(undefined, this.#redact)
    yield* reader.finish()
  }

  async #open(
    body: OpenAI.ChatCompletionCreateParamsStreaming,
    signal: AbortSignal,
  ): Promise<AsyncIterable<unknown, void, undefined>> {
    const { data, response } = await this.#client.chat.completions.create(body, { signal }).withResponse()
    const contentType = response.headers.get('content-type') ?? ''
    if (/json|html/.test(contentType) || response.status !== 200) {
      data.controller.abort()
      throw notCompatible(contentType || `status ${response.status}`, this.#redact)
    }
    return data
  }

  /** Waits for the time of the next attempt, or throws the failure if there is none. */
  async #beforeRetry(retries: number, failure: HoldfastError, limits: ReplyLimits): Promise<void> {
    const delayMs = retryDelayMs(failure, retries, this.#settings)
    if (delayMs === undefined) throw failure
    await limits.pause(delayMs)
    limits.throwIfEnded()
  }
}
