import { HoldfastError } from '@holdfast/errors'
import type { Entry } from '@holdfast/persistence'
import type { StoreContext } from './context.js'
import type { FollowOptions } from './conversation-store.js'
import { conversationGone, isDeleted, isRemoved, noReply, resolveUnknown } from './failures.js'
import { type ReplyAddress, parseReplyId } from './ids.js'
import { checkPosition, tailOf } from './live-reply.js'
import type { Message, ReplyStatus } from './message.js'
import type { ReplyEnd, ReplyEntry } from './shapes.js'
import { readAll } from './stored-messages.js'
import { appendReply, findReplyMessage, readReply } from './stored-replies.js'
import type { Turns } from './turns.js'
import type { ReplyEvent, ReplyState } from './turn.js'
import { checkInteger } from './validation.js'

const watchMs = 1000
const sweepAtMost = 2000
// Small flushes of a stored reply are handed out together, up to this many UTF-16 units.
const maxEventUnits = 32_768

/** Replies as their readers see them: the stream while it is kept, the message afterwards. */
export class Replies {
  readonly #context: StoreContext
  readonly #turns: Turns
  readonly #retentionMs: number

  constructor(context: StoreContext, turns: Turns, retentionMs: number) {
    this.#context = context
    this.#turns = turns
    this.#retentionMs = retentionMs
  }

