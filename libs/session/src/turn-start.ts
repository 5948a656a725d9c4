import { randomUUID } from 'node:crypto'
import type { Document } from '@holdfast/persistence'
import { HoldfastError, invalidField } from '@holdfast/errors'
import { type StoreContext, lostConversation } from './context.js'
import { isCode, noMessage, resolveUnknown } from './failures.js'
import { checkKey, replyIdOf } from './ids.js'
import type { Message } from './message.js'
import { type EntryToAppend, type Messages, appendTo } from './messages.js'
import type { ActiveTurn, IdleTurn, ReplyRecord } from './shapes.js'
import { messageOf, readEntry } from './stored-messages.js'
import { findReplyMessage } from './stored-replies.js'
import { releaseTurn } from './turn-release.js'
import type { BeginTurn } from './turn.js'
import { checkInteger, checkMessages, checkSeq, checkText, isObject } from './validation.js'

const defaultLeaseMs = 15_000

interface Known {
  readonly started: false
  readonly replyId: string
  readonly messages: readonly Message[]
}

interface Held {
  readonly held: ActiveTurn
  readonly replyTo: number
  readonly messages: readonly Message[]
}

/** One call of beginTurn: the compare-and-set that makes the turn this call's own, then what it is to answer. */
export class TurnStart {
  readonly #context: StoreContext
  readonly #messages: Messages
  readonly #id: string
  readonly #entries: readonly EntryToAppend[] | undefined
  readonly #replyTo: number | undefined
  readonly #call: string | undefined
  readonly #model: string | undefined
  readonly #leaseMs: number
  /** Tells this call from all others. */
  readonly nonce: string = randomUUID()

  private constructor(
    context: StoreContext,
    messages: Messages,
    id: string,
    { entries, replyTo, call, model, leaseMs }: Checked,
  ) {
    this.#context = context
    this.#messages = messages
    this.#id = id
    this.#entries = entries
    this.#replyTo = replyTo
    this.#call = call
    this.#model = model
    this.#leaseMs = leaseMs
  }

  static async check(context: StoreContext, messages: Messages, id: string, input: BeginTurn): Promise<TurnStart> {
    return new TurnStart(context, messages, id, await checkInput(context, messages, id, input))
  }

