import { randomUUID } from 'node:crypto'
import { HoldfastError, invalidField } from '@holdfast/errors'
import type { ActivityTimes } from './activity.js'
import { type StoreContext, commit } from './context.js'
import type { MessagesOptions } from './conversation-store.js'
import { conversationDeleted, isCode, noConversation, noMessage, resolveUnknown, isRemoved } from './failures.js'
import { checkConversationId } from './ids.js'
import type { Message, NewMessage, Part } from './message.js'
import {
  blobOwner,
  type ChangeRecord,
  type ConversationRecord,
  isDeleting,
  type MessageRecord,
  type Shapes,
} from './shapes.js'
import { keepBlobs, namesBlob } from './kept-blobs.js'
import { messageFrom, messageOf, readEntry } from './stored-messages.js'
import { type CheckedMessage, checkInteger, checkLimit, checkMessages, checkParts, checkSeq } from './validation.js'

type Awaitable<T> = T | Promise<T>

export interface EntryToAppend {
  readonly key: string
  readonly data: MessageRecord
}

/** The transcript: log entries, one for each message. */
export class Messages {
  readonly #context: StoreContext
  readonly #activity: ActivityTimes

  constructor(context: StoreContext, activity: ActivityTimes) {
    this.#context = context
    this.#activity = activity
  }

