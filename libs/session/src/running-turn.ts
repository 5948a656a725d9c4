import { HoldfastError, asHoldfastError, invalidField } from '@holdfast/errors'
import type { StoreContext } from './context.js'
import { conversationDeleted, isCode, isRemoved, isTransient, turnLost } from './failures.js'
import { LiveReply } from './live-reply.js'
import type { Message, Part, Reply } from './message.js'
import { ReplyWriter, textEntries } from './reply-writer.js'
import type { ActiveTurn, ReplyEnd } from './shapes.js'
import { appendReply } from './stored-replies.js'
import { keepBlobs, namesBlob } from './kept-blobs.js'
import { releaseTurn } from './turn-release.js'
import type { Turn, TurnEnding } from './turn.js'
import { checkInteger, checkPart, checkText, checkTextBytes } from './validation.js'

const endings: ReadonlySet<string> = new Set<TurnEnding['status']>(['complete', 'interrupted', 'cancelled', 'failed'])

export interface RunningTurnOptions {
  readonly context: StoreContext
  readonly conversationId: string
  readonly replyTo: number
  readonly held: ActiveTurn
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
  #end: ReplyEnd | undefined

  constructor(options: RunningTurnOptions) {
    this.#options = options
    this.conversationId = options.conversationId
    this.replyTo = options.replyTo
    this.token = options.held.token
    this.replyId = options.held.replyId
    this.live = new LiveReply(this.replyId)
    this.#writer = new ReplyWriter({
      log: options.context.shapes.replies,
      conversationId: this.conversationId,
      replyId: this.replyId,
      live: this.live,
      maxBytes: options.context.textBytes,
      patienceMs: 2 * options.held.leaseMs,
      onLost: (error) => this.lose(error),
    })
    if (options.autoRenew) this.#renewLater(options.held.leaseMs / 3)
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
    const {
      context,
      held: { nonce },
    } = this.#options
    const { turns } = context.shapes
    const own = { _id: conversationId, status: 'active', token, nonce }
    const renewed = await turns.updateOne(own, { $inc: { renewals: 1 } })
    if (renewed?.data.status === 'active' && renewed.data.cancelRequested === true) this.cancel()
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
        () => this.#renewLater(this.#options.held.leaseMs / 3),
        (error: unknown) => {
          if (this.#lost !== undefined) return
          this.#options.context.reportFailure(`Renewing the turn of reply ${this.replyId}`, error)
          this.#renewLater(this.#options.held.leaseMs / 10)
        },
      )
    }, afterMs)
    this.#timer.unref()
    if (this.#lost !== undefined || this.#finishing !== undefined) this.stopRenewing()
  }

  /** First the end goes into the stream, as far as nobody else has ended it; that decides. What follows from it, the message
   *  and the release, is done by whoever finds the end without them, should this process die in between. */
  async #finish(ending: TurnEnding): Promise<Message> {
    const { context, held } = this.#options
    this.#end ??= await this.#kept(this.#endOf(ending))
    const end = this.#end
    if (this.#lost !== undefined) throw this.#lost
    const { rest, next } = await this.#writer.seal()
    await this.#persist(() => this.#appendEnd(rest, next, end))
    const text = this.live.text + rest
    const message = await this.#persist(() => appendReply(context, this.conversationId, text, end))
    await this.#persist(() => releaseTurn(context, this.conversationId, held))
    this.#finished = true
    this.stopRenewing()
    this.live.push(rest)
    this.live.end(end.reply.status, message)
    this.#options.onOver(message)
    return message
  }

  async #appendEnd(rest: string, next: number, end: ReplyEnd): Promise<void> {
    const { context, held } = this.#options
    // Keys let a repeated append find its own entries, should the answer of the first have been lost.
    const entries = [...textEntries(rest), { data: end }].map((entry, index) => ({
      ...entry,
      key: `${held.nonce}.${index}`,
    }))
    try {
      await context.shapes.replies.append(this.replyId, entries, { ifNext: next })
    } catch (error) {
      if (isRemoved(error)) throw conversationDeleted(this.conversationId, error)
      if (isCode(error, 'ABORTED') && !isTransient(error)) throw turnLost(this.replyId, error)
      throw error
    }
  }

  async #persist<R>(work: () => Promise<R>): Promise<R> {
    const deadline = performance.now() + 2 * this.#options.held.leaseMs
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

  async #kept(end: ReplyEnd): Promise<ReplyEnd> {
    if (!end.after.some(namesBlob)) return end
    return { ...end, after: await keepBlobs(this.#options.context, this.conversationId, end.after, 'parts') }
  }

  #endOf(ending: TurnEnding): ReplyEnd {
    const { status, usage, finishReason, error } = ending
    if (!endings.has(status)) throw invalidField('status', 'must be complete, interrupted, cancelled or failed')
    if (finishReason !== undefined) checkText(finishReason, 'finishReason', { min: 0, max: 200 })
    if (usage !== undefined) {
      checkInteger(usage.inputTokens, 'usage.inputTokens', 0, Number.MAX_SAFE_INTEGER)
      checkInteger(usage.outputTokens, 'usage.outputTokens', 0, Number.MAX_SAFE_INTEGER)
    }
    const { model } = this.#options.held
    const reply: Reply = {
      id: this.replyId,
      replyTo: this.replyTo,
      status,
      ...(model === undefined ? {} : { model }),
      ...(usage === undefined ? {} : { usage: { inputTokens: usage.inputTokens, outputTokens: usage.outputTokens } }),
      ...(finishReason === undefined ? {} : { finishReason }),
      ...(error === undefined ? {} : { error: { code: error.code, message: error.message.slice(0, 4096) } }),
    }
    return { kind: 'end', reply, ...replyParts(ending, this.#options.context.textBytes) }
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
