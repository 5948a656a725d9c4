import { setTimeout as delay } from 'node:timers/promises'
import { HoldfastError } from '@holdfast/errors'
import type { Conversation, JsonObject, Message } from '@holdfast/session'
import type { ConversationAccess, VersionedState } from '../access/conversation-access.js'
import { canonicalJson } from './canonical-json.js'
import { mergePatchBetween } from './merge-patch.js'
import { type ConversationRecord, type MessageRecord, isPlaceholder, placeholder, recordOfMessage } from './records.js'

const attempts = 5
const chunkMessages = 100

/** The conversation as it is there, or made now. Another one under its id is a conflict, never overwritten. */
export async function reconcileConversation(
  access: ConversationAccess,
  record: ConversationRecord,
): Promise<{ readonly conversation: Conversation; readonly created: boolean }> {
  const { id, userId, title, metadata } = record
  const found = await findConversation(access, id)
  if (found === undefined) {
    return { conversation: await access.create({ id, userId, title, metadata }), created: true }
  }
  const same =
    found.userId === userId && found.title === title && canonicalJson(found.metadata) === canonicalJson(metadata)
  if (!same) throw conflict(`Conversation ${id} exists with another user, title or metadata`)
  return { conversation: found, created: false }
}

export async function findConversation(access: ConversationAccess, id: string): Promise<Conversation | undefined> {
  try {
    return await access.get(id)
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'NOT_FOUND') return undefined
    throw error
  }
}

/** Appends those of the messages that are not there yet, and redacts what is redacted. The others must have the same content,
 *  except where they were edited or redacted since: that stays as it is.
 *  @param records consecutive by `seq` @returns how many were appended */
export async function reconcileMessages(
  access: ConversationAccess,
  conversation: string,
  records: readonly MessageRecord[],
): Promise<number> {
  let appended = 0
  for (let from = 0; from < records.length; from += chunkMessages) {
    appended += await reconcileChunk(access, conversation, records.slice(from, from + chunkMessages))
  }
  return appended
}

async function reconcileChunk(
  access: ConversationAccess,
  conversation: string,
  records: readonly MessageRecord[],
): Promise<number> {
  const first = records[0]
  if (first === undefined) return 0
  const stored = await access.messages(conversation, { after: first.seq - 1, limit: records.length })
  for (const [index, record] of records.slice(0, stored.length).entries()) {
    const message = stored[index]
    if (message !== undefined) await reconcileMessage(access, conversation, record, message)
  }
  const missing = records.slice(stored.length)
  if (missing.length === 0) return 0
  const appended = await access.append(
    conversation,
    missing.map(({ id, role, parts }) => ({ key: id, role, parts: parts.length === 0 ? placeholder : parts })),
  )
  for (const [index, record] of missing.entries()) {
    const message = appended[index]
    if (message?.seq !== record.seq) {
      throw conflict(`Message ${record.id} of conversation ${conversation} is at ${message?.seq}, not ${record.seq}`)
    }
    await reconcileMessage(access, conversation, record, message)
  }
  return missing.length
}

async function reconcileMessage(
  access: ConversationAccess,
  conversation: string,
  record: MessageRecord,
  message: Message,
): Promise<void> {
  const there = recordOfMessage(conversation, message)
  if (there.id !== record.id) {
    throw conflict(`Message ${record.seq} of conversation ${conversation} is ${there.id}, not ${record.id}`)
  }
  if (message.redacted === true || message.editedAt !== undefined) return
  if (record.redacted === true && isPlaceholder(message.parts)) {
    await access.redact(conversation, message.seq)
  } else if (canonicalJson(there) !== canonicalJson(record)) {
    throw conflict(`Message ${record.seq} of conversation ${conversation} has other content`)
  }
}

/** Makes the state what it should be, if it is not. Repeats itself when another writer came between or the outcome of the write
 *  is unknown. @param known what was read or written last, saves reading it */
export async function reconcileState(
  access: ConversationAccess,
  conversation: string,
  state: JsonObject,
  known?: VersionedState,
): Promise<{ readonly now: VersionedState; readonly changed: boolean }> {
  let now = known ?? (await access.state(conversation))
  for (let attempt = 1; ; attempt++) {
    const patch = mergePatchBetween(now.state, state)
    if (patch === undefined) return { now, changed: attempt > 1 }
    try {
      return { now: await access.patchState(conversation, patch, { ifVersion: now.version }), changed: true }
    } catch (error) {
      const again = error instanceof HoldfastError && (error.code === 'ABORTED' || error.code === 'UNKNOWN')
      if (!again || attempt === attempts) throw error
      await delay(20 * attempt)
      now = await access.state(conversation)
    }
  }
}

export function isDeleted(error: unknown): boolean {
  return error instanceof HoldfastError && error.reason === 'CONVERSATION_DELETED'
}

function conflict(what: string): HoldfastError {
  return new HoldfastError(
    'ALREADY_EXISTS',
    `${what}: an import never overwrites, delete the conversation or leave it out`,
    {
      reason: 'IMPORT_CONFLICT',
    },
  )
}
