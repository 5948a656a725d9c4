import { setTimeout as wait } from 'node:timers/promises'
import type { UIMessage, UIMessageChunk } from 'ai'
import { HoldfastError } from '@holdfast/errors'
import { encode } from './message-json.js'
import { type BegunReply, isStale, type ReplyStatus, type StoredReplies } from './stored-replies.js'

export interface RecordedReply {
  /** Absent if nothing of it was durable. */
  readonly message: UIMessage | undefined
  readonly status: ReplyStatus
}

/** Stores the chunks of one reply as they come. While a commit is under way they gather; the next one takes all of them. */
export class Recording {
  readonly #replies: StoredReplies
  readonly #chatId: string
  readonly #newId: () => string
  readonly #chunks: UIMessageChunk[] = []
  #messageId = ''
  #status: ReplyStatus = 'complete'

  constructor(replies: StoredReplies, chatId: string, newId: () => string) {
    this.#replies = replies
    this.#chatId = chatId
    this.#newId = newId
  }

  /** @param emit gets the chunks that are durable */
  async run(
    source: ReadableStream<UIMessageChunk>,
    emit: (chunks: readonly UIMessageChunk[]) => void,
  ): Promise<RecordedReply> {
    const reader = source.getReader()
    try {
      return await this.#run(reader, emit)
    } catch (error) {
      // Nobody reads on: the model need not go on either.
      await reader.cancel(error).catch(() => undefined)
      throw error
    }
  }

  async #run(
    reader: ReadableStreamDefaultReader<UIMessageChunk>,
    emit: (chunks: readonly UIMessageChunk[]) => void,
  ): Promise<RecordedReply> {
    const gathered = new Gathered(reader)
    let batch = this.#name(await gathered.next())
    if (batch.length === 0) {
      if (gathered.failure !== undefined) throw gathered.failure.error
      return { message: undefined, status: this.#status }
    }
    const { begun, next: first } = await this.#replies.begin(this.#chatId, this.#messageId)
    const pulse = setInterval(
      () => void this.#replies.renew(begun.id).catch(() => undefined),
      this.#replies.leaseMs / 3,
    )
    try {
      let next = first
      for (; batch.length > 0; batch = this.#name(await gathered.next()), next += 1) {
        await this.#write(begun, next, encode(batch, 'chunks'))
        this.#chunks.push(...batch)
        emit(batch)
      }
      if (gathered.failure !== undefined) this.#status = 'failed'
      const message = await this.#lasting(() =>
        this.#replies.end(this.#chatId, begun, { next, chunks: this.#chunks, status: this.#status, key: begun.id }),
      )
      if (gathered.failure !== undefined) throw gathered.failure.error
      return { message, status: this.#status }
    } finally {
      clearInterval(pulse)
      await this.#replies.retire(begun.id).catch(() => undefined)
    }
  }

  async #write(begun: BegunReply, next: number, json: string): Promise<void> {
    // With a key: repeating it is safe.
    await this.#lasting(() => this.#replies.write(this.#chatId, begun, next, json))
  }

  /** Outlasts an outage that is shorter than the lease; chunks gather meanwhile. */
  async #lasting<R>(work: () => Promise<R>): Promise<R> {
    const started = performance.now()
    for (let pauseMs = 50; ; pauseMs = Math.min(1_000, pauseMs * 2)) {
      try {
        return await work()
      } catch (error) {
        if (isStale(error)) throw lost(this.#chatId, error)
        if (!isOutage(error) || performance.now() - started + pauseMs > this.#replies.leaseMs) throw error
        await wait(pauseMs)
      }
    }
  }

  /** The message has the same id here and at the client: a `start` that names none gets it, and there is one. */
  #name(chunks: UIMessageChunk[]): UIMessageChunk[] {
    for (const [index, chunk] of chunks.entries()) {
      if (chunk.type === 'error') this.#status = 'failed'
      if (chunk.type === 'abort') this.#status = 'cancelled'
      if (chunk.type !== 'start') continue
      if (this.#messageId === '') this.#messageId = chunk.messageId || this.#newId()
      if (!chunk.messageId) chunks[index] = { ...chunk, messageId: this.#messageId }
    }
    const [first] = chunks
    if (this.#messageId !== '' || first === undefined) return chunks
    this.#messageId = this.#newId()
    return [{ type: 'start', messageId: this.#messageId }, ...chunks]
  }
}

/** What has come since it was last asked. */
class Gathered {
  failure: { readonly error: unknown } | undefined
  readonly #chunks: UIMessageChunk[] = []
  #isOver = false
  #wake: () => void = () => undefined

  constructor(reader: ReadableStreamDefaultReader<UIMessageChunk>) {
    void this.#pump(reader)
  }

  /** At least one; none: the stream is over. */
  async next(): Promise<UIMessageChunk[]> {
    while (this.#chunks.length === 0 && !this.#isOver) {
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    return this.#chunks.splice(0)
  }

  async #pump(reader: ReadableStreamDefaultReader<UIMessageChunk>): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) break
        this.#chunks.push(value)
        this.#wake()
      }
    } catch (error) {
      this.failure = { error }
    }
    this.#isOver = true
    this.#wake()
  }
}

function isOutage(error: unknown): boolean {
  return error instanceof HoldfastError && (error.code === 'UNAVAILABLE' || error.code === 'UNKNOWN')
}

function lost(chatId: string, cause: unknown): HoldfastError {
  return new HoldfastError('ABORTED', `The reply in chat ${chatId} was ended by a newer one, or taken for dead`, {
    reason: 'REPLY_LOST',
    cause,
  })
}
