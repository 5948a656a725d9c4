import { HoldfastError, asHoldfastError, invalidField } from '@holdfast/errors'
import { type StoreContext, commit } from './context.js'
import { conversationDeleted, isTransient, turnLost } from './failures.js'
import { replyIdOf, replyKeyPrefix } from './ids.js'
import { LiveReply } from './live-reply.js'
import type { Message, Part, Reply } from './message.js'
import { appendTo } from './messages.js'
import { ReplyWriter, textEntries } from './reply-writer.js'
import type { MessageRecord, ReplyRecord, Shapes } from './shapes.js'
import { messageOf, readEntry } from './stored-messages.js'
import type { Turn, TurnEnding } from './turn.js'
import { checkInteger, checkPart, checkText, checkTextBytes } from './validation.js'

const endings: ReadonlySet<string> = new Set<TurnEnding['status']>(['complete', 'interrupted', 'cancelled', 'failed'])

export interface RunningTurnOptions {
  readonly context: StoreContext
  readonly conversationId: string
  readonly replyTo: number
  readonly token: number
  readonly nonce: string
  readonly record: ReplyRecord
  readonly leaseMs: number
  readonly autoRenew: boolean
  /** Called once, when the turn has ended or is lost. */
  readonly onOver: (message: Message | undefined) => void
}

/** A turn that this process holds. */
export class RunningTurn implements Turn {
  readonly conversationId: string
  readonly replyId: string
  readonly replyTo: number
  readonly token: number
  readonly live: LiveReply
  readonly #options: RunningTurnOptions
  readonly #writer: ReplyWriter
  readonly #controller = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #finishing: Promise<Message> | undefined
  #lost: HoldfastError | undefined
  #finished = false

