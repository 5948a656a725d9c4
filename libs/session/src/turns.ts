import { randomUUID } from 'node:crypto'
import type { Document } from '@holdfast/persistence'
import { HoldfastError, invalidField } from '@holdfast/errors'
import { type StoreContext, commit } from './context.js'
import { conversationDeleted, isCode, noConversation, noMessage, resolveUnknown, turnLost } from './failures.js'
import { checkConversationId, checkKey, replyIdOf, replyKeyPrefix } from './ids.js'
import type { Message } from './message.js'
import { type EntryToAppend, type Messages, appendTo } from './messages.js'
import { RunningTurn } from './running-turn.js'
import type { ReplyRecord, Shapes, TurnRecord } from './shapes.js'
import { messageOf, readAll, readEntry } from './stored-messages.js'
import type { BeginTurn, BegunTurn } from './turn.js'
import { checkInteger, checkMessages, checkSeq, checkText, isObject } from './validation.js'

const defaultLeaseMs = 15_000

interface Begin {
  readonly entries: readonly EntryToAppend[] | undefined
  readonly replyTo: number | undefined
  readonly key: string | undefined
  readonly model: string | undefined
  readonly leaseMs: number
  readonly nonce: string
}

type Begun =
  | { readonly started: false; readonly replyId: string; readonly messages: readonly Message[] }
  | {
      readonly started: true
      readonly token: number
      readonly replyTo: number
      readonly record: ReplyRecord
      readonly messages: readonly Message[]
    }

/** Who may write the reply of a conversation: one holder at a time, under a lease by the database's clock, each with a token that no
 *  other holder has. The lease only decides when others may take over; what keeps a late holder out is that its writes
 *  are checked against the turn, or against the end that was put to its reply. */
export class Turns {
  readonly #context: StoreContext
  readonly #messages: Messages
  readonly #cancelPollMs: number
  readonly #running = new Map<string, RunningTurn>()
  #poll: NodeJS.Timeout | undefined
  #closed = false

  constructor(context: StoreContext, messages: Messages, cancelPollMs: number) {
    this.#context = context
    this.#messages = messages
    this.#cancelPollMs = cancelPollMs
  }

  /** The turn of this reply, if this process holds it. */
  running(replyId: string): RunningTurn | undefined {
    return this.#running.get(replyId)
  }