  /** One append that gathers with those of other callers; whether the conversation exists is asked in the same statement. */
  async append(id: string, input: readonly NewMessage[]): Promise<Message[]> {
    checkConversationId(id, 'id')
    const entries = await this.prepare(id, checkMessages(input, this.#context.textBytes))
    const appended = await appendTo(this.#context, id, entries)
    this.touched(id, appended)
    return appended
  }

  /** The entries that make the messages, with a key for each, so that an append whose outcome is unknown can be repeated. */
  async prepare(id: string, messages: readonly CheckedMessage[]): Promise<EntryToAppend[]> {
    const entries: EntryToAppend[] = []
    for (const [index, { key, role, parts: given }] of messages.entries()) {
      const parts = given.some(namesBlob)
        ? await keepBlobs(this.#context, id, given, `messages[${index}].parts`)
        : given
      entries.push({ key: key ?? randomUUID(), data: { role, parts } })
    }
    return entries
  }

  touched(id: string, messages: readonly Message[]): void {
    const last = messages.at(-1)
    if (last === undefined) return
    this.#activity.touch(id, last.at)
    this.#context.changed(id)
  }

  async read(id: string, options: MessagesOptions): Promise<Message[]> {
    checkConversationId(id, 'id')
    const { after, before, reverse } = options
    if (after !== undefined) checkInteger(after, 'after', 0, Number.MAX_SAFE_INTEGER)
    if (before !== undefined) checkInteger(before, 'before', 0, Number.MAX_SAFE_INTEGER)
    if (reverse !== undefined && typeof reverse !== 'boolean') throw invalidField('reverse', 'must be a boolean')
    const range = {
      ...(after === undefined ? {} : { after }),
      ...(before === undefined ? {} : { before }),
      ...(reverse === undefined ? {} : { reverse }),
      limit: checkLimit(options.limit, 100, 1000),
    }
    const held = await this.#context.histories.messages(id, range)
    if (held !== undefined) return held.map(messageFrom)
    const entries = await this.#context.shapes.messages.read(id, range)
    this.#context.histories.saw(id, Math.max(0, ...entries.map(({ seq }) => seq)))
    if (entries.length === 0 && !(await isThere(this.#context, id))) throw noConversation(id)
    return entries.map(messageOf)
  }

  async get(id: string, seq: number): Promise<Message> {
    checkConversationId(id, 'id')
    checkSeq(seq, 'seq')
    const entry = await readEntry(this.#context.shapes.messages, id, seq)
    if (entry !== undefined) return messageOf(entry)
    throw (await isThere(this.#context, id)) ? noMessage(id, seq) : noConversation(id)
  }

  async edit(id: string, seq: number, input: readonly Part[]): Promise<Message> {
    checkConversationId(id, 'id')
    checkSeq(seq, 'seq')
    const parts = await keepBlobs(this.#context, id, checkParts(input, 'parts', this.#context.textBytes), 'parts')
    return this.#change(id, seq, 'edited', (record) => {
      if (record.redacted !== undefined) throw redactedAlready(id, seq)
      return { ...record, parts }
    })
  }

  async redact(id: string, seq: number): Promise<Message> {
    checkConversationId(id, 'id')
    checkSeq(seq, 'seq')
    return this.#change(id, seq, 'redacted', async ({ role, reply, redacted }, tx) => {
      if (redacted !== undefined) return undefined
      if (reply === undefined) return { role, parts: [], redacted: true }
      // The stream holds the text as well. Without it, the reply is answered from the message.
      await tx.replies.remove(reply.id)
      await tx.replyRecords.deleteOne(reply.id)
      const { error, ...rest } = reply
      const kept = error === undefined ? rest : { ...rest, error: { code: error.code, message: '' } }
      return { role, parts: [], redacted: true, reply: kept }
    })
  }

  /** Replaces an entry and tells subscribers, in one commit. `undefined`: there is nothing to change. */
  async #change(
    id: string,
    seq: number,
    kind: ChangeRecord['kind'],
    change: (record: MessageRecord, tx: Shapes) => Awaitable<MessageRecord | undefined>,
  ): Promise<Message> {
    const { histories } = this.#context
    const work = () =>
      commit(this.#context, async (tx) => {
        const conversation = await tx.conversations.get(id)
        if (conversation === undefined || isDeleting(conversation.data)) throw await this.#missing(tx, id)
        const owner = ownerOf(conversation.data, seq)
        if (owner !== undefined) throw shared(id, seq, owner, kind, (await tx.conversations.get(owner)) !== undefined)
        const entry = await readEntry(tx.messages, id, seq)
        if (entry === undefined) throw await this.#noMessage(tx, id, seq)
        const record = await change(entry.data, tx)
        if (record === undefined) return messageOf(entry)
        const [event] = await tx.changes.append(id, [{ data: { seq, kind } }])
        if (event === undefined) throw new HoldfastError('INTERNAL', `The change of message ${seq} was not stored`)
        const amended = await tx.messages.amend(
          id,
          seq,
          { ...record, editedAt: event.at.getTime() },
          { forget: kind === 'redacted' },
        )
        if (amended === undefined) throw noMessage(id, seq)
        await tx.vectors.deleteMany({ conversationId: id, seq })
        return messageOf(amended)
      })
    const message = await histories.committing(id, () => resolveUnknown(work))
    await histories.amended(id)
    this.#context.changed(id)
    return message
  }

  async #noMessage(tx: Shapes, id: string, seq: number): Promise<Error> {
    return (await tx.messages.head(id)).removed ? conversationDeleted(id) : noMessage(id, seq)
  }

  async #missing(tx: Shapes, id: string): Promise<Error> {
    return (await tx.messages.head(id)).removed ? conversationDeleted(id) : noConversation(id)
  }
}

/** Appends by keys, so that it is repeated when its outcome is unknown.
 *  @throws NOT_FOUND, FAILED_PRECONDITION CONVERSATION_DELETED, ALREADY_EXISTS */
export async function appendTo(
  { histories, shapes }: Pick<StoreContext, 'histories' | 'shapes'>,
  id: string,
  entries: readonly EntryToAppend[],
): Promise<Message[]> {
  try {
    const append = () => resolveUnknown(() => shapes.messages.appendHeld(id, entries, { ifExists: true }))
    const { entries: appended, isHeld } = await histories.committing(id, append)
    // Most conversations are in no cache, and then nobody has to be told.
    if (isHeld) await histories.appended(id, appended)
    return appended.map(messageOf)
  } catch (error) {
    if (isCode(error, 'NOT_FOUND')) throw noConversation(id)
    if (isRemoved(error)) {
      // Those that the messages name were linked before.
      await shapes.blobs.unlinkAll(blobOwner(id))
      throw conversationDeleted(id, error)
    }
    throw error
  }
}

async function isThere(context: StoreContext, id: string): Promise<boolean> {
  const { exists, removed } = await context.shapes.messages.head(id)
  return exists && !removed
}

/** Which other conversation a message belongs to. */
function ownerOf({ lineage = [] }: ConversationRecord, seq: number): string | undefined {
  return lineage.find((past) => seq <= past.seq)?.conversationId
}

function shared(
  id: string,
  seq: number,
  owner: string,
  kind: ChangeRecord['kind'],
  ownerExists: boolean,
): HoldfastError {
  const there = kind === 'redacted' ? 'redact it there' : `edit it there, or fork ${id} before it and append anew`
  const gone = `that one was deleted, so only deleting ${id} as well erases it`
  return new HoldfastError(
    'FAILED_PRECONDITION',
    `Message ${seq} belongs to conversation ${owner}, whose past ${id} shares: ${ownerExists ? there : gone}`,
    { reason: 'MESSAGE_SHARED', metadata: { conversationId: id, seq: String(seq), ownerId: owner } },
  )
}

function redactedAlready(id: string, seq: number): HoldfastError {
  return new HoldfastError(
    'FAILED_PRECONDITION',
    `Message ${seq} of ${id} was redacted: append a new message instead`,
    {
      reason: 'MESSAGE_REDACTED',
      metadata: { conversationId: id, seq: String(seq) },
    },
  )
}
