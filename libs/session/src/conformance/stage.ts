import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { DocumentStore } from '@holdfast/persistence'
import type { ConversationCache, ConversationStore, ConversationStoreOptions } from '../conversation-store.js'
import type { Message, NewMessage } from '../message.js'
import { openConversationStore } from '../open-conversation-store.js'
import type { BeginTurn, BegunTurn, ReplyEvent, Turn } from '../turn.js'

/** An empty document store and what ends it. */
export interface Fixture {
  readonly documents: DocumentStore
  /** Of every conversation store that is opened over it. */
  readonly cache?: ConversationCache
  stop(): Promise<void>
}

/** What the tests of one suite play on: one document store, and as many conversation stores over it as there are processes. */
export class Stage {
  readonly #start: () => Promise<Fixture>
  readonly #opened: ConversationStore[] = []
  #fixture: Fixture | undefined
  #store: ConversationStore | undefined

  constructor(start: () => Promise<Fixture>) {
    this.#start = start
  }

  async start(): Promise<void> {
    this.#fixture = await this.#start()
    this.#store = await this.open()
  }

  async stop(): Promise<void> {
    for (const store of this.#opened) await store.close()
    await this.#fixture?.stop()
  }

  get documents(): DocumentStore {
    assert(this.#fixture)
    return this.#fixture.documents
  }

  get store(): ConversationStore {
    assert(this.#store)
    return this.#store
  }

  async open(options: ConversationStoreOptions = {}): Promise<ConversationStore> {
    const cache = this.#fixture?.cache === undefined ? {} : { cache: this.#fixture.cache }
    const store = await openConversationStore(this.documents, { maintenanceIntervalMs: 0, ...cache, ...options })
    this.#opened.push(store)
    return store
  }

  /** The id of a new conversation that holds these texts. */
  async conversation(...texts: readonly string[]): Promise<string> {
    const { id } = await this.store.create()
    if (texts.length > 0) await this.store.append(id, texts.map(user))
    return id
  }
}

export function user(text: string): NewMessage {
  return { role: 'user', parts: [{ type: 'text', text }] }
}

export function unique(prefix = 'id'): string {
  return `${prefix}-${randomUUID()}`
}

export function textsOf(messages: readonly Pick<Message, 'parts'>[]): string[] {
  return messages.map(({ parts }) => parts.map((part) => ('text' in part ? part.text : `(${part.type})`)).join('|'))
}

export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}

export async function takeTurn(store: ConversationStore, id: string, begin: BeginTurn): Promise<Turn> {
  const begun: BegunTurn = await store.beginTurn(id, begin)
  assert(begun.started, 'the turn was begun before')
  return begun.turn
}

/** Everything a follower gets, and the text as one. */
export async function follow(
  store: ConversationStore,
  replyId: string,
  after = 0,
): Promise<{ text: string; events: ReplyEvent[]; status: string | undefined }> {
  const events: ReplyEvent[] = []
  for await (const event of store.followReply(replyId, { after })) events.push(event)
  const text = events.map((event) => (event.kind === 'text' ? event.text : '')).join('')
  const last = events.at(-1)
  return { text, events, status: last?.kind === 'end' ? last.status : undefined }
}

/** Waits until something holds that no event tells. */
export async function until(condition: () => boolean | Promise<boolean>, withinMs = 10_000): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!(await condition())) {
    assert(performance.now() < deadline, `did not become true within ${withinMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