  async begin(id: string, input: BeginTurn): Promise<BegunTurn> {
    checkConversationId(id, 'id')
    const begin = await this.#check(input)
    for (let race = 1; ; race += 1) {
      const seen: { busy?: Document<TurnRecord> } = {}
      try {
        const begun = await resolveUnknown(() =>
          commit(this.#context, (tx) => {
            delete seen.busy
            return this.#beginIn(tx, id, begin, seen)
          }),
        )
        if (begin.entries !== undefined) this.#messages.touched(id, begun.messages)
        return begun.started ? this.#start(id, begin, begun, input.autoRenew ?? true) : begun
      } catch (error) {
        const lostRace = isCode(error, 'ABORTED') && error.reason === 'STALE_VERSION'
        if (race >= 10 || (seen.busy === undefined && !lostRace)) throw error
        if (seen.busy !== undefined && !(await this.#endIfDead(seen.busy))) throw error
      }
    }
  }

  /** Ends the conversation's turn as `interrupted` if its holder is dead. @returns whether it did */
  async endIfDead(id: string): Promise<boolean> {
    const turn = await this.#context.shapes.turns.get(id)
    return turn !== undefined && this.#endIfDead(turn)
  }

  async recover(): Promise<number> {
    let ended = 0
    for await (const turn of this.#context.shapes.turns.find({ status: 'active' })) {
      if (await this.#endIfDead(turn)) ended += 1
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

  async #check(input: BeginTurn): Promise<Begin> {
    if (!isObject(input)) throw invalidField('begin', 'must be an object')
    const { messages, replyTo, model, leaseMs = defaultLeaseMs } = input
    checkInteger(leaseMs, 'leaseMs', 100, 3_600_000)
    if (model !== undefined) checkText(model, 'model', { min: 0, max: 200 })
    const common = { model, leaseMs, nonce: randomUUID() }
    if (replyTo === undefined) {
      const entries = await this.#messages.prepare(checkMessages(messages, this.#context.textBytes))
      return { ...common, entries, replyTo, key: undefined }
    }
    if (messages !== undefined) throw invalidField('messages', 'must be absent when replyTo is given')
    const key = input.key === undefined ? undefined : checkKey(input.key, 'key')
    return { ...common, entries: undefined, replyTo: checkSeq(replyTo, 'replyTo'), key }
  }

  async #beginIn(tx: Shapes, id: string, begin: Begin, seen: { busy?: Document<TurnRecord> }): Promise<Begun> {
    const turn = await tx.turns.get(id)
    const { messages, reply } = await findAnswered(tx, id, begin)
    const replyTo = messages.at(-1)?.seq
    if (replyTo === undefined) throw noConversation(id)
    if (turn?.data.nonce === begin.nonce && turn.data.status === 'active') {
      const { token, replyId } = turn.data
      const record = await tx.replyRecords.get(replyId)
      if (record !== undefined) return { started: true, token, replyTo, record: record.data, messages }
    }
    if (reply !== undefined) return { started: false, replyId: reply, messages }
    if (turn?.data.status === 'active') {
      seen.busy = turn
      throw turnInProgress(id, turn.data.replyId)
    }
    const token = (turn?.data.token ?? 0) + 1
    const replyId = replyIdOf({ conversationId: id, replyTo, token })
    const { nonce, leaseMs, key, model } = begin
    const { processId } = this.#context
    const held = { status: 'active', token, replyId, processId, nonce, leaseMs, renewals: 0 } as const
    await tx.turns.put(id, held, { ifVersion: turn?.version ?? 0 })
    const record: ReplyRecord = {
      conversationId: id,
      replyTo,
      token,
      status: 'active',
      ...(key === undefined ? {} : { key }),
      ...(model === undefined || model === '' ? {} : { model }),
    }
    await tx.replyRecords.insertOne(record, { id: replyId })
    return { started: true, token, replyTo, record, messages }
  }

  #start(id: string, begin: Begin, begun: Begun & { started: true }, autoRenew: boolean): BegunTurn {
    const { token, replyTo, record, messages } = begun
    const { nonce, leaseMs } = begin
    const turn: RunningTurn = new RunningTurn({
      context: this.#context,
      conversationId: id,
      replyTo,
      token,
      nonce,
      record,
      leaseMs,
      autoRenew,
      onOver: (message) => {
        this.#running.delete(turn.replyId)
        if (message !== undefined) this.#messages.touched(id, [message])
      },
    })
    this.#running.set(turn.replyId, turn)
    this.#pollLater()
    return { started: true, turn, replyId: turn.replyId, messages }
  }

  async #endIfDead(seen: Document<TurnRecord>): Promise<boolean> {
    const { status, processId, leaseMs, replyId } = seen.data
    if (status !== 'active') return false
    // Its renewal is only late: this process was busy.
    if (this.#running.get(replyId)?.renews === true) return false
    const { singleOwner, processId: own, now } = this.#context
    const orphaned = singleOwner && processId !== own
    if (!orphaned && (await now()) < seen.updatedAt.getTime() + leaseMs) return false
    const ended = await resolveUnknown(() => commit(this.#context, (tx) => endAbandoned(tx, seen)))
    if (ended === undefined) return false
    this.#messages.touched(seen.id, [ended])
    this.#running.get(replyId)?.lose(turnLost(replyId))
    return true
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

/** The messages that are to be answered, appended unless they are there, and the reply that the same call began before. */
async function findAnswered(
  tx: Shapes,
  id: string,
  { entries, replyTo, key }: Begin,
): Promise<{ messages: Message[]; reply: string | undefined }> {
  const head = await tx.messages.head(id)
  if (entries !== undefined) {
    const messages = await appendTo(tx, id, entries)
    const last = messages.at(-1)?.seq ?? 0
    return { messages, reply: last < head.next ? await replyOf(tx, id, last) : undefined }
  }
  if (head.removed) throw conversationDeleted(id)
  if (!head.exists) throw noConversation(id)
  const entry = replyTo === undefined ? undefined : await readEntry(tx.messages, id, replyTo)
  if (entry === undefined) throw noMessage(id, replyTo ?? 0)
  if (entry.data.role !== 'user' || entry.data.redacted === true) throw notAUserMessage(id, entry.seq)
  const filter = { conversationId: id, replyTo: entry.seq, key }
  const known = key === undefined ? undefined : await tx.replyRecords.findOne(filter)
  return { messages: [messageOf(entry)], reply: known?.id }
}

/** The first reply to a message. Once its stream was swept, its message still tells. */
async function replyOf(tx: Shapes, id: string, replyTo: number): Promise<string | undefined> {
  const record = await tx.replyRecords.findOne({ conversationId: id, replyTo }, { sort: { token: 1 } })
  if (record !== undefined) return record.id
  const following = await tx.messages.read(id, { after: replyTo, limit: 100 })
  return following.find(({ data }) => data.reply?.id.startsWith(`${id}.${replyTo}.`) === true)?.data.reply?.id
}

/** Ends the turn that was seen, unless its holder has moved since. @returns the message that holds what was durable */
async function endAbandoned(tx: Shapes, seen: Document<TurnRecord>): Promise<Message | undefined> {
  const turn = await tx.turns.get(seen.id)
  if (turn?.data.status !== 'active' || turn.version !== seen.version) return undefined
  const { replyId, cancelRequested, ...idle } = turn.data
  const record = await tx.replyRecords.get(replyId)
  if (record === undefined) throw new HoldfastError('DATA_LOSS', `The record of reply ${replyId} is missing`)
  const pieces: string[] = []
  let next = 1
  for await (const { seq, data } of readAll(tx.replies, replyId)) {
    next = seq + 1
    if (data.kind === 'text') pieces.push(data.text)
  }
  const text = pieces.join('')
  const status = cancelRequested === true ? 'cancelled' : 'interrupted'
  const { model } = record.data
  const reply = { id: replyId, status, ...(model === undefined ? {} : { model }) } as const
  const parts = text === '' ? [] : [{ type: 'text', text } as const]
  const data = { role: 'assistant', parts, reply } as const
  const [message] = await appendTo(tx, seen.id, [{ key: replyKeyPrefix + replyId, data }])
  if (message === undefined) throw new HoldfastError('INTERNAL', `The message of reply ${replyId} was not stored`)
  await tx.replies.append(replyId, [{ data: { kind: 'end', status, messageSeq: message.seq } }], { ifNext: next })
  const ended = { status, finishedAt: message.at.getTime(), messageSeq: message.seq } as const
  await tx.replyRecords.put(replyId, { ...record.data, ...ended })
  await tx.turns.put(seen.id, { ...idle, replyId, status: 'idle' }, { ifVersion: turn.version })
  return message
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
