import type { Document } from '@holdfast/persistence'
import { HoldfastError } from '@holdfast/errors'
import { type StoreContext, lostConversation } from './context.js'
import { conversationDeleted, isCode, isDeleted, isRemoved, isTransient, turnLost } from './failures.js'
import { checkConversationId, parseReplyId } from './ids.js'
import type { Messages } from './messages.js'
import { RunningTurn } from './running-turn.js'
import type { ActiveTurn, ReplyEnd, TurnRecord } from './shapes.js'
import { appendReply, findReplyMessage, readReply } from './stored-replies.js'
import { releaseTurn } from './turn-release.js'
import { TurnQueue } from './turn-queue.js'
import { checkPatience, TurnWait } from './turn-wait.js'
import { TurnStart } from './turn-start.js'
import type { BeginTurn, BegunTurn } from './turn.js'

const maxRaces = 20
/** How long the holder of a turn that is interrupted may take to write its end. */
const interruptGraceMs = 1_000

/** Who may write the reply of a conversation: one holder at a time, under a lease by the database's clock, each with a token that no
 *  other holder has. The lease only decides when others may take over. What keeps a late holder out is that it can append
 *  to its reply only as long as nobody else has: whoever takes over appends the end first.
 *
 *  No step needs a transaction. A turn begins with the compare-and-set of its document; it ends with the end in the reply's
 *  stream, from which follow, idempotently and by whoever comes by, the assistant's message and the release of the turn. With
 *  32 callers PostgreSQL 18 ran 59 turns a second as transactions (serializable ones conflict by index page) and 1,400 so. */
export class Turns {
  readonly #context: StoreContext
  readonly #messages: Messages
  readonly #cancelPollMs: number
  readonly #queue: TurnQueue
  readonly #onEnd: (id: string) => void
  readonly #running = new Map<string, RunningTurn>()
  #poll: NodeJS.Timeout | undefined
  #closed = false

  /** @param onEnd told of conversations whose turn has ended here */
  constructor(context: StoreContext, messages: Messages, cancelPollMs: number, onEnd: (id: string) => void) {
    this.#onEnd = onEnd
    this.#context = context
    this.#messages = messages
    this.#cancelPollMs = cancelPollMs
    this.#queue = new TurnQueue(context)
  }

  /** The turn of this reply, if this process holds it. */
  running(replyId: string): RunningTurn | undefined {
    return this.#running.get(replyId)
  }

