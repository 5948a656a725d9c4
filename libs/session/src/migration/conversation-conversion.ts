import { isDeepStrictEqual } from 'node:util'
import { HoldfastError } from '@holdfast/errors'
import type { Collection, DocumentStore } from '@holdfast/persistence'
import type { ConversationStore } from '../conversation-store.js'
import type { Message } from '../message.js'
import { legacyText } from '../session-store/direct-backend-text.js'
import type { SessionBackend } from '../session-store/session-backend.js'
import { sameStoredJson } from './canonical-json.js'
import { type CarriedConversation, convertedFrom, type LegacyConversation, writtenBack } from './legacy-conversation.js'

export interface ConversationConversionOptions {
  /** With the sessions: any backend, so that a migration that is under way is respected. It is not closed. */
  readonly sessions: SessionBackend
  /** Of the conversation store. */
  readonly documents: DocumentStore
  readonly conversations: ConversationStore
  readonly onProgress?: (done: number) => void
  /** Stops between two conversations, with CANCELLED. */
  readonly signal?: AbortSignal
}

export interface ConversationConversionReport {
  readonly conversations: number
  readonly messages: number
  /** Those that stay sessions only, and why. */
  readonly refused: readonly { readonly id: string; readonly why: string }[]
}

const keysAtOnce = 500
const messagesAtOnce = 500
/** As many conversations are under way side by side. */
const conversationsAtOnce = 8
const sessionKey = /^session:(.+):(metadata|context|state)$/s

/** Makes conversations of what the old service kept under `session:{id}:metadata`, `:context` and `:state`: messages with their ids, title, labels, state. The
 *  sessions stay. Can be repeated, and taken up again: what is there already stays. */
export async function convertConversations(
  options: ConversationConversionOptions,
): Promise<ConversationConversionReport> {
  const { sessions, documents, conversations } = options
  const carried = carriedIn(documents)
  let messages = 0
  const refused: { id: string; why: string }[] = []
  const count = await forEach(options, idsOf(sessions), async (id) => {
    const converted = convertedFrom(id, await readLegacy(sessions, id))
    if ('refused' in converted) {
      refused.push({ id, why: converted.refused })
      return
    }
    try {
      const { userId, title, metadata } = converted
      const known = (await carried.get(id))?.data
      // Before the conversation: a message without its time could not be written back as it was.
      const timestamps = { ...known?.timestamps, ...converted.carried.timestamps }
      const kept = { ...converted.carried, timestamps, isConverted: known?.isConverted ?? false }
      if (!isDeepStrictEqual(kept, known)) await carried.put(id, kept)
      const isNew = await create(conversations, { id, userId, title, metadata })
      for (let start = 0; start < converted.messages.length; start += messagesAtOnce) {
        const page = converted.messages.slice(start, start + messagesAtOnce)
        const appended = await conversations.append(id, page)
        messages += appended.length
      }
      if (converted.state !== undefined && isNew && (await conversations.state(id)).version === 0) {
        await conversations.replaceState(id, converted.state, { ifVersion: 0 })
      }
      if (!kept.isConverted) await carried.put(id, { ...kept, isConverted: true })
    } catch (error) {
      if (!(error instanceof HoldfastError) || !isOfOne.has(error.code)) throw error
      refused.push({ id, why: error.message })
    }
  })
  return { conversations: count - refused.length, messages, refused }
}

/** Writes conversations back as the old service would have: those that came from it, and new ones. What is the same already is not
 *  written, and what was deleted here is deleted there. */
export async function writeConversationsBack(
  options: ConversationConversionOptions,
): Promise<ConversationConversionReport & { readonly written: number; readonly deleted: number }> {
  const { sessions, documents, conversations } = options
  const carried = carriedIn(documents)
  let [messages, written, deleted] = [0, 0, 0]
  const seen = new Set<string>()
  const count = await forEach(options, allConversations(conversations), async (id) => {
    seen.add(id)
    const [conversation, state, history, known] = await Promise.all([
      conversations.get(id),
      conversations.state(id),
      allMessages(conversations, id),
      carried.get(id),
    ])
    messages += history.length
    const changed = await writeLegacy(sessions, id, writtenBack(conversation, history, state, known?.data))
    written += changed
  })
  for await (const { id } of carried.find({ isConverted: true })) {
    if (seen.has(id) || (await isThere(conversations, id))) continue
    for (const part of ['metadata', 'context', 'state']) {
      if ((await sessions.remove(`session:${id}:${part}`)).existed) deleted += 1
    }
  }
  return { conversations: count, messages, refused: [], written, deleted }
}

