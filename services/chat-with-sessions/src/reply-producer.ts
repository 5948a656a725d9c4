import { HoldfastError, asHoldfastError } from '@holdfast/errors'
import type { ChatModel, ChatRequest } from '@holdfast/models'
import type { ConversationStore, Part, ReplyStatus, Turn } from '@holdfast/session'
import { answer, failed } from './answer.js'
import type { EngineLogger, ReplyHooks } from './hooks.js'

// How long a reply that was told to stop may take to write its end.
const stopGraceMs = 3_000

export interface DrainReport {
  /** Replies that came to their own end. */
  readonly finished: number
  /** Replies that were ended as `interrupted`. */
  readonly interrupted: number
}

export interface ProducerOptions {
  readonly conversations: ConversationStore
  readonly model: ChatModel
  readonly logger: EngineLogger
  /** Absent: nobody counts, and replies are not watched. */
  readonly hooks: ReplyHooks | undefined
}

/** Makes replies, each by itself: whoever reads them may come and go. */
export class ReplyProducer {
  readonly #options: ProducerOptions
  readonly #running = new Map<string, Promise<void>>()
  readonly #beginning = new Set<Promise<unknown>>()
  #started = 0
  readonly #stop = new AbortController()

  constructor(options: ProducerOptions) {
    this.#options = options
  }

  get active(): number {
    return this.#running.size
  }

  makes(replyId: string): boolean {
    return this.#running.has(replyId)
  }

  /** Returns at once; the reply goes on until it is finished, cancelled, lost or drained. */
  start(
    turn: Turn,
    prompt: (signal: AbortSignal) => Promise<ChatRequest>,
    complete?: (text: string, signal: AbortSignal) => Promise<Part[]>,
  ): void {
    const { replyId } = turn
    const over = this.#make(turn, prompt, complete)
      .catch((error: unknown) => {
        // The turn stays, until its lease runs out and somebody ends it with what was durable.
        this.#options.logger.error({ err: error, replyId }, 'A reply could not be ended')
      })
      .finally(() => this.#running.delete(replyId))
    this.#running.set(replyId, over)
    this.#started += 1
  }

  /** Runs what begins a turn and starts its reply: a drain in between waits for that reply as well. */
  async beginning<R>(begin: () => Promise<R>): Promise<R> {
    const begun = begin()
    this.#beginning.add(begun)
    try {
      return await begun
    } finally {
      this.#beginning.delete(begun)
    }
  }

  /** Waits `waitMs` for replies that run or begin, then ends the rest as `interrupted`. */
  async drain(waitMs: number): Promise<DrainReport> {
    const startedBefore = this.#started - this.active
    await this.#atMost(waitMs)
    const interrupted = this.active
    const atFirst = this.#started - startedBefore
    this.#stop.abort(new HoldfastError('CANCELLED', 'The server is stopping'))
    await this.#atMost(stopGraceMs)
    if (this.active > 0)
      this.#options.logger.warn({ replies: this.active }, 'Replies were left for other processes to end')
    return { finished: atFirst - interrupted, interrupted }
  }

  async #make(
    turn: Turn,
    prompt: (signal: AbortSignal) => Promise<ChatRequest>,
    complete: ((text: string, signal: AbortSignal) => Promise<Part[]>) | undefined,
  ): Promise<void> {
    const { model, hooks, logger } = this.#options
    const startedAt = performance.now()
    const watching = hooks === undefined ? undefined : this.#watch(turn.replyId, hooks, startedAt)
    let status: ReplyStatus | 'lost' = 'lost'
    try {
      const ending = await answer(
        { turn, model, stop: this.#stop.signal, onToken: () => hooks?.token(), complete },
        prompt,
      )
      if (ending === undefined) return
      if (ending.error !== undefined) {
        logger.warn({ replyId: turn.replyId, model: model.name, error: ending.error }, 'The model failed')
      }
      try {
        await turn.finish(ending)
        status = ending.status
      } catch (error) {
        const { signal } = turn
        if (signal.aborted) return
        if (!(error instanceof HoldfastError) || error.code !== 'INVALID_ARGUMENT') throw error
        // What the model made besides the text has no place in a message.
        await turn.finish(failed(asHoldfastError(error, `Ending reply ${turn.replyId}`)))
        status = 'failed'
      }
    } finally {
      hooks?.ended(status, performance.now() - startedAt)
      await watching
    }
  }

  /** Counts what readers get, when they get it. */
  async #watch(replyId: string, hooks: ReplyHooks, startedAt: number): Promise<void> {
    let isFirst = true
    try {
      for await (const event of this.#options.conversations.followReply(replyId)) {
        if (event.kind !== 'text') continue
        if (isFirst) hooks.firstToken(performance.now() - startedAt)
        isFirst = false
        hooks.flushed(event.text.length)
      }
    } catch {
      // The reply's own end tells what went wrong; here only the count is short.
    }
  }

  async #atMost(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const elapsed = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms)
    })
    await Promise.race([elapsed, this.#allOver()])
    clearTimeout(timer)
  }

  async #allOver(): Promise<void> {
    while (this.#beginning.size + this.#running.size > 0) {
      await Promise.allSettled([...this.#beginning, ...this.#running.values()])
    }
  }
}