  async begin(id: string, input: BeginTurn): Promise<BegunTurn> {
    checkConversationId(id, 'id')
    const patience = checkPatience(input)
    const start = await TurnStart.check(this.#context, this.#messages, id, input)
    const wait = new TurnWait(this.#queue, id, start.nonce, patience)
    try {
      return await this.#begin(id, start, wait, input.autoRenew ?? true)
    } finally {
      await wait.end()
    }
  }

  async #begin(id: string, start: TurnStart, wait: TurnWait, autoRenew: boolean): Promise<BegunTurn> {
    for (let race = 1; ; race += 1) {
      const { turns, messages } = this.#context.shapes
      const [turn, { next }] = await Promise.all([turns.get(id), messages.head(id)])
      if (turn === undefined) throw await lostConversation(this.#context, id)
      if (turn.data.status === 'active') {
        const known = await start.repeated(turn.data)
        if (known !== undefined) return known
        if (race < maxRaces && (await this.#isOver(turn))) continue
        const { replyId } = turn.data
        if (wait.policy === 'reject') throw turnInProgress(id, replyId)
        if (wait.policy === 'interrupt') await this.#interrupt(id, turn.data)
        else await wait.forTurn()
        wait.check(replyId)
      } else if (await wait.isNext()) {
        const begun = await start.begin({ ...turn, data: turn.data }, next)
        if (begun !== undefined) return 'held' in begun ? this.#hold(id, begun, autoRenew) : begun
      } else {
        await wait.forTurn()
        wait.check(undefined)
      }
    }
  }

  /** Ends the reply that is being made as `cancelled`: its holder here has a moment to write what it has, one elsewhere is fenced off, as
   *  one whose lease has run out is. */
  async #interrupt(id: string, turn: ActiveTurn): Promise<void> {
    await this.requestCancel(id, turn.replyId)
    const running = this.#running.get(turn.replyId)
    running?.cancel()
    await running?.live.over(interruptGraceMs)
    if (this.#running.get(turn.replyId) === running && running !== undefined) running.lose(turnLost(turn.replyId))
    await this.#end(id, { ...turn, cancelRequested: true }, true)
  }

  /** Ends the conversation's turn as `interrupted` if its holder is dead. @returns whether it did */
  async endIfDead(id: string): Promise<boolean> {
    const turn = await this.#context.shapes.turns.get(id)
    return turn?.data.status === 'active' && this.#isOver(turn)
  }

  async recover(): Promise<number> {
    let ended = 0
    for await (const turn of this.#context.shapes.turns.find({ status: 'active' })) {
      if (await this.#isOver(turn)) ended += 1
    }
    return ended
  }

  /** Sets the flag that the holder, in whichever process, looks at. */
  async requestCancel(id: string, replyId: string): Promise<void> {
    const { turns } = this.#context.shapes
    await turns.updateOne({ _id: id, status: 'active', replyId }, { $set: { cancelRequested: true } })
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#poll)
    for (const turn of this.#running.values()) turn.stopRenewing()
  }

  #hold(id: string, begun: { held: ActiveTurn; replyTo: number; messages: BegunTurn['messages'] }, autoRenew: boolean) {
    const { held, replyTo, messages } = begun
    const turn: RunningTurn = new RunningTurn({
      context: this.#context,
      conversationId: id,
      replyTo,
      held,
      autoRenew,
      onOver: (message) => {
        this.#running.delete(turn.replyId)
        this.#queue.wake(id)
        this.#onEnd(id)
        if (message !== undefined) this.#messages.touched(id, [message])
      },
    })
    this.#running.set(turn.replyId, turn)
    this.#pollLater()
    return { started: true, turn, replyId: turn.replyId, messages } as const
  }

  /** Whether a turn is idle; that of a dead holder is ended first. */
  async #isOver(seen: Document<TurnRecord>): Promise<boolean> {
    const turn = seen.data
    if (turn.status === 'idle') return true
    // Its renewal is only late: this process was busy.
    if (this.#running.get(turn.replyId)?.renews === true) return false
    const { singleOwner, processId, now } = this.#context
    const orphaned = singleOwner && turn.processId !== processId
    if (!orphaned && (await now()) < seen.updatedAt.getTime() + turn.leaseMs) return false
    await this.#end(seen.id, turn)
    this.#running.get(turn.replyId)?.lose(turnLost(turn.replyId))
    return true
  }

  /** Ends a turn that was abandoned, from whatever state it was left in.
   *  @param isHeld it was not abandoned: whatever its holder is writing, the end comes next, and what comes after that does not count */
  async #end(id: string, turn: ActiveTurn, isHeld = false): Promise<void> {
    const { shapes } = this.#context
    for (let attempt = 1; ; attempt += 1) {
      try {
        const { text, next, end: found } = await readReply(shapes, turn.replyId)
        const end = found ?? (await this.#interruption(id, turn))
        if (end !== undefined) {
          if (found === undefined)
            await shapes.replies.append(turn.replyId, [{ data: end }], isHeld ? {} : { ifNext: next })
          const told = isHeld ? await readReply(shapes, turn.replyId) : { text, end }
          this.#messages.touched(id, [await appendReply(this.#context, id, told.text, told.end ?? end)])
        }
        await releaseTurn(this.#context, id, turn)
        return
      } catch (error) {
        if (isRemoved(error) || isCode(error, 'NOT_FOUND') || isDeleted(error)) return
        // Its holder, or another process that ends it too, wrote to the stream first.
        const again = isTransient(error) || (isCode(error, 'ABORTED') && error.reason === 'STALE_NEXT')
        if (!again || attempt >= 5) throw error
      }
    }
  }

  /** `undefined`: the message that was to be answered was never appended. */
  async #interruption(id: string, turn: ActiveTurn): Promise<ReplyEnd | undefined> {
    const { replyId, model, key, cancelRequested } = turn
    const isAsked = (message: { readonly id: string }): boolean => message.id === key
    const from = parseReplyId(replyId)?.from ?? 1
    const replyTo = turn.replyTo ?? (await findReplyMessage(this.#context.shapes, id, from, isAsked))?.seq
    if (replyTo === undefined) return undefined
    const status = cancelRequested === true ? 'cancelled' : 'interrupted'
    const reply = { id: replyId, replyTo, status, ...(model === undefined ? {} : { model }) } as const
    return { kind: 'end', reply, before: [], after: [] }
  }

  /** Looks at the flags of all turns that this process holds, in one read. */
  #pollLater(): void {
    if (this.#poll !== undefined || this.#closed) return
    this.#poll = setTimeout(() => {
      void this.#look().finally(() => {
        this.#poll = undefined
        if (this.#running.size > 0) this.#pollLater()
      })
    }, this.#cancelPollMs)
  }

  async #look(): Promise<void> {
    const held = [...this.#running.values()]
    try {
      const turns = await this.#context.shapes.turns.getMany(held.map((turn) => turn.conversationId))
      for (const [index, turn] of held.entries()) {
        const stored = turns[index]?.data
        // The end of a turn finds out by itself, and may have been committed without that being known here yet.
        if (turn.isEnding) continue
        if (stored === undefined) turn.lose(conversationDeleted(turn.conversationId))
        else if (stored.token !== turn.token || stored.status !== 'active') turn.lose(turnLost(turn.replyId))
        else if (stored.cancelRequested === true) turn.cancel()
      }
    } catch (error) {
      this.#context.reportFailure('Looking for cancelled replies', error)
    }
  }
}

function turnInProgress(id: string, replyId: string): HoldfastError {
  return new HoldfastError(
    'FAILED_PRECONDITION',
    `Conversation ${id} is being answered by ${replyId}: follow or cancel it`,
    {
      reason: 'TURN_IN_PROGRESS',
      metadata: { conversationId: id, replyId },
    },
  )
}
