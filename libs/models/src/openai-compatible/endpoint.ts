import type { HoldfastError } from '@holdfast/errors'
import OpenAI from 'openai'
import type { CheckOptions, ModelCheck } from '../chat-model.js'
import { ModelWatch } from '../model-span.js'
import { checkEndpoint } from './check-endpoint.js'
import { failureOf, streamCut, timedOut } from './failures.js'
import { HttpFetch } from './http-fetch.js'
import type { Settings } from './options.js'
import { ReplyLimits } from './reply-limits.js'
import { retryDelayMs } from './retry.js'
import { type Redact, redactor } from './secrets.js'

// The package's own limits, which must never be reached before those of ReplyLimits.
const unlimitedMs = 2 ** 31 - 1

export type ByteSource = AsyncIterable<Uint8Array>

/** What all models behind one OpenAI-compatible endpoint have in common: the client, attempts within limits, failures without secrets.
 *  Models hold it in a private field, so that printing one does not print its key. */
export class Endpoint implements Disposable {
  readonly settings: Settings
  readonly redact: Redact
  readonly client: OpenAI
  readonly #http: HttpFetch
  readonly #watch: ModelWatch

  constructor(settings: Settings) {
    this.settings = settings
    this.#watch = new ModelWatch('generate_content', settings.model, 'openai-compatible')
    this.redact = redactor(settings)
    this.#http = new HttpFetch(settings)
    this.client = new OpenAI({
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

  /** One whole answer within `firstTokenTimeoutMs`, after as many attempts as it takes within `totalTimeoutMs`.
   *  @param adapt whether another attempt makes sense at once, because the attempt will be another one after this failure */
  answer<T>(
    signal: AbortSignal | undefined,
    attempt: (signal: AbortSignal) => Promise<T>,
    adapt: (failure: HoldfastError) => boolean = () => false,
  ): Promise<T> {
    return this.#watch.call(() => this.#answer(signal, attempt, adapt))
  }

  /** The bytes of an answer as they come: attempts as of `answer` until the first of them is there, none after it. Leaving the loop closes the
   *  connection. */
  bytes(
    signal: AbortSignal | undefined,
    open: (signal: AbortSignal) => Promise<ByteSource>,
    adapt: (failure: HoldfastError) => boolean = () => false,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    return this.#watch.stream(this.#bytes(signal, open, adapt))
  }

  async #answer<T>(
    signal: AbortSignal | undefined,
    attempt: (signal: AbortSignal) => Promise<T>,
    adapt: (failure: HoldfastError) => boolean,
  ): Promise<T> {
    const { firstTokenTimeoutMs, totalTimeoutMs } = this.settings
    using limits = new ReplyLimits(signal, totalTimeoutMs)
    const late = (): HoldfastError => timedOut('answer', firstTokenTimeoutMs)
    for (let retries = 0; ;) {
      try {
        limits.throwIfEnded()
        return await limits.within(firstTokenTimeoutMs, late, () => attempt(limits.signal))
      } catch (error) {
        const failure = limits.failure ?? failureOf(error, this.redact)
        if (!adapt(failure)) await this.beforeRetry(retries++, failure, limits)
      }
    }
  }

  async *#bytes(
    signal: AbortSignal | undefined,
    open: (signal: AbortSignal) => Promise<ByteSource>,
    adapt: (failure: HoldfastError) => boolean,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { firstTokenTimeoutMs, idleTimeoutMs, totalTimeoutMs } = this.settings
    using limits = new ReplyLimits(signal, totalTimeoutMs)
    const late = (): HoldfastError => timedOut('answer', firstTokenTimeoutMs)
    for (let retries = 0; ;) {
      const source: { chunks?: AsyncIterator<Uint8Array> } = {}
      let hasBegun = false
      try {
        limits.throwIfEnded()
        const chunks = await limits.within(firstTokenTimeoutMs, late, async () => {
          source.chunks = (await open(limits.signal))[Symbol.asyncIterator]()
          return source.chunks
        })
        const idle = (): HoldfastError => timedOut('go on with its answer', idleTimeoutMs)
        for (;;) {
          const step = await limits.within(hasBegun ? idleTimeoutMs : firstTokenTimeoutMs, hasBegun ? idle : late, () =>
            chunks.next(),
          )
          limits.throwIfEnded()
          if (step.done === true) return
          hasBegun = true
          yield step.value
        }
      } catch (error) {
        const failure = limits.failure ?? (hasBegun ? streamCut(error, this.redact) : failureOf(error, this.redact))
        if (hasBegun) throw failure
        if (!adapt(failure)) await this.beforeRetry(retries++, failure, limits)
      } finally {
        await source.chunks?.return?.()
      }
    }
  }

  /** Waits for the time of the next attempt, or throws the failure if there is none. */
  async beforeRetry(retries: number, failure: HoldfastError, limits: ReplyLimits): Promise<void> {
    const delayMs = retryDelayMs(failure, retries, this.settings)
    if (delayMs === undefined) throw failure
    await limits.pause(delayMs)
    limits.throwIfEnded()
  }

  check(options: CheckOptions = {}): Promise<ModelCheck> {
    return checkEndpoint(this.client, this.settings, this.redact, options)
  }

  [Symbol.dispose](): void {
    this.#http[Symbol.dispose]()
  }
}