  async *follow(replyId: string, options: FollowOptions): AsyncGenerator<ReplyEvent> {
    const { after = 0, signal } = options
    checkInteger(after, 'after', 0, Number.MAX_SAFE_INTEGER)
    const address = addressOf(replyId)
    let position = after
    const running = this.#turns.running(replyId)
    if (running !== undefined) {
      const lostAt = yield* running.live.follow(after, signal)
      if (lostAt === undefined) return
      position = lostAt
    }
    if (signal?.aborted === true) return
    if (await this.#isKept(replyId, address)) yield* this.#fromStream(replyId, address, position, signal)
    else yield* this.#fromMessage(replyId, address, position)
  }

  async state(replyId: string): Promise<ReplyState> {
    const address = addressOf(replyId)
    const { replies, turns } = this.#context.shapes
    const [[last], turn] = await Promise.all([
      replies.read(replyId, { reverse: true, limit: 1 }),
      turns.get(address.conversationId),
    ])
    if (last?.data.kind === 'end') return ended(await this.#messageOf(replyId, address, last.data))
    if (turn?.data.status === 'active' && turn.data.replyId === replyId) return { status: 'running' }
    return ended(await this.#findMessage(replyId, address))
  }

  async cancel(replyId: string, waitMs: number): Promise<ReplyState> {
    checkInteger(waitMs, 'waitMs', 0, 3_600_000)
    const { conversationId } = addressOf(replyId)
    const running = this.#turns.running(replyId)
    if (running !== undefined) {
      running.cancel()
      await running.live.over(waitMs)
      return this.state(replyId)
    }
    const state = await this.state(replyId)
    if (state.status !== 'running') return state
    // First, because the flag is a write, and every write of the turn counts as a renewal.
    if (!(await this.#turns.endIfDead(conversationId))) await this.#turns.requestCancel(conversationId, replyId)
    const deadline = performance.now() + waitMs
    for (let delay = 20; ; delay = Math.min(200, delay * 2)) {
      const now = await this.state(replyId)
      if (now.status !== 'running' || performance.now() >= deadline) return now
      await new Promise((resolve) => setTimeout(resolve, delay))
    }
  }

  async sweep(): Promise<number> {
    const { shapes, now } = this.#context
    const old = shapes.replyRecords.find(
      { startedAt: { $lt: (await now()) - this.#retentionMs } },
      { sort: { startedAt: 1 }, limit: sweepAtMost },
    )
    let swept = 0
    for await (const { id, data } of old) {
      const turn = await shapes.turns.get(data.conversationId)
      if (turn?.data.status === 'active' && turn.data.replyId === id) continue
      await shapes.replies.remove(id)
      await shapes.replyRecords.deleteOne(id)
      swept += 1
    }
    return swept
  }

  /** Whether there is a stream, or will be. */
  async #isKept(replyId: string, { conversationId }: ReplyAddress): Promise<boolean> {
    const { replies, turns } = this.#context.shapes
    const [head, turn] = await Promise.all([replies.head(replyId), turns.get(conversationId)])
    return head.exists || (turn?.data.status === 'active' && turn.data.replyId === replyId)
  }

  /** History up to the head, then live. While the reply is made elsewhere, its maker is watched: if it dies, its turn is
   *  ended here, so that nobody waits for ever. */
  async *#fromStream(
    replyId: string,
    address: ReplyAddress,
    after: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<ReplyEvent> {
    const { replies } = this.#context.shapes
    const reader = new StreamReader(replyId, after)
    try {
      for await (const entry of readAll(replies, replyId)) {
        if (entry.data.kind === 'end') return yield* this.#theEnd(reader, entry.data, address)
        yield* reader.gather(entry)
      }
      yield* reader.flush()
      if (after > reader.length) await this.#refuseCursor(replyId, after, reader.length)
      const watch = this.#watch(address.conversationId)
      try {
        for await (const entry of replies.tail(replyId, {
          after: reader.seq,
          ...(signal === undefined ? {} : { signal }),
        })) {
          if (entry.data.kind === 'end') return yield* this.#theEnd(reader, entry.data, address)
          yield* reader.gather(entry)
          yield* reader.flush()
        }
      } finally {
        clearInterval(watch)
      }
    } catch (error) {
      if (!isRemoved(error)) throw error
      // The stream was removed while it was read: swept or redacted, then the message has the rest, or deleted.
      const { removed } = await this.#context.shapes.messages.head(address.conversationId)
      if (removed) throw conversationGone(address.conversationId, error)
      yield* this.#fromMessage(replyId, address, reader.position)
    }
  }

  async *#theEnd(reader: StreamReader, end: ReplyEnd, address: ReplyAddress): AsyncGenerator<ReplyEvent> {
    yield* reader.flush()
    checkPosition(reader.replyId, reader.position, reader.length)
    const message = await this.#messageOf(reader.replyId, address, end)
    yield { kind: 'end', status: end.reply.status, message, cursor: reader.length }
  }

  async *#fromMessage(replyId: string, address: ReplyAddress, after: number): AsyncGenerator<ReplyEvent> {
    const message = await this.#findMessage(replyId, address)
    const text = message.parts.find((part) => part.type === 'text')?.text ?? ''
    // An edit may have made it shorter than what was streamed once.
    if (message.editedAt === undefined) checkPosition(replyId, after, text.length)
    const rest = after < text.length ? tailOf(replyId, text, after) : ''
    const cursor = Math.max(after, text.length)
    if (rest !== '') yield { kind: 'text', text: rest, cursor }
    yield { kind: 'end', status: statusOf(message), message, cursor }
  }

  /** Fewer characters than the cursor says: it is not from here, unless the stream has just been removed. */
  async #refuseCursor(replyId: string, after: number, length: number): Promise<void> {
    const { removed } = await this.#context.shapes.replies.head(replyId)
    if (!removed) checkPosition(replyId, after, length)
  }

  #watch(conversationId: string): NodeJS.Timeout {
    let looking = false
    const look = async (): Promise<void> => {
      if (looking) return
      looking = true
      try {
        await this.#turns.endIfDead(conversationId)
      } catch (error) {
        this.#context.reportFailure('Watching a reply that is made elsewhere', error)
      } finally {
        looking = false
      }
    }
    void look()
    return setInterval(() => void look(), watchMs)
  }

  /** The message of a reply that has ended. Appends it, should the process that ended the reply not have come to that. */
  async #messageOf(replyId: string, { conversationId, from }: ReplyAddress, end: ReplyEnd): Promise<Message> {
    const { shapes } = this.#context
    const message = await findReplyMessage(shapes, conversationId, from, ({ reply }) => reply?.id === replyId)
    if (message !== undefined) return message
    try {
      const { text, end: first } = await readReply(shapes, replyId)
      return await resolveUnknown(() => appendReply(this.#context, conversationId, text, first ?? end))
    } catch (error) {
      throw isDeleted(error) ? conversationGone(conversationId, error) : error
    }
  }

  async #findMessage(replyId: string, { conversationId, from }: ReplyAddress): Promise<Message> {
    const { shapes } = this.#context
    const message = await findReplyMessage(shapes, conversationId, from, ({ reply }) => reply?.id === replyId)
    if (message !== undefined) return message
    const { removed } = await shapes.messages.head(conversationId)
    throw removed ? conversationGone(conversationId) : noReply(replyId)
  }
}

/** Turns entries into events from a position on. */
class StreamReader {
  readonly replyId: string
  /** Of the last entry. */
  seq = 0
  /** Of all entries seen. */
  length = 0
  /** Up to where events were made. */
  position: number
  #gathered = ''

  constructor(replyId: string, after: number) {
    this.replyId = replyId
    this.position = after
  }

  *gather({ seq, data }: Entry<ReplyEntry>): Generator<ReplyEvent> {
    this.seq = seq
    if (data.kind !== 'text') return
    const start = this.length
    this.length += data.text.length
    const seen = this.position + this.#gathered.length
    if (this.length <= seen) return
    this.#gathered += tailOf(this.replyId, data.text, Math.max(0, seen - start))
    if (this.#gathered.length >= maxEventUnits) yield* this.flush()
  }

  *flush(): Generator<ReplyEvent> {
    if (this.#gathered === '') return
    const text = this.#gathered
    this.#gathered = ''
    this.position += text.length
    yield { kind: 'text', text, cursor: this.position }
  }
}

function addressOf(replyId: unknown): ReplyAddress {
  const address = parseReplyId(replyId)
  if (address === undefined) throw noReply(String(replyId).slice(0, 250))
  return address
}

function ended(message: Message): ReplyState {
  return { status: statusOf(message), message }
}

function statusOf(message: Message): ReplyStatus {
  if (message.reply !== undefined) return message.reply.status
  throw new HoldfastError('DATA_LOSS', `Message ${message.seq} ends a reply but does not tell how`)
}
