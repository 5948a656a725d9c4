import { invalidField } from '@holdfast/errors'
import type { ActivityTimes } from './activity.js'
import type { StoreContext } from './context.js'
import { isDeleting } from './shapes.js'
import type { SearchHit, SearchOptions, SearchReport } from './conversation-store.js'
import { checkUserId } from './ids.js'
import { KeyedQueue } from './keyed-queue.js'
import type { Role } from './message.js'
import { type Indexed, MessageIndex } from './message-index.js'
import { type Candidate, type Fused, fuse, leastSimilarity } from './semantic/fusion.js'
import type { EmbeddedQuery, Meaning } from './semantic/meaning.js'
import type { IndexedMark } from './semantic/records.js'
import { behind, boundsOf } from './semantic/round.js'
import type { Keep, NearMessages } from './semantic/near-messages.js'
import { messageOf, readEntry } from './stored-messages.js'
import { checkLimit, checkRole } from './validation.js'

const maxConversations = 1000
const maxQueryLength = 2000
const maxRounds = 3
// Of each kind, before they are put in one order.
const candidates = 100

export interface SearchLimits {
  readonly users: number
  readonly messagesPerUser: number
}

interface UserIndex {
  readonly index: MessageIndex
  /** What was read of each conversation: the messages after `from` up to `seq`, the changes up to `change`. */
  readonly read: Map<string, { readonly from: number; readonly seq: number; readonly change: number }>
  readonly vectors: NearMessages | undefined
}

interface Found extends Fused {
  readonly indexed: Indexed | undefined
}

/** Search over one user's messages, by their words and, with a model for it, by what they mean. The indexes live in memory, those of the users
 *  who searched last, and are brought up to date before each answer; what they find is read again, so that an answer never holds what is no
 *  longer stored. */
export class Search {
  readonly #context: StoreContext
  readonly #activity: ActivityTimes
  readonly #limits: SearchLimits
  readonly #meaning: Meaning | undefined
  readonly #users = new Map<string, UserIndex>()
  readonly #queue = new KeyedQueue()

  constructor(context: StoreContext, activity: ActivityTimes, limits: SearchLimits, meaning: Meaning | undefined) {
    this.#context = context
    this.#activity = activity
    this.#limits = limits
    this.#meaning = meaning
  }

  async search(userId: string, query: string, options: SearchOptions): Promise<SearchReport> {
    checkUserId(userId, 'userId')
    if (typeof query !== 'string') throw invalidField('query', 'must be a string')
    const { meaning = query } = options
    if (typeof meaning !== 'string') throw invalidField('meaning', 'must be a string')
    const limit = Math.min(100, checkLimit(options.limit, 10, 100))
    const wanted = (options.roles ?? ['user', 'assistant']).map((role, i) => checkRole(role, `roles[${i}]`))
    const roles = new Set<Role>(wanted)
    const excluded = new Set((options.exclude ?? []).map(({ conversationId, seq }) => `${conversationId}/${seq}`))
    const text = query.slice(0, maxQueryLength)
    const embedding = this.#meaning?.embed(meaning.slice(0, maxQueryLength))
    const { signal } = options
    return this.#queue.run(userId, async () => {
      // It may have waited long for its turn.
      signal?.throwIfAborted()
      const user = await this.#indexOf(userId)
      const unindexed = await this.#refresh(userId, user, signal)
      const embedded = await embedding
      const keep: Keep = (found) => roles.has(found.role) && !excluded.has(`${found.conversationId}/${found.seq}`)
      for (let round = 1; ; round += 1) {
        signal?.throwIfAborted()
        const found = await find(user, text, embedded, limit, keep, wanted)
        const hits = await Promise.all(found.map((one) => this.#readAgain(user, one)))
        const standing = hits.filter((hit) => hit !== undefined)
        // Something had changed since it was indexed; by now the index knows.
        if (standing.length === found.length || round === maxRounds) {
          return { hits: standing, ...reportOf(user, embedded, unindexed) }
        }
      }
    })
  }