  /** While another turn is active: the reply to which the same call led before. */
  async repeated(active: ActiveTurn): Promise<Known | undefined> {
    if (this.#call === undefined) return undefined
    const replyId = active.call === this.#call ? active.replyId : await this.#replyOfCall()
    return replyId === undefined ? undefined : { started: false, replyId, messages: await this.#asked() }
  }

  /** @param from the `seq` that the next message gets at the earliest
   *  @returns `undefined` if another call was faster */
  async begin(idle: Document<IdleTurn>, from: number): Promise<Held | Known | undefined> {
    const { shapes } = this.#context
    // Only a repeated call finds its message stored, and looks for the reply then; a message that is answered anew always is.
    const known = this.#entries === undefined && this.#call !== undefined ? await this.#replyOfCall() : undefined
    if (known !== undefined) return { started: false, replyId: known, messages: await this.#asked() }
    const stored = this.#entries === undefined ? await this.#asked() : undefined
    const token = idle.data.token + 1
    const replyId = replyIdOf({ conversationId: this.#id, from, token })
    const acquired = await this.#acquire(this.#turn(token, replyId), idle.version)
    if (acquired === undefined) return undefined
    const { data: held, updatedAt } = acquired
    try {
      const call = this.#call === undefined ? {} : { call: this.#call }
      const record: ReplyRecord = { conversationId: this.#id, ...call, startedAt: updatedAt.getTime() }
      const [messages] = await settled(stored ?? this.#asked(), shapes.replyRecords.put(replyId, record))
      const replyTo = messages.at(-1)?.seq ?? 0
      if (stored === undefined && replyTo < from) {
        const earlier = (await this.#replyOfCall()) ?? (await this.#replyToMessage(replyTo))
        if (earlier !== undefined) {
          await this.#letGo(held)
          return { started: false, replyId: earlier, messages }
        }
        await shapes.turns.updateOne({ _id: this.#id, nonce: this.nonce }, { $set: { replyTo } })
      }
      if (stored === undefined) this.#messages.touched(this.#id, messages)
      return { held, replyTo, messages }
    } catch (error) {
      await this.#letGo(held)
      throw error
    }
  }

  #turn(token: number, replyId: string): ActiveTurn {
    const key = this.#entries?.at(-1)?.key
    return {
      status: 'active',
      token,
      replyId,
      processId: this.#context.processId,
      nonce: this.nonce,
      leaseMs: this.#leaseMs,
      renewals: 0,
      ...(this.#call === undefined ? {} : { call: this.#call }),
      ...(this.#replyTo === undefined ? {} : { replyTo: this.#replyTo }),
      ...(key === undefined ? {} : { key }),
      ...(this.#model === undefined ? {} : { model: this.#model }),
    }
  }

  async #acquire(held: ActiveTurn, version: number): Promise<Document<ActiveTurn> | undefined> {
    const { turns } = this.#context.shapes
    return resolveUnknown(async () => {
      try {
        const document = await turns.put(this.#id, held, { ifVersion: version })
        return { ...document, data: held }
      } catch (error) {
        if (!isCode(error, 'ABORTED')) throw error
        // An earlier try, whose outcome was unknown, may have been the one that it lost against.
        const current = await turns.get(this.#id)
        const own = current?.data.status === 'active' && current.data.nonce === this.nonce
        return own ? { ...current, data: held } : undefined
      }
    })
  }

  /** What is answered, appended if it is not there yet. */
  async #asked(): Promise<readonly Message[]> {
    const { shapes } = this.#context
    const entries = this.#entries
    if (entries !== undefined) return appendTo(this.#context, this.#id, entries)
    const seq = this.#replyTo ?? 0
    const entry = await readEntry(shapes.messages, this.#id, seq)
    if (entry === undefined) {
      const { exists } = await shapes.messages.head(this.#id)
      throw exists ? noMessage(this.#id, seq) : await lostConversation(this.#context, this.#id)
    }
    if (entry.data.role !== 'user' || entry.data.redacted === true) throw notAUserMessage(this.#id, seq)
    return [messageOf(entry)]
  }

  /** The reply to which a call with the same key led, if it ever began. */
  async #replyOfCall(): Promise<string | undefined> {
    if (this.#call === undefined) return undefined
    const { replyRecords, replies } = this.#context.shapes
    const records = replyRecords.find({ conversationId: this.#id, call: this.#call }, { sort: { startedAt: 1 } })
    for await (const { id } of records) {
      const [last] = await replies.read(id, { reverse: true, limit: 1 })
      if (last?.data.kind === 'end') return id
    }
    return undefined
  }

  /** The same when its stream was swept: its message still tells. */
  async #replyToMessage(replyTo: number): Promise<string | undefined> {
    const { shapes } = this.#context
    const message = await findReplyMessage(shapes, this.#id, replyTo, ({ reply }) => reply?.replyTo === replyTo)
    return message?.reply?.id
  }

  /** Gives the turn back. If that fails, its lease runs out. */
  async #letGo(held: ActiveTurn): Promise<void> {
    try {
      await this.#context.shapes.replyRecords.deleteOne(held.replyId)
      await releaseTurn(this.#context, this.#id, held)
    } catch (error) {
      this.#context.reportFailure(`Giving back the turn of conversation ${this.#id}`, error)
    }
  }
}

interface Checked {
  readonly entries: readonly EntryToAppend[] | undefined
  readonly replyTo: number | undefined
  readonly call: string | undefined
  readonly model: string | undefined
  readonly leaseMs: number
}

async function checkInput(context: StoreContext, appender: Messages, id: string, input: BeginTurn): Promise<Checked> {
  if (!isObject(input)) throw invalidField('begin', 'must be an object')
  const { messages, replyTo, leaseMs = defaultLeaseMs } = input
  checkInteger(leaseMs, 'leaseMs', 100, 3_600_000)
  const model = input.model === undefined ? '' : checkText(input.model, 'model', { min: 0, max: 200 })
  const common = { model: model === '' ? undefined : model, leaseMs }
  if (replyTo === undefined) {
    const checked = checkMessages(messages, context.textBytes)
    const entries = await appender.prepare(id, checked)
    const key = checked.at(-1)?.key
    return { ...common, entries, replyTo, call: key === undefined ? undefined : `message:${key}` }
  }
  if (messages !== undefined) throw invalidField('messages', 'must be absent when replyTo is given')
  const seq = checkSeq(replyTo, 'replyTo')
  const call = input.key === undefined ? undefined : `again:${seq}:${checkKey(input.key, 'key')}`
  return { ...common, entries: undefined, replyTo: seq, call }
}

/** Both results, or the first failure, but not before both are settled: what follows a failure must not overtake the other. */
async function settled<A, B>(a: A | Promise<A>, b: Promise<B>): Promise<[A, B]> {
  const [first, second] = await Promise.allSettled([a, b])
  if (first.status === 'rejected') throw first.reason
  if (second.status === 'rejected') throw second.reason
  return [first.value, second.value]
}

function notAUserMessage(id: string, seq: number): HoldfastError {
  return new HoldfastError(
    'FAILED_PRECONDITION',
    `Message ${seq} of ${id} is not a user's message that can be answered`,
    {
      reason: 'NOT_A_USER_MESSAGE',
      metadata: { conversationId: id, seq: String(seq) },
    },
  )
}