  constructor(options: RunningTurnOptions) {
    this.#options = options
    this.conversationId = options.conversationId
    this.replyTo = options.replyTo
    this.token = options.token
    this.replyId = replyIdOf(options)
    this.live = new LiveReply(this.replyId)
    this.#writer = new ReplyWriter({
      log: options.context.shapes.replies,
      conversationId: this.conversationId,
      replyId: this.replyId,
      live: this.live,
      maxBytes: options.context.textBytes,
      patienceMs: 2 * options.leaseMs,
      onLost: (error) => this.lose(error),
    })
    if (options.autoRenew) this.#renewLater(options.leaseMs / 3)
  }

  get renews(): boolean {
    return this.#options.autoRenew
  }

  get isEnding(): boolean {
    return this.#finishing !== undefined
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  write(text: string): void {
    if (typeof text !== 'string') throw invalidField('text', 'must be a string')
    this.#writer.write(text)
  }

  flushed(): Promise<void> {
    return this.#writer.flushed()
  }

  async renew(): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost
    const { token, conversationId } = this
    const { context, nonce } = this.#options
    const { turns } = context.shapes
    const held = { _id: conversationId, status: 'active', token, nonce }
    const renewed = await turns.updateOne(held, { $inc: { renewals: 1 } })
    if (renewed?.data.cancelRequested === true) this.cancel()
    if (renewed !== undefined || this.#finishing !== undefined) return
    const error =
      (await turns.get(conversationId)) === undefined ? conversationDeleted(conversationId) : turnLost(this.replyId)
    this.lose(error)
    throw error
  }

  finish(ending: TurnEnding): Promise<Message> {
    this.#finishing ??= this.#finish(ending).catch((error: unknown) => {
      // So that a caller whose database was away can try again.
      this.#finishing = undefined
      throw error
    })
    return this.#finishing
  }

  /** Tells the holder that somebody wants the reply to stop. */
  cancel(): void {
    const { replyId } = this
    this.#controller.abort(
      new HoldfastError('CANCELLED', `Reply ${replyId} was cancelled`, {
        reason: 'REPLY_CANCELLED',
        metadata: { replyId },
      }),
    )
  }

  /** Nothing can be written any more. */
  lose(error: HoldfastError): void {
    if (this.#lost !== undefined || this.#finished) return
    this.#lost = error
    this.stopRenewing()
    this.#writer.fail(error)
    this.live.lose()
    this.#options.onOver(undefined)
    this.#controller.abort(error)
  }

  stopRenewing(): void {
    clearTimeout(this.#timer)
  }

  /** A turn that was neither finished nor lost ends as `interrupted` with all that was written. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#lost !== undefined) return
    try {
      await this.finish({ status: 'interrupted' })
    } catch (error) {
      this.#options.context.reportFailure(`Ending reply ${this.replyId}`, error)
    }
  }

  #renewLater(afterMs: number): void {
    this.#timer = setTimeout(() => {
      this.renew().then(
        () => this.#renewLater(this.#options.leaseMs / 3),
        (error: unknown) => {
          if (this.#lost !== undefined) return
          this.#options.context.reportFailure(`Renewing the turn of reply ${this.replyId}`, error)
          this.#renewLater(this.#options.leaseMs / 10)
        },
      )
    }, afterMs)
    this.#timer.unref()
    if (this.#lost !== undefined || this.#finishing !== undefined) this.stopRenewing()
  }

  async #finish(ending: TurnEnding): Promise<Message> {
    const { context } = this.#options
    const made = replyParts(ending, context.textBytes)
    const reply = this.#reply(ending)
    if (this.#lost !== undefined) throw this.#lost
    const { rest, next } = await this.#writer.seal()
    const text = this.live.text + rest
    const parts = [...made.before, ...(text === '' ? [] : [{ type: 'text', text } as const]), ...made.after]
    const data = { role: 'assistant', parts, reply } as const
    const message = await this.#persist(() =>
      commit(context, (tx) => this.#end(tx, data, { rest, next, status: ending.status })),
    )
    this.#finished = true
    this.stopRenewing()
    this.live.push(rest)
    this.live.end(ending.status, message)
    this.#options.onOver(message)
    return message
  }

  /** The one commit that ends a turn, checked against the turn itself. */
  async #end(
    tx: Shapes,
    data: MessageRecord,
    last: { readonly rest: string; readonly next: number; readonly status: TurnEnding['status'] },
  ): Promise<Message> {
    const { conversationId, replyId, token } = this
    const { nonce, record } = this.#options
    const turn = await tx.turns.get(conversationId)
    if (turn?.data.status !== 'active' || turn.data.token !== token || turn.data.nonce !== nonce) {
      return this.#endedBefore(tx, turn === undefined)
    }
    const [message] = await appendTo(tx, conversationId, [{ key: replyKeyPrefix + replyId, data }])
    if (message === undefined) throw new HoldfastError('INTERNAL', `The message of reply ${replyId} was not stored`)
    const end = { kind: 'end', status: last.status, messageSeq: message.seq } as const
    await tx.replies.append(replyId, [...textEntries(last.rest), { data: end }], { ifNext: last.next })
    const ended = { status: last.status, finishedAt: message.at.getTime(), messageSeq: message.seq, endedBy: nonce }
    await tx.replyRecords.put(replyId, { ...record, ...ended })
    const { cancelRequested: _, ...idle } = turn.data
    await tx.turns.put(conversationId, { ...idle, status: 'idle' }, { ifVersion: turn.version })
    return message
  }

  /** An earlier try whose outcome was unknown may have ended it. */
  async #endedBefore(tx: Shapes, noTurn: boolean): Promise<Message> {
    const { conversationId, replyId } = this
    const record = await tx.replyRecords.get(replyId)
    if (record?.data.endedBy === this.#options.nonce && record.data.messageSeq !== undefined) {
      const entry = await readEntry(tx.messages, conversationId, record.data.messageSeq)
      if (entry !== undefined) return messageOf(entry)
    }
    throw noTurn ? conversationDeleted(conversationId) : turnLost(replyId)
  }

  async #persist<R>(work: () => Promise<R>): Promise<R> {
    const deadline = performance.now() + 2 * this.#options.leaseMs
    for (let delay = 20; ; delay = Math.min(1000, delay * 2)) {
      if (this.#lost !== undefined) throw this.#lost
      try {
        return await work()
      } catch (error) {
        if (!isTransient(error)) {
          const lost = asHoldfastError(error, `Ending reply ${this.replyId}`)
          this.lose(lost)
          throw lost
        }
        if (performance.now() > deadline) throw error
        await new Promise((resolve) => setTimeout(resolve, delay))
      }
    }
  }

  #reply(ending: TurnEnding): Reply {
    const { status, usage, finishReason, error } = ending
    if (!endings.has(status)) throw invalidField('status', 'must be complete, interrupted, cancelled or failed')
    if (finishReason !== undefined) checkText(finishReason, 'finishReason', { min: 0, max: 200 })
    if (usage !== undefined) {
      checkInteger(usage.inputTokens, 'usage.inputTokens', 0, Number.MAX_SAFE_INTEGER)
      checkInteger(usage.outputTokens, 'usage.outputTokens', 0, Number.MAX_SAFE_INTEGER)
    }
    const { model } = this.#options.record
    return {
      id: this.replyId,
      status,
      ...(model === undefined ? {} : { model }),
      ...(usage === undefined ? {} : { usage: { inputTokens: usage.inputTokens, outputTokens: usage.outputTokens } }),
      ...(finishReason === undefined ? {} : { finishReason }),
      ...(error === undefined ? {} : { error: { code: error.code, message: error.message.slice(0, 4096) } }),
    }
  }
}

function replyParts({ reasoning, parts = [] }: TurnEnding, textBytes: number): { before: Part[]; after: Part[] } {
  const before =
    reasoning === undefined
      ? []
      : [{ type: 'reasoning', text: checkTextBytes(reasoning, 'reasoning', textBytes) } as const]
  const after = parts.map((part, index) => checkPart(part, `parts[${index}]`, textBytes))
  const text = after.findIndex((part) => part.type === 'text')
  if (text !== -1) throw invalidField(`parts[${text}]`, 'must not be text: text is written to the stream')
  return { before, after }
}