/** Failures that say something about one conversation. */
const isOfOne: ReadonlySet<string> = new Set([
  'INVALID_ARGUMENT',
  'ALREADY_EXISTS',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
])

/** `isConverted`: if there is no such conversation any more, then because it was deleted. */
type Carried = CarriedConversation & { readonly isConverted: boolean }

function carriedIn(documents: DocumentStore): Collection<Carried> {
  return documents.collection<Carried>('legacy-conversations')
}

/** Whether it was made, or was still as it was made. */
async function create(
  conversations: ConversationStore,
  conversation: Parameters<ConversationStore['create']>[0] & { readonly id: string },
): Promise<boolean> {
  try {
    await conversations.create(conversation)
    return true
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== 'ALREADY_EXISTS') throw error
    return false
  }
}

async function isThere(conversations: ConversationStore, id: string): Promise<boolean> {
  try {
    await conversations.get(id)
    return true
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'NOT_FOUND') return false
    throw error
  }
}

async function readLegacy(sessions: SessionBackend, id: string): Promise<LegacyConversation> {
  const parts = (['metadata', 'context', 'state'] as const).map((part) => sessions.read(`session:${id}:${part}`))
  const [metadata, context, state] = await Promise.all(parts)
  return { metadata: metadata?.json, context: context?.json, state: state?.json }
}

/** @returns how many were not the same already */
async function writeLegacy(sessions: SessionBackend, id: string, legacy: LegacyConversation): Promise<number> {
  let written = 0
  for (const part of ['metadata', 'context', 'state'] as const) {
    const key = `session:${id}:${part}`
    const json = legacy[part]
    const there = await sessions.read(key)
    if (json === undefined || (there.json !== undefined && sameStoredJson(json, legacyText(key, there.json).text)))
      continue
    await sessions.write({ key, value: JSON.parse(json), json, ttlMs: undefined, ifVersion: undefined })
    written += 1
  }
  return written
}

async function* idsOf(sessions: SessionBackend): AsyncGenerator<string> {
  const seen = new Set<string>()
  let after = 'session:'
  for (;;) {
    const keys = await sessions.keys(after, keysAtOnce)
    for (const key of keys) {
      const id = sessionKey.exec(key)?.[1]
      if (id === undefined || seen.has(id)) continue
      seen.add(id)
      yield id
    }
    const last = keys.at(-1)
    if (last === undefined || keys.length < keysAtOnce || !last.startsWith('session:')) return
    after = last
  }
}

async function* allConversations(conversations: ConversationStore): AsyncGenerator<string> {
  let cursor: string | undefined
  do {
    const page = await conversations.list({ limit: 500, ...(cursor === undefined ? {} : { cursor }) })
    for (const { id } of page.items) yield id
    cursor = page.next
  } while (cursor !== undefined)
}

async function allMessages(conversations: ConversationStore, id: string): Promise<Message[]> {
  const all: Message[] = []
  for (;;) {
    const page = await conversations.messages(id, { after: all.at(-1)?.seq ?? 0, limit: 1_000 })
    all.push(...page)
    if (page.length < 1_000) return all
  }
}

async function forEach(
  { onProgress, signal }: ConversationConversionOptions,
  ids: AsyncIterable<string>,
  work: (id: string) => Promise<void>,
): Promise<number> {
  let done = 0
  const running = new Set<Promise<void>>()
  const failures: unknown[] = []
  for await (const id of ids) {
    if (signal?.aborted === true) {
      failures.push(new HoldfastError('CANCELLED', 'The conversion was stopped: run it again'))
    }
    // Those that are under way come to their end first.
    if (failures.length > 0) break
    const one = work(id).then(
      () => {
        done += 1
      },
      (error: unknown) => void failures.push(error),
    )
    running.add(one)
    void one.then(() => running.delete(one))
    if (running.size >= conversationsAtOnce) await Promise.race(running)
    onProgress?.(done)
  }
  await Promise.all(running)
  if (failures.length > 0) throw failures[0]
  return done
}
