import { randomUUID } from 'node:crypto'
import type { UIMessage } from 'ai'
import { invalidField } from '@holdfast/errors'
import type { Collection, Document, Filter, Scope, TenantStore } from '@holdfast/persistence'
import { encodeMessage } from './message-json.js'

interface StoredMessage {
  readonly chatId: string
  readonly messageId: string
  /** Grows within a chat, with gaps. */
  readonly place: number
  /** The message as JSON text. */
  readonly json: string
}

interface StoredChat {
  /** The last place that was given away. */
  readonly places: number
}

/** Concurrent writers of one chat come one after the other. */
const attempts = { maxAttempts: 50 }

/** The messages of all chats, each a document. */
export class StoredMessages {
  readonly #store: TenantStore
  readonly #names: { readonly chats: string; readonly messages: string }

  constructor(store: TenantStore, prefix: string) {
    this.#store = store
    this.#names = { chats: `${prefix}chats`, messages: `${prefix}messages` }
  }

  /** Oldest first. @param before id of a message; only those before it */
  async load<M extends UIMessage>(chatId: string, limit: number | undefined, before: string | undefined): Promise<M[]> {
    let filter: Filter = { chatId }
    if (before !== undefined) {
      const place = (await this.#messages(this.#store).get(idOf(chatId, before)))?.data.place
      if (place === undefined) throw invalidField('before', 'names no message of this chat')
      filter = { chatId, place: { $lt: place } }
    }
    const newest = { sort: { place: -1 as const }, ...(limit === undefined ? {} : { limit }) }
    const found = await this.#messages(this.#store).find(filter, newest).toArray()
    return found.toReversed().map(({ data }) => JSON.parse(data.json) as M)
  }

  async get(
    scope: Scope,
    chatId: string,
    messageId: string,
  ): Promise<{ readonly place: number; readonly json: string } | undefined> {
    return (await this.#messages(scope).get(idOf(chatId, messageId)))?.data
  }

  /** Whether both are there, and the one comes after the other. */
  async isBehind(chatId: string, messageId: string, other: string): Promise<boolean> {
    const [one, two] = await this.#messages(this.#store).getMany([idOf(chatId, messageId), idOf(chatId, other)])
    return one !== undefined && two !== undefined && one.data.place > two.data.place
  }

  /** Known ones are replaced where they stand, new ones come behind. */
  async append(chatId: string, messages: readonly UIMessage[]): Promise<void> {
    const fresh = encodeAll(messages)
    if (fresh.size === 0) return
    await this.#store.transaction(
      async (tx) => {
        const known = await this.#messages(tx).getMany([...fresh.keys()].map((id) => idOf(chatId, id)))
        await this.#write(tx, chatId, fresh, places(known))
      },
      { key: randomUUID(), ...attempts },
    )
  }

  /** The chat holds these and no others. Writes only what differs. */
  async save(chatId: string, messages: readonly UIMessage[]): Promise<void> {
    const fresh = encodeAll(messages)
    await this.#store.transaction(
      async (tx) => {
        const known = places(await this.#messages(tx).find({ chatId }).toArray())
        let last = 0
        const kept = new Map<string, StoredMessage>()
        for (const id of fresh.keys()) {
          const there = known.get(id)
          // From the first one that is out of order all get new places.
          if (there === undefined || there.place <= last) last = Number.POSITIVE_INFINITY
          else kept.set(id, there)
          last = Math.max(last, there?.place ?? 0)
        }
        const gone = [...known.keys()].filter((id) => !kept.has(id))
        for (const id of gone) await this.#messages(tx).deleteOne(idOf(chatId, id))
        await this.#write(tx, chatId, fresh, kept)
      },
      { key: randomUUID(), ...attempts },
    )
  }

  /** Removes the message and all behind it. @returns how many */
  async truncate(chatId: string, messageId: string): Promise<number> {
    return this.#store.transaction(
      async (tx) => {
        const from = await this.get(tx, chatId, messageId)
        if (from === undefined) return 0
        return (await this.#messages(tx).deleteMany({ chatId, place: { $gte: from.place } })).deleted
      },
      { key: randomUUID(), ...attempts },
    )
  }

  /** A place for a message that will come. @throws FAILED_PRECONDITION if the chat was deleted */
  async reserve(tx: Scope, chatId: string, count = 1): Promise<number> {
    const chat = await this.#chats(tx).updateOne(chatId, { $inc: { places: count } }, { upsert: true })
    return (chat?.data.places ?? count) - count + 1
  }

  /** At a reserved place, unless it has one. */
  async put(tx: Scope, chatId: string, message: UIMessage, place: number): Promise<void> {
    const there = await this.get(tx, chatId, message.id)
    const json = encodeMessage(message, 'message')
    if (json === there?.json) return
    const data = { chatId, messageId: message.id, place: there?.place ?? place, json }
    await this.#messages(tx).put(idOf(chatId, message.id), data)
  }

  /** Leaves a tombstone of the chat. */
  async remove(tx: Scope, chatId: string): Promise<boolean> {
    await this.#messages(tx).deleteMany({ chatId })
    return this.#chats(tx).deleteOne(chatId)
  }

  async #write(
    tx: Scope,
    chatId: string,
    fresh: ReadonlyMap<string, string>,
    known: ReadonlyMap<string, StoredMessage>,
  ): Promise<void> {
    const added = [...fresh].filter(([id]) => !known.has(id))
    if (added.length > 0) {
      const first = await this.reserve(tx, chatId, added.length)
      await this.#messages(tx).insertMany(
        added.map(([messageId, json], index) => ({
          id: idOf(chatId, messageId),
          data: { chatId, messageId, place: first + index, json },
        })),
      )
    }
    for (const [id, there] of known) {
      const json = fresh.get(id)
      if (json !== undefined && json !== there.json) await this.#messages(tx).put(idOf(chatId, id), { ...there, json })
    }
  }

  #messages(scope: Scope): Collection<StoredMessage> {
    return scope.collection<StoredMessage>(this.#names.messages, { indexes: [{ on: ['chatId', 'place'] }] })
  }

  #chats(scope: Scope): Collection<StoredChat> {
    return scope.collection<StoredChat>(this.#names.chats, { softDelete: { retainMs: 0 } })
  }
}

/** No chat's id has a slash. */
function idOf(chatId: string, messageId: string): string {
  return `${chatId}/${messageId}`
}

function encodeAll(messages: readonly UIMessage[]): Map<string, string> {
  if (!Array.isArray(messages)) throw invalidField('messages', 'must be an array')
  const encoded = new Map<string, string>()
  for (const [index, message] of (messages as readonly UIMessage[]).entries()) {
    const json = encodeMessage(message, `messages[${index}]`)
    if (encoded.has(message.id)) throw invalidField(`messages[${index}].id`, 'is that of a message before it')
    encoded.set(message.id, json)
  }
  return encoded
}

function places(documents: readonly (Document<StoredMessage> | undefined)[]): Map<string, StoredMessage> {
  return new Map(
    documents.flatMap((document) => (document === undefined ? [] : [[document.data.messageId, document.data]])),
  )
}