  /** The least recently used user goes when there are too many. */
  async #indexOf(userId: string): Promise<UserIndex> {
    const known = this.#users.get(userId)
    const user = known ?? {
      index: new MessageIndex(this.#limits.messagesPerUser),
      read: new Map(),
      vectors: await this.#meaning?.vectorsOf(userId, this.#limits.messagesPerUser),
    }
    this.#users.delete(userId)
    this.#users.set(userId, user)
    for (const [oldest] of this.#users) {
      if (this.#users.size <= this.#limits.users) break
      this.#users.delete(oldest)
    }
    return user
  }

  /** @returns how many messages are not indexed by meaning yet */
  async #refresh(userId: string, user: UserIndex, signal: AbortSignal | undefined): Promise<number> {
    const { conversations, messages, changes } = this.#context.shapes
    await this.#activity.flush()
    const sort = { lastActivityAt: -1 } as const
    const until = signal === undefined ? {} : { signal }
    const found = await conversations.find({ userId }, { sort, limit: maxConversations, ...until }).toArray()
    const documents = found.filter(({ data }) => !isDeleting(data))
    const ids = documents.map((document) => document.id)
    const known = new Set(ids)
    for (const id of user.read.keys()) {
      if (known.has(id)) continue
      user.read.delete(id)
      user.index.discardConversation(id)
    }
    if (ids.length === 0) {
      await user.vectors?.refresh(new Map())
      return 0
    }
    const [heads, changeHeads] = await Promise.all([messages.heads(ids), changes.heads(ids)])
    let budget = this.#limits.messagesPerUser
    let unindexed = 0
    const marks = new Map<string, IndexedMark>()
    for (const [position, { id, data }] of documents.entries()) {
      const seq = (heads[position]?.next ?? 1) - 1
      const change = (changeHeads[position]?.next ?? 1) - 1
      // A shared past is found where it belongs, once, as long as that is one of the user's own conversations.
      const { lineage = [] } = data
      const owned = lineage.every((past) => known.has(past.conversationId)) ? (lineage.at(-1)?.seq ?? 0) : 0
      const { from, ...before } = user.read.get(id) ?? { from: seq, seq, change }
      if (change > before.change) await this.#readChanges(user, id, before.change)
      // Newest first, as long as the budget lasts: what is new, then what had been found elsewhere before.
      budget -= await this.#readMessages(user, id, before.seq, seq + 1, budget)
      budget -= await this.#readMessages(user, id, owned, from + 1, budget)
      user.read.set(id, { from: Math.min(from, owned), seq: Math.max(seq, before.seq), change })
      if (this.#meaning === undefined) continue
      const mark = data.indexed?.[this.#meaning.model]
      if (mark !== undefined) marks.set(id, mark)
      const [head, changeHead] = [heads[position], changeHeads[position]]
      if (head === undefined || changeHead === undefined) continue
      const missing = behind(mark, boundsOf({ head, changeHead, owned }))
      unindexed += missing
      if (missing > 0) this.#context.changed(id)
    }
    await user.vectors?.refresh(marks)
    return unindexed
  }

  /** The newest of the entries between two bounds, both exclusive. */
  async #readMessages(user: UserIndex, id: string, after: number, before: number, budget: number): Promise<number> {
    let count = 0
    while (count < budget && before > after + 1) {
      const limit = Math.min(1000, budget - count)
      const entries = await this.#context.shapes.messages.read(id, { after, before, limit, reverse: true })
      for (const entry of entries) user.index.put(id, messageOf(entry))
      count += entries.length
      const oldest = entries.at(-1)
      if (oldest === undefined || entries.length < limit) break
      before = oldest.seq
    }
    return count
  }

  async #readChanges(user: UserIndex, id: string, after: number): Promise<void> {
    const { messages, changes } = this.#context.shapes
    const events = await changes.read(id, { after, limit: 10_000 })
    for (const seq of new Set(events.map(({ data }) => data.seq))) {
      user.vectors?.discard(id, seq)
      const entry = await readEntry(messages, id, seq)
      if (entry !== undefined) user.index.put(id, messageOf(entry))
    }
  }

  async #readAgain(user: UserIndex, found: Found): Promise<SearchHit | undefined> {
    const { conversationId, seq, indexed, score } = found
    const entry = await readEntry(this.#context.shapes.messages, conversationId, seq)
    if (entry === undefined) {
      user.index.discard(conversationId, seq)
      user.vectors?.discard(conversationId, seq)
      return undefined
    }
    const message = messageOf(entry)
    const isAsIndexed =
      indexed === undefined ? message.redacted === undefined : message.editedAt?.getTime() === indexed.editedAt
    if (isAsIndexed) {
      const { similarity } = found
      return { conversationId, message, score, by: waysOf(found), ...(similarity === undefined ? {} : { similarity }) }
    }
    user.index.put(conversationId, message)
    user.vectors?.discard(conversationId, seq)
    return undefined
  }
}

/** The best finds: by their words alone, scored as ever, where there is nothing to compare their meaning with. */
async function find(
  { index, vectors }: UserIndex,
  text: string,
  embedded: EmbeddedQuery | undefined,
  limit: number,
  keep: Keep,
  wanted: readonly Role[],
): Promise<Found[]> {
  if (vectors === undefined || embedded?.kind !== 'vector' || vectors.isEmpty) {
    const words = index.search(text, limit, keep)
    return words.map(({ indexed, score, share }) => ({ ...indexed, indexed, score, words: score, share }))
  }
  const found = new Map<string, Candidate>()
  for (const { indexed, score, share } of index.search(text, Math.max(candidates, limit), keep)) {
    const { conversationId, seq } = indexed
    found.set(`${conversationId}/${seq}`, { conversationId, seq, words: score, share })
  }
  for (const near of await vectors.nearest(embedded.vector, Math.max(candidates, limit), keep, wanted)) {
    const key = `${near.conversationId}/${near.seq}`
    const known = found.get(key)
    if (known !== undefined || near.similarity > leastSimilarity) found.set(key, { ...near, ...known })
  }
  return fuse([...found.values()])
    .slice(0, limit)
    .map((one) => ({ ...one, indexed: index.get(one.conversationId, one.seq) }))
}

function waysOf({ words, similarity }: Candidate): SearchHit['by'] {
  const byMeaning = similarity !== undefined && similarity > leastSimilarity
  return [...(words === undefined ? [] : (['words'] as const)), ...(byMeaning ? (['meaning'] as const) : [])]
}

function reportOf(
  { vectors }: UserIndex,
  embedded: EmbeddedQuery | undefined,
  unindexed: number,
): Omit<SearchReport, 'hits'> {
  if (embedded === undefined) return { meaning: 'off', unindexed: 0 }
  if (embedded.kind === 'failed') return { meaning: 'unavailable', unindexed, failure: embedded.failure }
  if (embedded.kind !== 'vector') return { meaning: embedded.kind, unindexed }
  return { meaning: vectors?.isEmpty === true && unindexed > 0 ? 'behind' : 'used', unindexed }
}
