import { randomUUID } from 'node:crypto'
import type { UIMessage, UIMessageChunk } from 'ai'
import { HoldfastError } from '@holdfast/errors'
import type { Collection, Entry, Log, Scope, TenantStore } from '@holdfast/persistence'
import { foldChunks } from './fold-chunks.js'
import { checkMessageId } from './message-json.js'
import type { StoredMessages } from './stored-messages.js'

/** `interrupted`: its process died, or a newer reply took its place; the message holds what was durable. `failed`, `cancelled`: the stream
 *  said so by a chunk, `error` or `abort`. */
export type ReplyStatus = 'complete' | 'interrupted' | 'cancelled' | 'failed'

export interface LastReply {
  readonly messageId: string
  readonly status: 'running' | ReplyStatus
}

/** Entries of a chat's stream. `reply`: the sequence number of the first entry of the same reply. */
type StoredPiece =
  | {
      readonly kind: 'begin'
      readonly reply: number
      readonly id: string
      readonly messageId: string
      readonly place: number
      /** The message that the reply goes on with, as JSON. */
      readonly base: string | null
    }
  | { readonly kind: 'chunks'; readonly reply: number; readonly json: string }
  | {
      readonly kind: 'end'
      readonly reply: number
      readonly messageId: string
      readonly status: ReplyStatus
    }

export type BegunReply = StoredPiece & { readonly kind: 'begin' }

export type FoundReply =
  | { readonly status: ReplyStatus; readonly messageId: string; readonly reply: number; readonly begun?: undefined }
  | {
      /** `dead`: its process gives no sign of life. */
      readonly status: 'running' | 'dead'
      readonly messageId: string
      readonly reply: number
      readonly begun: BegunReply
    }

interface ReplyEnd {
  readonly next: number
  readonly chunks: readonly UIMessageChunk[]
  readonly status: ReplyStatus
  /** Names the attempt: a repeated one takes effect once. */
  readonly key: string
}

const maxAttempts = 50

/** The chunks of replies, a stream for each chat. Whoever appends says which number comes next: a writer whose reply was ended by others
 *  writes nothing more. */
export class StoredReplies {
  readonly #store: TenantStore
  readonly #messages: StoredMessages
  readonly #names: { readonly chunks: string; readonly alive: string }
  readonly leaseMs: number

  constructor(store: TenantStore, messages: StoredMessages, prefix: string, leaseMs: number) {
    this.#store = store
    this.#messages = messages
    this.#names = { chunks: `${prefix}chunks`, alive: `${prefix}alive` }
    this.leaseMs = leaseMs
  }

  /** The last reply, and what it is up to. */
  async last(chatId: string): Promise<FoundReply | undefined> {
    const [last] = await this.#chunks(this.#store).read(chatId, { limit: 1, reverse: true })
    if (last === undefined) return undefined
    if (last.data.kind === 'end') return last.data
    const begun = await this.#begun(chatId, last.data.reply)
    // A newer reply has begun meanwhile.
    if (begun === undefined) return this.last(chatId)
    const status = (await this.#alive().get(begun.id)) === undefined ? 'dead' : 'running'
    return { status, messageId: begun.messageId, reply: begun.reply, begun }
  }

  /** Ends a reply that is under way. */
  async begin(chatId: string, messageId: string): Promise<{ readonly begun: BegunReply; readonly next: number }> {
    checkMessageId(messageId, 'messageId')
    const id = randomUUID()
    // First: a reply that has begun must not look dead.
    await this.renew(id)
    for (;;) {
      const former = await this.last(chatId)
      if (former?.begun !== undefined) await this.interrupt(chatId, former.begun)
      const { next } = await this.#chunks(this.#store).head(chatId)
      let begun: BegunReply | undefined
      try {
        // Without a result: it would be stored, and outlive the chat.
        await this.#store.transaction(
          async (tx) => {
            const base = (await this.#messages.get(tx, chatId, messageId))?.json ?? null
            const place = await this.#messages.reserve(tx, chatId)
            begun = { kind: 'begin', reply: next, id, messageId, place, base }
            await this.#chunks(tx).append(chatId, [{ data: begun }], { ifNext: next })
          },
          { key: randomUUID(), maxAttempts },
        )
        // What is left of the replies before is in their messages.
        await this.#chunks(this.#store).trim(chatId, { beforeSeq: next })
        if (begun !== undefined) return { begun, next: next + 1 }
      } catch (error) {
        if (!isStale(error)) throw error
      }
    }
  }

  /** @throws ABORTED if the reply was ended; FAILED_PRECONDITION if the chat was deleted */
  async write(chatId: string, { id, reply }: BegunReply, next: number, json: string): Promise<void> {
    const data = { kind: 'chunks' as const, reply, json }
    await this.#chunks(this.#store).append(chatId, [{ key: `${id}:${next}`, data }], { ifNext: next })
  }

  /** The end and the message, in one commit. @throws as `write` */
  async end(
    chatId: string,
    begun: BegunReply,
    { next, chunks, status, key }: ReplyEnd,
  ): Promise<UIMessage | undefined> {
    const message = await this.#fold(begun, chunks)
    await this.#store.transaction(
      async (tx) => {
        const messageId = message?.id ?? begun.messageId
        const data = { kind: 'end' as const, reply: begun.reply, messageId, status }
        await this.#chunks(tx).append(chatId, [{ data }], { ifNext: next })
        if (message !== undefined) await this.#messages.put(tx, chatId, message, begun.place)
      },
      { key: `${this.#names.chunks}:end:${key}`, maxAttempts },
    )
    return message
  }

