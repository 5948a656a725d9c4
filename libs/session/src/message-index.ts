import MiniSearch, { type SearchResult } from 'minisearch'
import { type Message, type Role, textOf } from './message.js'

// What a very long message says first is enough to find it; all of it could make an index of any size.
const maxIndexedUnits = 16_384

export interface Indexed {
  readonly conversationId: string
  readonly seq: number
  readonly role: Role
  readonly at: number
  readonly editedAt: number | undefined
}

export interface WordHit {
  readonly indexed: Indexed
  /** BM25. */
  readonly score: number
  /** How much of what the query says the message has, from 0 to 1. */
  readonly share: number
}

/** An inverted index over messages, BM25, at most so many of them: the oldest go first. */
export class MessageIndex {
  readonly #index = new MiniSearch<{ id: string; text: string }>({ fields: ['text'] })
  readonly #messages = new Map<string, Indexed>()
  readonly #capacity: number

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** Adds a message or replaces it; one without text is not held. */
  put(conversationId: string, message: Message): void {
    const { seq, role } = message
    this.discard(conversationId, seq)
    const text = textOf(message).slice(0, maxIndexedUnits)
    if (text === '') return
    const id = idOf(conversationId, seq)
    this.#index.add({ id, text })
    const times = { at: message.at.getTime(), editedAt: message.editedAt?.getTime() }
    this.#messages.set(id, { conversationId, seq, role, ...times })
    // A tenth of slack, so that the sort is paid once in a while and not for every message.
    if (this.#messages.size > this.#capacity * 1.1) this.#dropOldest()
  }

  discard(conversationId: string, seq: number): void {
    const id = idOf(conversationId, seq)
    if (this.#messages.delete(id)) this.#index.discard(id)
  }

  discardConversation(conversationId: string): void {
    for (const indexed of this.#messages.values()) {
      if (indexed.conversationId === conversationId) this.discard(conversationId, indexed.seq)
    }
  }

  get(conversationId: string, seq: number): Indexed | undefined {
    return this.#messages.get(idOf(conversationId, seq))
  }

  search(query: string, limit: number, keep: (indexed: Indexed) => boolean): WordHit[] {
    const results = this.#index.search(query)
    const share = this.#shares(query, results)
    const hits: WordHit[] = []
    for (const result of results) {
      const indexed = this.#messages.get(String(result.id))
      if (indexed === undefined || !keep(indexed)) continue
      hits.push({ indexed, score: result.score, share: share(result.queryTerms) })
      if (hits.length === limit) break
    }
    return hits
  }

  /** How much of what a query says some of its words say: rare words much, those that are in every message next to nothing. */
  #shares(query: string, results: readonly SearchResult[]): (words: readonly string[]) => number {
    const found = new Map<string, number>()
    for (const { queryTerms } of results) for (const word of queryTerms) found.set(word, (found.get(word) ?? 0) + 1)
    const weight = (word: string): number => {
      const count = found.get(word) ?? 0
      return Math.log(1 + (this.#messages.size - count + 0.5) / (count + 0.5))
    }
    const sum = (words: Iterable<string>): number => [...words].reduce((total, word) => total + weight(word), 0)
    const whole = sum(new Set([...wordsOf(query), ...found.keys()]))
    return (words) => sum(words) / whole
  }

  #dropOldest(): void {
    const oldestFirst = [...this.#messages.values()].sort((a, b) => a.at - b.at)
    for (const { conversationId, seq } of oldestFirst.slice(0, oldestFirst.length - this.#capacity)) {
      this.discard(conversationId, seq)
    }
  }
}

/** Conversation ids have no slash. */
function idOf(conversationId: string, seq: number): string {
  return `${conversationId}/${seq}`
}

const tokenize = MiniSearch.getDefault('tokenize') as (text: string) => string[]
const processTerm = MiniSearch.getDefault('processTerm') as (term: string) => string

function wordsOf(query: string): string[] {
  return tokenize(query)
    .map(processTerm)
    .filter((word) => word !== '')
}