  /** Ends a reply with what is durable, unless it ends by itself meanwhile. */
  async interrupt(chatId: string, begun: BegunReply): Promise<void> {
    for (;;) {
      const { chunks, next, ended } = await this.#read(chatId, begun)
      if (ended) return
      try {
        await this.end(chatId, begun, { next, chunks, status: 'interrupted', key: randomUUID() })
        return
      } catch (error) {
        // It was alive and wrote.
        if (!isStale(error)) throw error
      }
    }
  }

  /** What is durable of a reply, as a message. */
  async partial(chatId: string, begun: BegunReply): Promise<UIMessage | undefined> {
    return this.#fold(begun, (await this.#read(chatId, begun)).chunks)
  }

  async renew(id: string): Promise<void> {
    await this.#alive().put(id, {}, { ttlMs: this.leaseMs })
  }

  async retire(id: string): Promise<void> {
    await this.#alive().deleteOne(id)
  }

  /** The chunks of a reply from its start, then as they come; at last how it ended. */
  async *follow(chatId: string, reply: number, signal: AbortSignal): AsyncIterable<UIMessageChunk[] | ReplyStatus> {
    for await (const { data } of this.#chunks(this.#store).tail(chatId, { after: reply, signal })) {
      // Its end was trimmed away by a newer one.
      if (data.reply !== reply) yield 'interrupted'
      else if (data.kind === 'chunks') yield parseChunks(data)
      else if (data.kind === 'end') yield data.status
    }
  }

  async remove(tx: Scope, chatId: string): Promise<void> {
    await this.#chunks(tx).create(chatId)
    await this.#chunks(tx).remove(chatId)
  }

  async #fold({ base, messageId }: BegunReply, chunks: readonly UIMessageChunk[]): Promise<UIMessage | undefined> {
    const start = base === null ? undefined : (JSON.parse(base) as UIMessage)
    const message = await foldChunks(start, chunks)
    if (message === undefined || message.parts.length === 0) return undefined
    return message.id === '' ? { ...message, id: messageId } : message
  }

  async #read(
    chatId: string,
    { reply }: BegunReply,
  ): Promise<{ readonly chunks: UIMessageChunk[]; readonly next: number; readonly ended: boolean }> {
    const chunks: UIMessageChunk[] = []
    let next = reply + 1
    for (;;) {
      const page = await this.#chunks(this.#store).read(chatId, { after: next - 1, limit: 1_000 })
      for (const { seq, data } of page) {
        if (data.kind !== 'chunks' || data.reply !== reply) return { chunks, next, ended: true }
        chunks.push(...parseChunks(data))
        next = seq + 1
      }
      if (page.length === 0) return { chunks, next, ended: false }
    }
  }

  async #begun(chatId: string, reply: number): Promise<BegunReply | undefined> {
    const [first]: Entry<StoredPiece>[] = await this.#chunks(this.#store).read(chatId, { after: reply - 1, limit: 1 })
    return first?.seq === reply && first.data.kind === 'begin' ? first.data : undefined
  }

  #chunks(scope: Scope): Log<StoredPiece> {
    return scope.log<StoredPiece>(this.#names.chunks)
  }

  #alive(): Collection<object> {
    return this.#store.collection<object>(this.#names.alive)
  }
}

function parseChunks({ json }: { readonly json: string }): UIMessageChunk[] {
  return JSON.parse(json) as UIMessageChunk[]
}

/** Somebody else appended before. */
export function isStale(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === 'ABORTED' && error.reason !== 'TRANSACTION_CONFLICT'
}
